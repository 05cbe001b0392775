//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// input returns standard input, which ends with os.ErrDeadlineExceeded after
// end, and what to call once the request has been read.
func input(end time.Time) (r io.Reader, heard func()) {
	return &bounded{os.Stdin, end}, func() {}
}

// bounded waits for input with poll(2): a timer would start the runtime's
// poller and a thread for it, at every run.
type bounded struct {
	file *os.File
	end  time.Time
}

func (b *bounded) Read(p []byte) (int, error) {
	for {
		left := max(time.Until(b.end), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.file.Fd()), Events: unix.POLLIN}}, int(left.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err == nil && n == 0:
			return 0, os.ErrDeadlineExceeded
		default: // also for what cannot be polled
			return b.file.Read(p)
		}
	}
}
