package keyring_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

// A test that needs a process of its own runs the test binary again with this
// variable naming what to do first.
const childVariable = "PATROL_KEYRING_CHILD"

func TestMain(m *testing.M) {
	name := os.Getenv(childVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	// Session keyrings and user ids belong to a thread.
	runtime.LockOSThread()
	if err := before[name](); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	if err := child(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// before is what a child does to its own process, by the name of the child.
var before = map[string]func() error{
	"as it is":          func() error { return nil },
	"foreign session":   joinSession,
	"unlinked session":  unlinkSession,
	"revoked session":   revokeSession,
	"another user":      func() error { return errors.Join(joinSession(), becomeNobody()) },
	"forbidden: EPERM":  func() error { return forbid(unix.EPERM) },
	"forbidden: ENOSYS": func() error { return forbid(unix.ENOSYS) },
	"forbidden: EACCES": func() error { return forbid(unix.EACCES) },
}

// child does an operation and says what came of it.
func child(args []string) error {
	operation, id := args[0], args[1]
	var err error
	switch operation {
	case "load":
		var key vault.Key
		if key, err = keyring.Load(id); err == nil {
			fmt.Print(key.ID())
			return nil
		}
	case "save":
		key := vault.NewKey()
		if err = keyring.Save(id, key, time.Minute); err == nil {
			fmt.Print(key.ID())
			return nil
		}
	case "clear":
		err = keyring.Clear(id)
	case "remaining":
		var left string
		if left, err = keyring.Remaining(id); err == nil {
			fmt.Print(left)
			return nil
		}
	case "read": // by its number, as one who saw it in /proc/keys would
		serial, perr := strconv.Atoi(id)
		if perr != nil {
			return perr
		}
		if n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, serial, make([]byte, 32), 0); err == nil {
			fmt.Printf("%d bytes", n)
		} else {
			fmt.Print("refused")
		}
		return nil
	}
	switch {
	case err == nil:
		fmt.Print("done")
	case errors.Is(err, vault.ErrNoKey):
		fmt.Print("no key")
	case errors.Is(err, vault.ErrNoSource):
		fmt.Print("no source")
	default:
		return err
	}
	return nil
}

func joinSession() error {
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	return err
}

func unlinkSession() error {
	if err := joinSession(); err != nil {
		return err
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_SESSION_KEYRING, 0, 0); err != nil {
		return err
	}
	_, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_SESSION_KEYRING, 0, 0)
	return err
}

func revokeSession() error {
	if err := joinSession(); err != nil {
		return err
	}
	_, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, unix.KEY_SPEC_SESSION_KEYRING, 0, 0, 0)
	return err
}

func becomeNobody() error {
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534))
}

// forbid lets every keyring call fail, as the seccomp profile of a container
// does.
func forbid(errno syscall.Errno) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_KEYCTL, Jt: 3},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_ADD_KEY, Jt: 2},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_REQUEST_KEY, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if e != 0 {
		return e
	}
	return nil
}

// in runs a child and returns what it says.
func in(t *testing.T, name string, args ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	// As after env -i, but for what spares a child under -race a second's sleep.
	cmd.Env = []string{childVariable + "=" + name, "GORACE=atexit_sleep_ms=0"}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v %s", name, err, stderr.String())
	}
	return string(out)
}

// newID returns the id of a vault that does not exist; what is kept under it is
// removed with the test.
func newID(t *testing.T) string {
	t.Helper()
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	id := hex.EncodeToString(b)
	t.Cleanup(func() {
		if err := keyring.Clear(id); err != nil && !errors.Is(err, vault.ErrNoSource) {
			t.Error(err)
		}
	})
	return id
}

// forbidden reports whether this machine forbids keyrings. Then what the
// package says of that is all there is to test, and is tested.
func forbidden(t *testing.T) bool {
	t.Helper()
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_PROCESS_KEYRING, 0, 0); err == nil {
		return false
	}
	_, load := keyring.Load("ab")
	_, remaining := keyring.Remaining("ab")
	for what, err := range map[string]error{
		"Load": load, "Remaining": remaining, "Save": keyring.Save("ab", vault.NewKey(), time.Minute), "Clear": keyring.Clear("ab"),
	} {
		if !errors.Is(err, vault.ErrNoSource) {
			t.Errorf("%s says %v where the kernel forbids keyrings", what, err)
		}
	}
	return true
}

func save(t *testing.T, id string, timeout time.Duration) vault.Key {
	t.Helper()
	key := vault.NewKey()
	if err := keyring.Save(id, key, timeout); err != nil {
		t.Fatal(err)
	}
	return key
}

func mustLoad(t *testing.T, id string, want vault.Key) {
	t.Helper()
	if got, err := keyring.Load(id); err != nil || !slices.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("another key came back, or none: %v", err)
	}
}

func mustBeGone(t *testing.T, id string) {
	t.Helper()
	if key, err := keyring.Load(id); !errors.Is(err, vault.ErrNoKey) || key.IsSet() {
		t.Errorf("Load says %v", err)
	}
	if left, err := keyring.Remaining(id); !errors.Is(err, vault.ErrNoKey) {
		t.Errorf("Remaining says %s, %v", left, err)
	}
}

func TestSaveLoadClear(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	id, other := newID(t), newID(t)
	mustBeGone(t, id)
	if err := keyring.Clear(id); err != nil {
		t.Errorf("clearing what is not there: %v", err)
	}
	mustLoad(t, id, save(t, id, time.Minute))
	mustLoad(t, id, save(t, id, time.Minute)) // a second one takes its place
	mustBeGone(t, other)
	key := save(t, other, time.Minute)
	for range 2 {
		if err := keyring.Clear(id); err != nil {
			t.Error(err)
		}
		mustBeGone(t, id)
	}
	mustLoad(t, other, key)
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	id := newID(t)
	for _, test := range []struct {
		timeout time.Duration
		want    []string
	}{
		{0, []string{"perm"}},
		{8 * time.Hour, []string{"7h", "8h"}},
		{0, []string{"perm"}}, // saving anew takes the old time-out away
		{3 * 24 * time.Hour, []string{"2d", "3d"}},
		{math.MaxInt64, []string{"3550w", "3551w"}}, // the kernel counts in 31 bits
	} {
		key := save(t, id, test.timeout)
		left, err := keyring.Remaining(id)
		if err != nil || !slices.Contains(test.want, left) {
			t.Errorf("%v: %s left, %v", test.timeout, left, err)
		}
		mustLoad(t, id, key)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	// Whole seconds are all the kernel has; none of these may last for ever.
	for _, timeout := range []time.Duration{1, 100 * time.Millisecond, time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			t.Parallel()
			id := newID(t)
			save(t, id, time.Hour)
			save(t, id, timeout)
			err := error(nil)
			for until := time.Now().Add(time.Minute); err == nil && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
				_, err = keyring.Load(id)
			}
			if !errors.Is(err, vault.ErrNoKey) {
				t.Fatalf("Load says %v", err)
			}
			mustBeGone(t, id)
			if err := keyring.Clear(id); err != nil {
				t.Error(err)
			}
			mustLoad(t, id, save(t, id, time.Minute))
		})
	}
}

func TestNegativeTimeoutSavesNothing(t *testing.T) {
	t.Parallel()
	id := newID(t)
	for _, timeout := range []time.Duration{-1, -time.Second, math.MinInt64} {
		if err := keyring.Save(id, vault.NewKey(), timeout); err == nil {
			t.Errorf("%v is taken", timeout)
		}
	}
	if !forbidden(t) {
		mustBeGone(t, id)
	}
}

// Who cannot inherit our session still finds the key, and what it does is done
// for everybody: services, cron, sudo, a shell that outlived its login.
func TestSessions(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	for _, session := range []string{"as it is", "foreign session", "unlinked session", "revoked session"} {
		t.Run(session, func(t *testing.T) {
			t.Parallel()
			id := newID(t)
			if got := in(t, session, "load", id); got != "no key" {
				t.Errorf("before: %s", got)
			}
			key := save(t, id, 8*time.Hour)
			if got := in(t, session, "load", id); got != key.ID() {
				t.Errorf("load: %s", got)
			}
			if got := in(t, session, "remaining", id); got != "7h" && got != "8h" {
				t.Errorf("remaining: %s", got)
			}
			saved := in(t, session, "save", id)
			if key, err := keyring.Load(id); err != nil || key.ID() != saved {
				t.Errorf("saved there, here it is %s, %v", key.ID(), err)
			}
			if got := in(t, session, "clear", id); got != "done" {
				t.Errorf("clear: %s", got)
			}
			mustBeGone(t, id)
		})
	}
}

// Nobody but us can read the key, not even one of our own processes that does
// not possess our keyring. As root there is another user to try it as.
func TestOtherUsersCannotRead(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	id := newID(t)
	save(t, id, time.Minute)
	serial, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "patrol:"+id, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, serial)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.SplitN(text, ";", 5) // type;uid;gid;permissions;description
	permissions, err := strconv.ParseUint(words[3], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	// See keyctl_setperm(3): possessor, user, group and other, a byte each.
	const userRead, groupAndOther = 0x00020000, 0x0000ffff
	if words[0] != "user" || words[1] != strconv.Itoa(os.Geteuid()) || words[4] != "patrol:"+id || permissions&(userRead|groupAndOther) != 0 {
		t.Errorf("the key is %s", text)
	}
	if got := in(t, "foreign session", "read", strconv.Itoa(serial)); got != "refused" {
		t.Errorf("one of our own processes without our keyring reads %s", got)
	}
	if os.Geteuid() == 0 {
		if got := in(t, "another user", "load", id); got != "no key" {
			t.Errorf("another user gets %s", got)
		}
		if got := in(t, "another user", "remaining", id); got != "no key" {
			t.Errorf("another user is told %s", got)
		}
		if got := in(t, "another user", "read", strconv.Itoa(serial)); got != "refused" {
			t.Errorf("another user reads %s", got)
		}
		if got := in(t, "another user", "clear", id); got != "done" { // of its own, where there is none
			t.Errorf("another user clears: %s", got)
		}
	}
	if _, err := keyring.Load(id); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// What lies under our name but is no key of ours is none.
func TestStrangeKeys(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	for _, size := range []int{1, 31, 33, 64, 1000} {
		id := newID(t)
		if _, err := unix.AddKey("user", "patrol:"+id, make([]byte, size), unix.KEY_SPEC_USER_KEYRING); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.Load(id); !errors.Is(err, vault.ErrNoKey) {
			t.Errorf("%d bytes: %v", size, err)
		}
		mustLoad(t, id, save(t, id, time.Minute))
	}
}

// S13: what others may see of a key tells nothing of it.
func TestS13DescriptionTellsNothing(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	id := newID(t)
	key := save(t, id, time.Minute)
	visible, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(visible), "patrol:"+id) {
		t.Error("the key is not listed, so this proves nothing")
	}
	for _, secret := range []string{string(key.Bytes()[:4]), hex.EncodeToString(key.Bytes()[:4]), key.ID()} {
		if strings.Contains(string(visible), secret) {
			t.Errorf("it shows as %q", secret)
		}
	}
}

// Where the kernel forbids keyrings the package says so, and whoever asks can
// choose another source.
func TestForbiddenKernel(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"forbidden: EPERM", "forbidden: ENOSYS", "forbidden: EACCES"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			for _, operation := range []string{"load", "save", "clear", "remaining"} {
				if got := in(t, how, operation, "ab"); got != "no source" {
					t.Errorf("%s: %s", operation, got)
				}
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	if forbidden(t) {
		return
	}
	var all sync.WaitGroup
	for range 16 {
		id := newID(t)
		all.Go(func() {
			for range 5 {
				key := vault.NewKey()
				if err := keyring.Save(id, key, time.Minute); err != nil {
					t.Error(err)
				}
				mustLoad(t, id, key)
			}
		})
	}
	all.Wait()
}
