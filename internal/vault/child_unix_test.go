//go:build unix

package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/cred"
)

// A test that needs a process of its own runs the test binary again with this
// variable naming what to do.
const childVariable = "PATROL_VAULT_CHILD"

// nobody is another user for the tests that run as root.
const nobody = 65534

func TestMain(m *testing.M) {
	name := os.Getenv(childVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	children := map[string]func(child) error{
		"umask": childUmask, "write": childWrite, "hold": childHold, "store": childStore, "create": childCreate,
		"limit": childLimit, "readonly": childReadOnly, "work": childWork,
	}
	if err := children[name](child(os.Args[1:])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is the arguments of a child: directory and key of a vault, and the rest.
type child []string

func (c child) vault() *Vault { return In(c[0]) }

func (c child) key() Key {
	b, err := hex.DecodeString(c[1])
	if err != nil {
		panic(err)
	}
	key, err := KeyFromBytes(b)
	if err != nil {
		panic(err)
	}
	return key
}

// start makes a child that is killed at the latest with the test.
func start(t *testing.T, name, dir string, key Key, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{dir, hex.EncodeToString(key.Bytes())}, args...)...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childVariable+"="+name) // no second's sleep under -race
	return cmd
}

// run runs a child to its end.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", cmd.Env[len(cmd.Env)-1], err, out)
	}
}

// notRoot becomes another user when root, to whom file modes mean nothing.
func notRoot() error {
	if os.Geteuid() != 0 {
		return nil
	}
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody))
}

// give makes dir a place where a child that called notRoot may write. The
// child reaches it as its working directory, whatever lies above.
func give(t *testing.T, dir string, cmd *exec.Cmd) {
	t.Helper()
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Dir = dir
}

func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}

// change puts value as the secret of every record of host, or adds one.
func change(v *Vault, key Key, host, value string) error {
	ctx, cancel := background()
	defer cancel()
	return v.Update(ctx, key, func(r *Records) error {
		for i := range r.List {
			if r.List[i].Host == host {
				r.List[i].SetSecrets(Secrets{Secret: cred.NewSecret(value)})
				return nil
			}
		}
		rec := login(host)
		rec.SetSecrets(Secrets{Secret: cred.NewSecret(value)})
		r.Add(rec)
		return nil
	})
}

// childUmask makes a vault and writes to it under a umask.
func childUmask(c child) error {
	mask, err := strconv.ParseUint(c[2], 8, 32)
	if err != nil {
		return err
	}
	if err := notRoot(); err != nil {
		return err
	}
	unix.Umask(int(mask))
	v := c.vault()
	ctx, cancel := background()
	defer cancel()
	key, err := v.Create(ctx, "test", func(string, Key) error { return nil })
	for range 2 {
		if err == nil {
			err = change(v, key, "a.example", "s")
		}
	}
	if err == nil {
		_, err = v.Load()
	}
	return err
}

// childWrite changes two records to the same new value, again and again.
func childWrite(c child) error {
	unix.Umask(0)
	for n := 0; ; n++ {
		ctx, cancel := background()
		err := c.vault().Update(ctx, c.key(), func(r *Records) error {
			for i := range r.List {
				value := strings.Repeat(strconv.Itoa(n)+" ", 2000)
				r.List[i].SetSecrets(Secrets{Secret: cred.NewSecret(value)})
			}
			return nil
		})
		cancel()
		if err != nil {
			return err
		}
		if n == 0 {
			fmt.Println("ready")
		}
	}
}

// childHold takes the writer lock, says so and stops.
func childHold(c child) error {
	if _, err := c.vault().lock(context.Background()); err != nil {
		return err
	}
	fmt.Println("ready")
	if c[2] == "stop" {
		return unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
	time.Sleep(time.Minute)
	return nil
}

func childStore(c child) error { return change(c.vault(), c.key(), c[2], "secret of "+c[2]) }

func childCreate(c child) error {
	ctx, cancel := background()
	defer cancel()
	key, err := c.vault().Create(ctx, "test", func(string, Key) error { return nil })
	if errors.Is(err, ErrExists) {
		fmt.Print("exists")
		return nil
	}
	fmt.Print(hex.EncodeToString(key.Bytes()))
	return err
}

// childLimit writes where no file may grow beyond a number of bytes, which is
// a full disk to the writer.
func childLimit(c child) error {
	limit, err := strconv.ParseUint(c[2], 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(unix.SIGXFSZ)
	var r unix.Rlimit
	set(&r.Cur, limit)
	set(&r.Max, limit)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &r); err != nil {
		return err
	}
	if err := change(c.vault(), c.key(), "b.example", strings.Repeat("x", 5000)); !errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("writing beyond the limit says %v", err)
	}
	return nil
}

// set bridges the systems, whose limits are of one type or the other.
func set[T int64 | uint64](to *T, n uint64) { *to = T(n) }

// childReadOnly makes a vault, takes the right to write its directory away, and
// tries to write.
func childReadOnly(c child) error {
	if err := notRoot(); err != nil {
		return err
	}
	v := c.vault()
	ctx, cancel := background()
	defer cancel()
	key, err := v.Create(ctx, "test", func(string, Key) error { return nil })
	if err == nil {
		err = change(v, key, "a.example", "s")
	}
	if err != nil {
		return err
	}
	for _, lock := range []bool{true, false} { // with the lock file there, and without
		before, err := os.ReadFile(v.Path())
		if err != nil {
			return err
		}
		if !lock {
			if err := os.Remove(v.Path() + ".lock"); err != nil {
				return err
			}
		}
		if err := os.Chmod(v.Dir(), 0o500); err != nil {
			return err
		}
		if err := change(v, key, "b.example", "s"); !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("writing in a read-only directory says %v", err)
		}
		if f, err := v.Load(); err != nil {
			return err
		} else if r, err := f.Open(key); err != nil || len(r.List) != 1 {
			return fmt.Errorf("reading in a read-only directory: %v", err)
		}
		if after, err := os.ReadFile(v.Path()); err != nil || string(after) != string(before) {
			return errors.New("the vault changed")
		}
		if err := os.Chmod(v.Dir(), 0o700); err != nil {
			return err
		}
	}
	return nil
}
