//go:build unix

package doctor

import (
	"fmt"
	"os"
	"slices"
	"strings"

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

// writable says who else can write to a file or directory, "" when only the
// user and root can, and whether that is but a group. Group and others may write
// in a directory with the sticky bit, such as /tmp, but not replace what is
// others'; see unlink(2). A group with the user's own number is a private one, as
// many distributions make them.
func writable(path string) (why string, group bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", false
	}
	sticky := st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Mode&unix.S_ISVTX != 0
	switch mode := st.Mode & 0o777; {
	case int(st.Uid) != os.Geteuid() && st.Uid != 0 && !unmapped(st.Uid):
		return fmt.Sprintf("it belongs to user %d, neither you nor root", st.Uid), false
	case sticky:
		return "", false
	case mode&0o002 != 0:
		return fmt.Sprintf("everybody can write to it (mode %04o)", mode), false
	case mode&0o020 != 0 && st.Gid != st.Uid:
		return fmt.Sprintf("the group %d can write to it (mode %04o)", st.Gid, mode), true
	}
	return "", false
}

// unmapped says that a user is one from outside of the user namespace we are in,
// most likely its root: those all look like this one there. See
// user_namespaces(7), "Unmapped user and group IDs".
func unmapped(uid uint32) bool {
	const overflow = 65534
	text, err := os.ReadFile("/proc/self/uid_map")
	return uid == overflow && err == nil && !slices.Equal(strings.Fields(string(text)), []string{"0", "0", "4294967295"})
}

// private says that modes keep others out here.
func private() bool { return true }
