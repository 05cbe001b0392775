package harden

import (
	"sync"
	"unsafe"
)

// keptSize is how much memory is locked, in bytes: what every system lets a
// user lock, and enough for some hundred secrets. See RLIMIT_MEMLOCK in
// getrlimit(2), 64 KiB before Linux 5.16.
const keptSize = 64 << 10

// locked is memory that is neither swapped out nor in a core. A secret that is
// in it stays until the process ends, as nobody can tell how long a string is
// used. The zero value has none.
type locked struct {
	mu   sync.Mutex
	all  []byte
	free []byte
}

// ours is the locked memory of this process. It is the one state that packages
// share: like the heap, there is one, and who makes a secret has no say in it.
var ours locked

// Lock gets the memory in which Keep keeps secrets. It is for a program that
// waits for people; where the system forbids it, secrets are in ordinary memory.
func Lock() { ours.use(lockedMemory(keptSize)) }

// Keep returns s as a string, in locked memory if there is room. Secrets are
// kept so: see cred.Secret and vault.Key.
func Keep[T ~string | ~[]byte](s T) string {
	place := ours.take(len(s))
	if len(place) == 0 {
		return string(s)
	}
	copy(place, s)
	return unsafe.String(&place[0], len(place))
}

// Wipe clears all that Keep has kept. It is the last thing that a program does.
func Wipe() { ours.wipe() }

func (l *locked) use(memory []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.free = memory, memory
}

// take returns n bytes, or nil.
func (l *locked) take(n int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > len(l.free) {
		return nil
	}
	place := l.free[:n:n]
	l.free = l.free[n:]
	return place
}

func (l *locked) wipe() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.all)
	l.free = nil
}
