//go:build unix

package term

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Inherited returns an open file that this program was started with. What it
// opened itself, as the runtime does before main, is marked to be closed in
// programs that it starts, and has a number that somebody may name by mistake:
// a passphrase must not be what is read there. See FD_CLOEXEC in fcntl(2).
func Inherited(fd int) (io.ReadCloser, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return nil, fmt.Errorf("%w: descriptor %d", ErrNotOpen, fd)
	}
	return os.NewFile(uintptr(fd), "passphrase"), nil
}
