package harden

import "golang.org/x/sys/unix"

// Process keeps debuggers from this process, and the kernel from writing a core
// of it. It is the first thing that a program does, and no error if it fails:
// there is nothing else to try. A program that this one becomes (exec) must do
// it again. See PT_DENY_ATTACH in ptrace(2).
func Process() {
	_ = unix.PtraceDenyAttach()
	noCore()
}
