//go:build linux

package patrol_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/helper"
)

// cmdBackground waits until what patrol does in the background has ended: the
// lock is handed on to it without a gap, and ends with it.
func cmdBackground(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 0, "background")
	_ = filepath.WalkDir(of(ts).work, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != helper.UpkeepLock {
			return nil
		}
		for end := time.Now().Add(patience); isHeld(path); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				ts.Fatalf("what runs in the background does not end")
			}
		}
		return nil
	})
}

// isHeld reports whether a process has a lock on the file.
func isHeld(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}
