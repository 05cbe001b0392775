//go:build unix

package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// unread reports whether nobody can read what is written to w any more: the
// other end of the pipe is closed. See POLLERR in poll(2).
func unread(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&unix.POLLERR != 0
}
