package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

// childVariable makes the test binary patrol, which asks at descriptor 3 before
// each call that changes something that outlives it.
const childVariable = "PATROL_CLI_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	if err := announceChanges(3); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	os.Exit(Main(context.Background(), testEnv(os.Environ(), os.Args[1:]...)))
}

func testEnv(environ []string, args ...string) Env {
	return Env{
		Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: environ, Executable: "/usr/bin/patrol", Now: time.Now,
		Terminal: func() (*term.Terminal, error) { return nil, term.ErrNoTerminal },
		OpenFD:   term.Inherited,
	}
}

// announceChanges has the kernel stop every thread of this process at such a
// call until whoever got the listener lets it go on. See seccomp_unotify(2).
func announceChanges(socket int) error {
	runtime.LockOSThread()
	const notify = unix.SECCOMP_RET_USER_NOTIF
	always := []uint32{unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_FSYNC, unix.SYS_ADD_KEY}
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for _, nr := range always {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: notify})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_KEYCTL, Jf: 4},
		unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16}, // its operation
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.KEYCTL_UNLINK, Jt: 1},
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.KEYCTL_SET_TIMEOUT, Jf: 1},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: notify},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH)
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if e != 0 {
		return e
	}
	if err := unix.Sendmsg(socket, []byte{1}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return err
	}
	return errors.Join(unix.Close(int(fd)), unix.Close(socket))
}

// notification and answer are struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id   uint64
	pid  uint32
	_    uint32
	nr   int32
	arch uint32
	_    [7]uint64
}

type answer struct {
	id    uint64
	_     int64
	_     int32
	flags uint32
}

// runKilled runs patrol and kills it -9 before its nth change; it says whether
// there was an nth.
func runKilled(t *testing.T, env []string, n int, args ...string) bool {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	var said strings.Builder
	cmd.Env, cmd.ExtraFiles, cmd.Stderr = append(slices.Clone(env), childVariable+"=1"), []*os.File{theirs}, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	killed := countChanges(t, ours, cmd.Process, n)
	// On a busy machine the last ones wait longer than a command does.
	if err := cmd.Wait(); err != nil && !killed && !strings.Contains(said.String(), "another patrol is moving") {
		t.Errorf("patrol %s: %v %s", strings.Join(args, " "), err, said.String())
	}
	return killed
}

// countChanges lets the first n-1 changes of the process happen.
func countChanges(t *testing.T, socket *os.File, process *os.Process, n int) (killed bool) {
	t.Helper()
	conn, err := net.FileConn(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	oob := make([]byte, 64)
	_, size, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:size])
	if err != nil || len(messages) != 1 {
		t.Fatalf("no listener came: %v", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	for {
		poll := []unix.PollFd{{Fd: int32(fds[0]), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); errors.Is(err, unix.EINTR) {
			continue
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return killed // it has ended
		}
		var note notification
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fds[0]), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&note))); e != 0 {
			continue // its thread is gone
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", process.Pid, note.pid)); err == nil { // not of a child, such as git
			if n--; n == 0 {
				killed = true
				_ = process.Kill()
				continue
			}
		}
		reply := answer{id: note.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fds[0]), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&reply)))
	}
}

// home is a home directory with a vault.
type home struct {
	t     *testing.T
	env   []string
	vault *vault.Vault
	key   string // its id
}

// keeper keeps keys in the directory of the program, as a person's wrapper would.
const keeper = `#!/bin/sh
case $1 in
get) if [ -e "${0%/*}/kept-$2" ]; then cat "${0%/*}/kept-$2"; else echo none; fi ;;
store) cat >"${0%/*}/kept-$2" ;;
erase) rm -f "${0%/*}/kept-$2" ;;
esac
`

func newHome(t *testing.T) *home {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{"id1", "id2"} {
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		write(name, identity.String()+"\n", 0o600)
	}
	write(".gitconfig", "[patrol]\n\tkeyCommand = "+write("keeper", keeper, 0o700)+"\n", 0o600)
	h := &home{t: t, env: []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GORACE=atexit_sleep_ms=0"}}
	h.vault = vault.In(filepath.Join(dir, ".local", "share", "patrol"))
	s := h.session()
	if _, err := s.ensure(t.Context(), "kernel"); err != nil {
		t.Fatal(err)
	}
	f, err := h.vault.Load()
	if err != nil {
		t.Fatal(err)
	}
	h.key = f.KeyID
	t.Cleanup(func() { _ = keyring.Clear(f.ID) })
	return h
}

func (h *home) session() *session {
	h.t.Helper()
	a := &app{Env: testEnv(h.env), passphraseFD: -1}
	s, err := a.session(h.t.Context(), false)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *home) path(name string) string {
	return filepath.Join(strings.TrimPrefix(h.env[0], "HOME="), name)
}

// opens loads the key from the source that the vault names, past any cache, and
// opens the vault with it.
func (h *home) opens() (source string, err error) {
	f, err := h.vault.Load()
	if err != nil {
		return "", err
	}
	kind, err := keys.Find(f.Source)
	if err != nil {
		return f.Source, err
	}
	key, err := kind.Open(h.session().place(f.ID)).Load(h.t.Context())
	if err == nil && key.ID() != h.key {
		err = errors.New("it has another key")
	}
	if err == nil {
		_, err = f.Open(key)
	}
	return f.Source, err
}

// Killed with kill -9 before each change that a move makes, the vault opens by
// the source that it names, and the next move puts everything right.
func TestKeyMoveKilledAtEachStep(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	id1, id2 := []string{"--to", "age", "--identity", h.path("id1")}, []string{"--to", "age", "--identity", h.path("id2")}
	kernel, command := []string{"--to", "kernel"}, []string{"--to", "command"}
	plain := []string{"--to", "file", "--" + plainFlag}
	for _, move := range [][2][]string{
		{kernel, id1}, {id1, id2}, {id2, kernel}, {kernel, plain}, {plain, id1}, {id1, plain}, {plain, command}, {command, id1},
	} {
		from, to := move[0], move[1]
		name := from[1] + " to " + to[1]
		steps := 0
		for n := 1; ; n++ {
			h.move(from)
			killed := runKilled(t, h.env, n, append([]string{"key", "move"}, to...)...)
			source, err := h.opens()
			if err != nil {
				t.Fatalf("%s, killed before change %d: the vault names %s: %v", name, n, source, err)
			}
			if !killed {
				break
			}
			steps = n
		}
		if steps < 3 {
			t.Errorf("%s: only %d changes were seen, so this proves nothing", name, steps)
		}
		t.Logf("%s: killed before each of %d changes", name, steps)
		if f, err := h.vault.Load(); err != nil || f.Source != to[1] || len(keys.Left(h.vault, f.Source)) > 0 {
			t.Errorf("%s: %v, left %v", name, err, keys.Left(h.vault, f.Source))
		}
	}
}

// move moves the key within this process, past all that is cached: the move
// before may have been killed anywhere.
func (h *home) move(to []string) {
	h.t.Helper()
	if code := Main(h.t.Context(), func() Env {
		env := testEnv(h.env, append([]string{"key", "move"}, to...)...)
		env.Stdout = io.Discard
		return env
	}()); code != 0 {
		h.t.Fatalf("patrol key move %s: exit code %d", strings.Join(to, " "), code)
	}
	if f, err := h.vault.Load(); err != nil || f.Source != to[1] || len(keys.Left(h.vault, f.Source)) > 0 {
		h.t.Fatalf("after %v: %v, left %v", to, err, keys.Left(h.vault, f.Source))
	}
}

// Many moves at once, each by a process of its own, come to one place.
func TestKeyMovesAtOnce(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	places := [][]string{
		{"--to", "kernel"}, {"--to", "age", "--identity", h.path("id1")}, {"--to", "age", "--identity", h.path("id2")},
		{"--to", "command"}, {"--to", "file", "--" + plainFlag},
	}
	var all sync.WaitGroup
	for i := range 2 * len(places) {
		all.Go(func() { runKilled(t, h.env, 0, append([]string{"key", "move"}, places[i%len(places)]...)...) })
	}
	all.Wait()
	source, err := h.opens()
	if err != nil || len(keys.Left(h.vault, source)) > 0 {
		t.Errorf("the vault names %s: %v, left %v", source, err, keys.Left(h.vault, source))
	}
}
