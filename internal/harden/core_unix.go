//go:build unix

package harden

import "golang.org/x/sys/unix"

// noCore keeps the kernel from writing a core file. The hard limit stays, for
// the browser that we start. See getrlimit(2).
func noCore() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
}
