//go:build unix

package git

import "syscall"

// roomNeeded is how many descriptors it takes to run git: its three streams as
// pipes, those that start a process, and the runtime's poller.
const roomNeeded = 12

// room fails where so few files may be open that git cannot be run. It must be
// known before: Go's runtime ends the program with a dump of its stacks when
// there is no descriptor for its poller. See netpollinit in
// https://go.dev/src/runtime/netpoll_epoll.go.
func room() (err error) {
	var open []int
	for len(open) < roomNeeded && err == nil {
		var fd int
		if fd, err = syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err == nil {
			open = append(open, fd)
		}
	}
	for _, fd := range open {
		_ = syscall.Close(fd)
	}
	return err
}
