//go:build unix

package sshkey

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// mine refuses what belongs to somebody else, or what others can write.
func mine(path string, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, not to you", path, st.Uid)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be written by others (mode %#o)", path, info.Mode().Perm())
	}
	return nil
}
