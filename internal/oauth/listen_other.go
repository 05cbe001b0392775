//go:build !windows

package oauth

import "syscall"

// exclusive has nothing to do: two sockets never listen on one address and port
// here unless both ask for it with SO_REUSEPORT.
func exclusive(_, _ string, _ syscall.RawConn) error { return nil }
