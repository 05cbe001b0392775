package emulator

import "sync"

// activity counts what runs, and lets Close wait for the end of it. Unlike a
// sync.WaitGroup it may be entered while somebody waits, and says no then.
type activity struct {
	mu      sync.Mutex
	idle    sync.Cond
	running int
	closed  bool
}

// begin enters, unless wait was called.
func (a *activity) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.running++
	return true
}

// end leaves.
func (a *activity) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
	if a.running == 0 && a.idle.L != nil {
		a.idle.Broadcast()
	}
}

// wait refuses newcomers and returns when the last one has left.
func (a *activity) wait() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.idle.L = &a.mu
	for a.running > 0 {
		a.idle.Wait()
	}
}
