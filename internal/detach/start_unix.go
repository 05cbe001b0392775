//go:build unix

package detach

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFD is the descriptor at which the child finds the lock.
const lockFD = 3

// Start runs program with args, and --locked when it gets a lock (nil: none):
// flock(2) belongs to the open file, so that it passes on without a gap. It does
// not wait.
func Start(program string, args, environ []string, lock *os.File) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	keepOthers()
	argv, files := append([]string{program}, args...), []*os.File{null, null, null}
	if lock != nil {
		argv, files = append(argv, "--locked"), append(files, lock)
	}
	p, err := os.StartProcess(program, argv, &os.ProcAttr{
		Dir: "/", Env: Environ(environ), Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	return p.Release()
}

// keepOthers keeps what our parents left open from the child: whoever reads the
// far end of such a pipe would wait for it. See C21 of the tests.
func keepOthers() {
	const most = 1024 // OPEN_MAX of most systems, and more than anybody leaves open
	for fd := lockFD; fd < most; fd++ {
		unix.CloseOnExec(fd)
	}
}

// Hold keeps the lock of a --locked run to this process: a child that stays
// would keep it for ever.
func Hold() { unix.CloseOnExec(lockFD) }
