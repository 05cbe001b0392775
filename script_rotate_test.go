//go:build linux

package patrol_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

// cmdBackground waits until what patrol does in the background has ended: the
// lock is handed on to it without a gap, and ends with it. With -at, it waits
// until the vault shows how far that has come. With -kill, it is ended, in the
// way that nothing can prepare for.
func cmdBackground(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "background, background -at begun|intended|stored [N], or background -kill"
	need(ts, !neg, usage)
	switch {
	case len(args) >= 2 && args[0] == "-at":
		reached, want := progress()[args[1]], 1
		need(ts, reached != nil && len(args) <= 3, usage)
		if len(args) == 3 {
			want = number(ts, args[2])
		}
		for end := time.Now().Add(patience / 3); count(recordsOf(ts), reached) < want; time.Sleep(2 * time.Millisecond) {
			if time.Now().After(end) {
				ts.Fatalf("what runs in the background does not come so far")
			}
		}
		return
	case slices.Equal(args, []string{"-kill"}):
		ts.Check(killUpkeep(recordsOf(ts)))
	default:
		need(ts, len(args) == 0, usage)
	}
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

func count(records []vault.Record, is func(vault.Record) bool) int {
	return len(slices.DeleteFunc(slices.Clone(records), func(rec vault.Record) bool { return !is(rec) }))
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

// progress is what tells from a record how far a renewal has come.
func progress() map[string]func(vault.Record) bool {
	return map[string]func(vault.Record) bool{
		"begun":    func(rec vault.Record) bool { return rec.Answers() && rec.Tries > 0 },
		"intended": func(rec vault.Record) bool { return rec.Kind == vault.Intent },
		"stored":   func(rec vault.Record) bool { return rec.Kind == vault.PAT && rec.Verified.IsZero() },
	}
}

// killUpkeep kills the run in the background that renews one of the records.
// Only its arguments tell: the process is closed to others.
func killUpkeep(records []vault.Record) error {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		line, _ := os.ReadFile(name)
		args := strings.Split(string(line), "\x00")
		if len(args) < 3 || args[1] != "upkeep" || !slices.ContainsFunc(records, func(rec vault.Record) bool { return rec.ID == args[2] }) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return err
		}
		return unix.Kill(pid, unix.SIGKILL)
	}
	return errors.New("nothing is renewed in the background")
}

// recordsOf opens the vault of the script's home.
func recordsOf(ts *testscript.TestScript) []vault.Record {
	dir, err := vault.DefaultDir(ts.Getenv)
	ts.Check(err)
	f, err := vault.In(dir).Load()
	ts.Check(err)
	key, err := keyring.Load(f.ID)
	ts.Check(err)
	r, err := f.Open(key)
	ts.Check(err)
	return r.List
}
