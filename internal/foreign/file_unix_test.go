//go:build unix

package foreign

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const two = "https://a:secret1@one.example\nhttps://b:secret2@two.example\n"

// home is a home directory with a file of git-credential-store.
func home(t *testing.T) (Place, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, ".git-credentials")
	if err := os.WriteFile(path, []byte(two), 0o600); err != nil {
		t.Fatal(err)
	}
	return Place{path, dir}, dir
}

func read(t *testing.T, p Place) *File {
	t.Helper()
	f, err := Read(gitStore(), p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// same checks that the file is as it was, and nothing lies beside it.
func same(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("the file is %q, %v", got, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestRemoveKeepsModeAndTheRest(t *testing.T) {
	t.Parallel()
	place, _ := home(t)
	if err := os.Chmod(place.Path, 0o640); err != nil {
		t.Fatal(err)
	}
	f := read(t, place)
	if err := f.Remove(f.Entries[0]); err != nil {
		t.Fatal(err)
	}
	same(t, place.Path, "https://b:secret2@two.example\n")
	info, err := os.Stat(place.Path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	stale := f.Entries[0]
	stale.cut, stale.value = span{0, 9999}, span{0, 9999}
	if err := f.Remove(stale); err != nil {
		t.Fatal(err)
	}
	same(t, place.Path, "")
	if err := f.Remove(stale); err != nil {
		t.Errorf("an entry that is gone: %v", err)
	}
	same(t, place.Path, "")
}

// S06: nor is one rewritten.
func TestRewriteRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, place Place, dir string)
		want  error
	}{
		"a file that is gone": {func(t *testing.T, place Place, _ string) {
			if err := os.Remove(place.Path); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrNotExist},
		"a file that has become a link": {func(t *testing.T, place Place, dir string) {
			if err := os.Rename(place.Path, dir+"/other"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("other", place.Path); err != nil {
				t.Fatal(err)
			}
		}, ErrChanged},
		"a directory that all may write": {func(t *testing.T, _ Place, dir string) {
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}, ErrUnsafe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place, dir := home(t)
			f := read(t, place)
			c.spoil(t, place, dir)
			before, _ := os.ReadFile(place.Path)
			if err := f.Remove(f.Entries[0]); !errors.Is(err, c.want) {
				t.Errorf("it answered %v, not %v", err, c.want)
			}
			if before != nil {
				same(t, place.Path, string(before))
			}
		})
	}
}

// What others write meanwhile is not lost, and hinders nothing.
func TestRemoveMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now, want string
	}{
		"an entry was added":       {"https://c:secret3@three.example\n" + two, "https://c:secret3@three.example\nhttps://b:secret2@two.example\n"},
		"the file was only placed": {two, "https://b:secret2@two.example\n"},
		"the entry is gone":        {"https://b:secret2@two.example\n", "https://b:secret2@two.example\n"},
	} {
		place, dir := home(t)
		f := read(t, place)
		if err := os.WriteFile(dir+"/new", []byte(c.now), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir+"/new", place.Path); err != nil {
			t.Fatal(err)
		}
		if err := f.Remove(f.Entries[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		same(t, place.Path, c.want)
	}
}

// Git holds FILE.lock while it writes FILE.
func TestRewriteLocked(t *testing.T) {
	t.Parallel()
	place, _ := home(t)
	f := read(t, place)
	if err := os.WriteFile(place.Path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(f.Entries[0]); !errors.Is(err, ErrLocked) {
		t.Errorf("it answered %v", err)
	}
	if err := os.Remove(place.Path + ".lock"); err != nil {
		t.Fatal(err)
	}
	same(t, place.Path, two)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	place, dir := home(t)
	outside := filepath.Join(t.TempDir(), "dotfiles")
	if err := os.WriteFile(outside, []byte(two), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := Place{filepath.Join(dir, "inside"), dir}
	out := Place{filepath.Join(dir, "out"), dir}
	for link, to := range map[string]string{inside.Path: place.Path, out.Path: outside} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	f := read(t, out)
	if len(f.Entries) != 2 {
		t.Errorf("%d entries", len(f.Entries))
	}
	if err := f.Remove(f.Entries[0]); !errors.Is(err, ErrUnsafe) {
		t.Errorf("out of the home: %v", err)
	}
	same(t, outside, two)
	f = read(t, inside)
	if err := f.Remove(f.Entries[0]); err != nil {
		t.Error(err)
	}
	if to, err := os.Readlink(inside.Path); err != nil || to != place.Path {
		t.Errorf("the link is %q, %v", to, err)
	}
	same(t, place.Path, "https://b:secret2@two.example\n")

	if err := os.Link(place.Path, filepath.Join(dir, "second")); err != nil {
		t.Fatal(err)
	}
	f = read(t, place)
	if err := f.Remove(f.Entries[0]); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a hard link: %v", err)
	}
}

// S06: what is no file of ours is not read, and keeps nobody waiting.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, folder, big := filepath.Join(dir, "fifo"), filepath.Join(dir, "folder"), filepath.Join(dir, "big")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, small+1); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		fifo: ErrUnsafe, folder: ErrUnsafe, big: ErrTooBig, "/dev/zero": ErrUnsafe, filepath.Join(dir, "none"): fs.ErrNotExist, loop: nil,
	} {
		done := make(chan error, 1)
		go func() { _, err := Read(gitStore(), Place{path, dir}); done <- err }()
		select {
		case err := <-done:
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v, not %v", path, err, want)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s keeps waiting", path)
		}
	}
}

// Another user's file: /etc/passwd is root's, and root is given one of nobody's.
func TestForeignOwner(t *testing.T) {
	t.Parallel()
	place, dir := home(t)
	theirs := Place{"/etc/passwd", "/etc"}
	if os.Geteuid() == 0 {
		if err := os.Chown(place.Path, 65534, -1); err != nil {
			t.Fatal(err)
		}
		theirs = Place{place.Path, dir}
	}
	if _, err := Read(gitStore(), theirs); !errors.Is(err, ErrUnsafe) {
		t.Errorf("it answered %v", err)
	}
}
