//go:build unix

package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/cred"
)

func modeOf(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().String()
}

// S05: whatever the umask, directories are 0700 and files 0600, and a second
// process can use what the first one made.
func TestS05Umask(t *testing.T) {
	t.Parallel()
	for _, mask := range []string{"000", "022", "077", "0177", "0277", "0777"} {
		t.Run(mask, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			cmd := start(t, "umask", "made/on the way/patrol", NewKey(), mask)
			give(t, home, cmd)
			run(t, cmd)
			for path, want := range map[string]string{
				"made": "drwx------", "made/on the way": "drwx------", "made/on the way/patrol": "drwx------",
				"made/on the way/patrol/vault": "-rw-------", "made/on the way/patrol/vault.lock": "-rw-------",
			} {
				if got := modeOf(t, filepath.Join(home, path)); got != want {
					t.Errorf("%s has mode %s", path, got)
				}
			}
		})
	}
}

// What an attacker, or a careless copy, may have put where a file of ours
// should be.
func plantings(t *testing.T) map[string]func(path string) error {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, []byte("keep me"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if got, err := os.ReadFile(elsewhere); err != nil || string(got) != "keep me" {
			t.Errorf("the far end became %q, %v", got, err)
		}
	})
	planted := map[string]func(string) error{
		"symlink to a file":       func(path string) error { return os.Symlink(elsewhere, path) },
		"symlink to nothing":      func(path string) error { return os.Symlink(filepath.Join(t.TempDir(), "nothing"), path) },
		"symlink to itself":       func(path string) error { return os.Symlink(path, path) },
		"symlink to /dev/zero":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"FIFO":                    func(path string) error { return unix.Mkfifo(path, 0o600) },
		"directory":               func(path string) error { return os.Mkdir(path, 0o700) },
		"hard link":               func(path string) error { return os.Link(elsewhere, path) },
		"file others may read":    func(path string) error { return writeMode(path, 0o644) },
		"file the group may read": func(path string) error { return writeMode(path, 0o640) },
		"file others may write":   func(path string) error { return writeMode(path, 0o602) },
		"socket": func(path string) error {
			// The path of a socket is short; it is made elsewhere and moved.
			dir, err := os.MkdirTemp("", "s")
			if err != nil {
				return err
			}
			l, err := net.Listen("unix", filepath.Join(dir, "s"))
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close(); _ = os.RemoveAll(dir) })
			return os.Rename(filepath.Join(dir, "s"), path)
		},
	}
	if os.Geteuid() == 0 {
		planted["file of another user"] = func(path string) error {
			return errors.Join(writeMode(path, 0o600), os.Chown(path, nobody, nobody))
		}
	}
	return planted
}

func writeMode(path string, mode fs.FileMode) error {
	return errors.Join(os.WriteFile(path, []byte("planted"), mode), os.Chmod(path, mode))
}

// S06: where the vault should be there is something else.
func TestS06PlantedVault(t *testing.T) {
	t.Parallel()
	for name, plant := range plantings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, key := newVault(t)
			if err := errors.Join(os.Remove(v.Path()), plant(v.Path())); err != nil {
				t.Fatal(err)
			}
			before := modeOf(t, v.Path())
			_, load := v.Load()
			update := v.Update(t.Context(), key, func(*Records) error { return nil })
			_, create := v.Create(t.Context(), "test", func(string, Key) error { t.Error("a new key"); return nil })
			for what, err := range map[string]error{"Load": load, "Update": update, "Create": create} {
				if !errors.Is(err, ErrUnsafe) {
					t.Errorf("%s says %v", what, err)
				}
			}
			if after := modeOf(t, v.Path()); after != before {
				t.Errorf("%s became %s", before, after)
			}
		})
	}
}

// S06: where the lock should be there is something else.
func TestS06PlantedLock(t *testing.T) {
	t.Parallel()
	for name, plant := range plantings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, key := newVault(t)
			lock := filepath.Join(v.Dir(), lockName)
			if err := errors.Join(os.Remove(lock), plant(lock)); err != nil {
				t.Fatal(err)
			}
			err := v.Update(t.Context(), key, func(*Records) error { t.Error("changed"); return nil })
			if !errors.Is(err, ErrUnsafe) {
				t.Errorf("Update says %v", err)
			}
			if _, err := v.Load(); err != nil { // C01: who only reads does not care
				t.Errorf("Load says %v", err)
			}
		})
	}
}

// S06 and S07: what lies in the way of the new file is taken away, never
// followed and never written through.
func TestS06PlantedTemporaryFile(t *testing.T) {
	t.Parallel()
	for name, plant := range plantings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, key := newVault(t)
			if err := plant(filepath.Join(v.Dir(), newName)); err != nil {
				t.Fatal(err)
			}
			update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
			if r := openVault(t, v, key); secretOf(t, r, &r.List[0]) != "secret of a.example" {
				t.Error("the change is lost")
			}
			if got := modeOf(t, v.Path()); got != "-rw-------" {
				t.Errorf("the vault has mode %s", got)
			}
		})
	}
}

// S06 and S20: the directory is not ours alone.
func TestS06Directory(t *testing.T) {
	t.Parallel()
	rename := func(t *testing.T, v *Vault) {
		t.Helper()
		if err := os.Rename(v.Dir(), v.Dir()+".real"); err != nil {
			t.Fatal(err)
		}
	}
	mode := func(mode fs.FileMode) func(*testing.T, *Vault) error {
		return func(_ *testing.T, v *Vault) error { return os.Chmod(v.Dir(), mode) }
	}
	cases := map[string]func(t *testing.T, v *Vault) error{
		"group may write": mode(0o770), "group may enter": mode(0o710), "others may enter": mode(0o701), "others may write": mode(0o777),
		"sticky": mode(0o777 | fs.ModeSticky),
		"symlink to one of ours": func(t *testing.T, v *Vault) error {
			rename(t, v)
			return os.Symlink(v.Dir()+".real", v.Dir())
		},
		"symlink to nothing": func(t *testing.T, v *Vault) error {
			rename(t, v)
			return os.Symlink(filepath.Join(t.TempDir(), "nothing"), v.Dir())
		},
		"FIFO": func(t *testing.T, v *Vault) error { rename(t, v); return unix.Mkfifo(v.Dir(), 0o700) },
		"file": func(t *testing.T, v *Vault) error { rename(t, v); return os.WriteFile(v.Dir(), nil, 0o600) },
	}
	if os.Geteuid() == 0 {
		cases["of another user"] = func(_ *testing.T, v *Vault) error { return os.Chown(v.Dir(), nobody, nobody) }
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, key := newVault(t)
			if err := spoil(t, v); err != nil {
				t.Fatal(err)
			}
			_, load := v.Load()
			update := v.Update(t.Context(), key, func(*Records) error { t.Error("changed"); return nil })
			_, create := v.Create(t.Context(), "test", func(string, Key) error { t.Error("a new key"); return nil })
			for what, err := range map[string]error{"Load": load, "Update": update, "Create": create} {
				if !errors.Is(err, ErrUnsafe) {
					t.Errorf("%s says %v", what, err)
				}
			}
		})
	}
}

// S20 and X08: neither a file nor a directory of another user will do. As root
// there are some to make; any other user finds root's own.
func TestS20ForeignOwner(t *testing.T) {
	t.Parallel()
	dir := "/"
	if os.Geteuid() == 0 {
		dir = t.TempDir()
		file := filepath.Join(t.TempDir(), "file")
		if err := errors.Join(os.Chmod(dir, 0o700), os.Chown(dir, nobody, nobody), writeMode(file, 0o600), os.Chown(file, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := checkFile(f); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "belongs to user 65534") {
			t.Errorf("file: %v", err)
		}
		// A parent of another user: root would leave files there.
		if err := makeDir(filepath.Join(dir, "sub", "patrol")); !errors.Is(err, ErrUnsafe) {
			t.Errorf("below it: %v", err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("there is something in it: %v, %v", entries, err)
		}
	}
	if err := checkDir(dir); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("directory: %v", err)
	}
	if _, err := In(dir).Load(); !errors.Is(err, ErrUnsafe) {
		t.Errorf("Load says %v", err)
	}
}

// S06: what a key source keeps beside the vault is held to the same rules.
func TestS06PrivateFile(t *testing.T) {
	t.Parallel()
	v, _ := newVault(t)
	if _, err := v.ReadPrivate("key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	for _, text := range []string{"one", "", "three"} {
		if err := v.WritePrivate("key", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := v.ReadPrivate("key"); err != nil || string(got) != text {
			t.Errorf("wrote %q, read %q, %v", text, got, err)
		}
	}
	if got := modeOf(t, filepath.Join(v.Dir(), "key")); got != "-rw-------" {
		t.Errorf("mode %s", got)
	}
	for name, plant := range plantings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, _ := newVault(t)
			path := filepath.Join(v.Dir(), "key")
			if err := plant(path); err != nil {
				t.Fatal(err)
			}
			if got, err := v.ReadPrivate("key"); !errors.Is(err, ErrUnsafe) {
				t.Errorf("read %q, %v", got, err)
			}
			if err := plant(path + ".new"); err != nil {
				t.Fatal(err)
			}
			// A directory cannot be replaced by a file; all else is, and its far
			// end is left alone.
			if err := v.WritePrivate("key", []byte("mine")); (err != nil) != (name == "directory") {
				t.Errorf("write: %v", err)
			} else if got, err := v.ReadPrivate("key"); name != "directory" && (err != nil || string(got) != "mine") {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
	if err := os.Chmod(v.Dir(), 0o750); err != nil {
		t.Fatal(err)
	}
	_, read := v.ReadPrivate("key")
	if write := v.WritePrivate("key", nil); !errors.Is(read, ErrUnsafe) || !errors.Is(write, ErrUnsafe) {
		t.Errorf("in an open directory: %v, %v", read, write)
	}
}

// S07 and C08: killed at any moment, a writer leaves the old vault or the new
// one, and no file that others can read. Readers see one or the other.
func TestS07KilledWriter(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	update(t, v, key, func(r *Records) { r.Add(login("a.example")); r.Add(login("b.example")) })
	random := rand.New(rand.NewPCG(3, 4))
	var last uint64
	for range 30 {
		cmd := start(t, "write", v.Dir(), key)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		// The moment is random on purpose; none of them may be a bad one.
		for until := time.Now().Add(time.Duration(random.IntN(12_000)) * time.Microsecond); time.Now().Before(until); {
			last = whole(t, v, key, last)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		last = whole(t, v, key, last)
		// The dead process's lock and temporary file are in nobody's way.
		update(t, v, key, func(r *Records) {
			for i := range r.List {
				r.List[i].SetSecrets(Secrets{Secret: cred.NewSecret("ours")})
			}
		})
		if _, err := os.Lstat(filepath.Join(v.Dir(), newName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the temporary file is still there: %v", err)
		}
	}
}

// whole checks that the vault opens, that both records have the same secret,
// that it is no older than before and that no file is open to others. It
// returns the generation.
func whole(t *testing.T, v *Vault, key Key, last uint64) uint64 {
	t.Helper()
	r := openVault(t, v, key)
	a, b := secretOf(t, r, &r.List[0]), secretOf(t, r, &r.List[1])
	if a != b && a != "secret of b.example" {
		t.Errorf("half a write: %.20q and %.20q", a, b)
	}
	if r.Generation < last {
		t.Errorf("generation %d after %d", r.Generation, last)
	}
	for _, name := range []string{fileName, newName, lockName} {
		info, err := os.Lstat(filepath.Join(v.Dir(), name))
		if err == nil && info.Mode()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	return r.Generation
}

// C08: what cannot be written whole is not written.
func TestC08DiskFull(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 1, 100, 3000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			v, key := newVault(t)
			update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
			before := contents(t, v)
			run(t, start(t, "limit", v.Dir(), key, fmt.Sprint(limit)))
			if string(contents(t, v)) != string(before) {
				t.Error("the vault changed")
			}
			if _, err := os.Lstat(filepath.Join(v.Dir(), newName)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the temporary file is still there: %v", err)
			}
			update(t, v, key, func(r *Records) { r.Add(login("b.example")) })
		})
	}
}

func TestC08ReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	cmd := start(t, "readonly", "patrol", NewKey())
	give(t, t.TempDir(), cmd)
	run(t, cmd)
}

// C06 and C17: a lock is waited for as long as the caller likes, and falls with
// its holder, be it stopped or killed.
func TestC17LockHolder(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stop", "sleep"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			v, key := newVault(t)
			cmd := start(t, "hold", v.Dir(), key, how)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := v.Update(short, key, nil); !errors.Is(err, ErrBusy) {
				t.Errorf("while it is held: %v", err)
			}
			if _, err := v.Load(); err != nil {
				t.Errorf("reading while it is held: %v", err)
			}
			waiting := make(chan error)
			go func() {
				waiting <- v.Update(t.Context(), key, func(*Records) error { return nil })
			}()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if err := <-waiting; err != nil {
				t.Errorf("when the holder is dead: %v", err)
			}
		})
	}
}
