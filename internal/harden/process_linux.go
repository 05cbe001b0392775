package harden

import "golang.org/x/sys/unix"

// Process closes this process to other programs of its user: they cannot attach
// to it, nor read its memory and its environment, and the kernel writes no core
// of it. It is the first thing that a program does, and no error if it fails:
// there is nothing else to try. A program that this one becomes (exec) must do
// it again. See PR_SET_DUMPABLE in prctl(2), and ptrace(2).
func Process() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	noCore()
}
