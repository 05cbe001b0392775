//go:build unix

package doctor

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// own refuses what belongs to another user: what root writes there would be
// root's.
func own(path string) error {
	uid, err := owner(path)
	if err == nil && uid != os.Geteuid() {
		err = fmt.Errorf("%s belongs to user %d, not to you", path, uid)
	}
	return err
}

func owner(path string) (int, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return int(st.Uid), nil
}
