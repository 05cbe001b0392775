package emulator

import (
	"sync"
	"time"
)

// clock is the base clock moved by an offset. Expiry, creation dates and the
// request log follow it; TLS does not, since clients check certificates
// against their own clocks.
type clock struct {
	base   func() time.Time
	mu     sync.Mutex
	offset time.Duration
}

// now is the emulator's time, in UTC.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.offset).UTC()
}

// advance moves the clock, backwards if d is negative.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// set moves the clock to t; it goes on from there.
func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = t.Sub(c.base())
}
