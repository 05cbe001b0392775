//go:build linux

package demo_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noKeyring makes this test binary a launcher: it forbids the kernel keyring to
// itself, as many containers do, and becomes the program of its arguments.
const noKeyring = "PATROL_TEST_NO_KEYRING"

func TestMain(m *testing.M) {
	if os.Getenv(noKeyring) != "" {
		fmt.Fprintln(os.Stderr, execWithoutKeyring(os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// execWithoutKeyring returns only where it fails. See seccomp(2).
func execWithoutKeyring(args []string) error {
	runtime.LockOSThread() // the filter is the thread's
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
		refuse = 0x00050000 | uint32(unix.EPERM) // SECCOMP_RET_ERRNO
		allow  = 0x7fff0000                      // SECCOMP_RET_ALLOW
	)
	filter := []unix.SockFilter{
		{Code: load}, // the number of the system call
		{Code: equal, K: unix.SYS_ADD_KEY, Jt: 2},
		{Code: equal, K: unix.SYS_KEYCTL, Jt: 1},
		{Code: answer, K: allow},
		{Code: answer, K: refuse},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	if err := os.Unsetenv(noKeyring); err != nil {
		return err
	}
	return unix.Exec(path, args, os.Environ())
}
