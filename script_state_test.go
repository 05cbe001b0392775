//go:build linux

package patrol_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/keyring"
)

// script is what one script has made.
type script struct {
	work     string
	traces   string // what Git writes down while it runs
	bin      programs
	canaries canaries
	emulator *emulator.Emulator
	pats     map[string]string // id by name of the secret
	bundle   []byte            // certificates that Git and patrol are to trust
	exempt   map[string]bool   // files in which the script put a secret itself
	vaults   map[string]bool   // ids
	passing  sync.Map          // ids seen while the script runs: a vault may be removed
	clocked  bool
	offset   time.Duration
	bad      badDays
	session  *session
}

func newScript(work string, bin programs) *script {
	return &script{work: work, traces: filepath.Join(bin.traces, filepath.Base(work)), bin: bin, pats: map[string]string{}, exempt: map[string]bool{}, vaults: map[string]bool{}}
}

// finish checks what a script leaves, after its last line and before its
// directory is removed.
func (s *script) finish(t *testing.T, w *watcher) {
	complaints := w.end(s)
	s.removeKeys(t)
	if !t.Failed() {
		complaints = append(append(complaints, s.searchFiles()...), s.missingTraces()...)
	}
	for _, c := range complaints {
		t.Error(c)
	}
}

// removeKeys takes the keys of the script's vaults out of the kernel keyring.
func (s *script) removeKeys(t *testing.T) {
	s.findVaults(s.work)
	for id := range s.passing.Range {
		s.vaults[fmt.Sprint(id)] = true
	}
	for id := range s.vaults {
		if err := keyring.Clear(id); err != nil {
			t.Errorf("the key of vault %s stays: %v", id, err)
		}
	}
}

// findVaults notes the ids of vaults, also of those set aside, below dir.
func (s *script) findVaults(dir string) (last string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasPrefix(d.Name(), "vault") {
			return nil
		}
		if id := vaultIn(path); id != "" {
			s.vaults[id], last = true, id
		}
		return nil
	})
	return last
}

// vaultIn reads the id of a vault from the first line of its file.
func vaultIn(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a script may put a FIFO there
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	var format int
	var id string
	if n, _ := fmt.Fscanf(f, "patrol-vault %d %s", &format, &id); n != 2 {
		return ""
	}
	return id
}

// glimpse notes the vault that is there now.
func (s *script) glimpse() {
	if id := vaultIn(filepath.Join(s.work, "home", ".local", "share", "patrol", "vault")); id != "" {
		s.passing.Store(id, true)
	}
}

// searchFiles looks for canaries in every file of the script and of its traces,
// and in the names of files.
func (s *script) searchFiles() (complaints []string) {
	return append(s.searchBelow(s.work), s.searchBelow(s.traces)...)
}

func (s *script) searchBelow(dir string) (complaints []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || s.exempt[path] {
			return err
		}
		text := []byte(path)
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = append(append(text, 0), data...)
		}
		if found := s.canaries.find(text); len(found) > 0 {
			complaints = append(complaints, fmt.Sprintf("%s holds a secret: %s", s.canaries.redact(path), strings.Join(found, ", ")))
		}
		return nil
	})
	if err != nil {
		complaints = append(complaints, err.Error())
	}
	return complaints
}

// searchLog looks for canaries in what programs printed.
func (s *script) searchLog(text string) (complaints []string) {
	if found := s.canaries.find([]byte(text)); len(found) > 0 {
		complaints = append(complaints, "the output of a program holds a secret: "+strings.Join(found, ", "))
	}
	return complaints
}
