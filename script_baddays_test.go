//go:build linux

package patrol_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/keyring"
)

// badDays is what the commands of this file and its neighbours keep of a script.
type badDays struct {
	held      []*exec.Cmd          // processes that hold a lock
	impostors map[string]*impostor // by variable
}

// badDayCommands are the commands for what goes wrong around patrol.
func badDayCommands() map[string]scriptCommand {
	list := map[string]scriptCommand{
		"says": cmdSays, "stops": cmdStops, "own": cmdOwn, "damage": cmdDamage, "hold": cmdHold,
		"impostor": cmdImpostor, "heard": cmdHeard, "many": cmdMany, "mix": cmdMix, "blocked": cmdBlocked, "gaps": cmdGaps,
	}
	for _, name := range circumstances() {
		list[name] = wrapCommand(name)
	}
	return list
}

// circumstances are the words that wrapCommand takes before a program.
func circumstances() []string { return []string{"within", "as", "bytes", "small", "without"} }

// cmdSays checks that standard error is two lines: what happened, and what to
// type. Both are matched whole.
func cmdSays(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "says WHAT HINT")
	got := ts.ReadFile("stderr")
	re, err := regexp.Compile(`\Apatrol: (?:` + args[0] + `)\nhint: (?:` + args[1] + `)\n\z`)
	ts.Check(err)
	if !re.MatchString(got) {
		ts.Fatalf("standard error is not the two lines\n%s\nbut\n%s", re, got)
	}
}

// cmdStops checks that standard output stops Git, and says nothing else to it.
func cmdStops(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 0, "stops")
	if got := ts.ReadFile("stdout"); got != "quit=1\n" {
		ts.Fatalf("Git is told %q, want quit=1", got)
	}
}

// wrapCommand runs a program under circumstances. It goes before the words of
// runCommand: within 5s as nobody code 4 feed TOKEN patrol login.
func wrapCommand(name string) scriptCommand {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		r := &run{ts: ts, s: of(ts), input: map[int]string{}}
		if neg {
			r.code = -1
		}
		var wrappers []string
		most := patience
		start := r.start
		words := append([]string{name}, args...)
		for len(words) > 0 && slices.Contains(circumstances(), words[0]) {
			need(ts, len(words) > 2, "within TIME | as USER | bytes TEXT | small BYTES | without keyring, and a program")
			if words[0] == "without" {
				start = r.startWithoutKeyring
			}
			wrappers = append(wrappers, r.circumstance(words[0], words[1], &most)...)
			words = words[2:]
		}
		words = r.prefixes(words)
		if len(wrappers) > 0 {
			words = append(wrappers, words...)
		}
		begin := time.Now()
		start(words)
		if took := time.Since(begin); took > most {
			ts.Fatalf("it took %v, longer than %v", took.Round(time.Millisecond), most)
		}
	}
}

// circumstance applies one of our words, and returns the program that must
// run the other one.
func (r *run) circumstance(word, value string, most *time.Duration) (wrapper []string) {
	switch word {
	case "within":
		d, err := time.ParseDuration(value)
		r.ts.Check(err)
		*most = d
	case "bytes":
		text, err := strconv.Unquote(`"` + value + `"`)
		r.ts.Check(err)
		r.input[0] = r.s.canaries.fill(text, r.ts.Getenv)
	case "as":
		return become(r.ts, value)
	case "small":
		if name, ok := strings.CutPrefix(value, "@"); ok { // as large as a file
			value = strconv.Itoa(len(r.ts.ReadFile(name)))
		}
		// Blocked, not ignored: the runtime of Go takes an ignored one back.
		return append(append([]string{"prlimit", "--fsize=" + value}, untraced()...), "--block-signal=XFSZ")
	}
	return nil
}

// startWithoutKeyring starts the program where the kernel lets nobody use its
// keyrings, as containers mostly do. Only a thread that ends with its goroutine
// can be restricted so; a failure has to be brought back from there.
func (r *run) startWithoutKeyring(words []string) {
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		runtime.LockOSThread()
		r.ts.Check(forbidKeyring())
		r.start(words)
	}()
	if failure := <-done; failure != nil {
		panic(failure)
	}
}

// forbidKeyring makes this thread, and what it starts, get EPERM from the
// kernel's keyrings. See seccomp(2).
func forbidKeyring() error {
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the system call's number
	forbidden := []uint32{unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL}
	for i, call := range forbidden {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: uint8(len(forbidden) - i)})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// become is the program that runs another one as a user; nothing where the
// tests do not run as root, and so are somebody already.
func become(ts *testscript.TestScript, name string) []string {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid := idsOf(ts, name)
	return []string{"setpriv", fmt.Sprintf("--reuid=%d", uid), fmt.Sprintf("--regid=%d", gid), "--clear-groups"}
}

// idsOf knows a user by name, or by a number that is nobody's.
func idsOf(ts *testscript.TestScript, name string) (uid, gid int) {
	if n, err := strconv.Atoi(name); err == nil {
		return n, n
	}
	u, err := user.Lookup(name)
	ts.Check(err)
	uid, gid = number(ts, u.Uid), number(ts, u.Gid)
	return uid, gid
}

// cmdOwn gives files to a user, and lets that user come to them and to the
// programs. Where the tests do not run as root, they are their user's already.
func cmdOwn(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "own USER PATH...")
	if os.Geteuid() != 0 {
		return
	}
	uid, gid := idsOf(ts, args[0])
	for _, name := range args[1:] {
		root := ts.MkAbs(name)
		ts.Check(filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, uid, gid))
		}))
		ts.Check(openWay(filepath.Dir(root)))
	}
	ts.Check(openWay(ts.Getenv("BIN")))
	if uid != 0 {
		ts.Defer(func() { clearKeysOf(ts, uid) })
	}
}

// openWay lets everybody go through a directory, and through those above it
// up to the one for temporary files.
func openWay(dir string) error {
	for top := filepath.Clean(os.TempDir()); strings.HasPrefix(dir, top+"/"); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := os.Chmod(dir, info.Mode().Perm()|0o111); err != nil {
			return err
		}
	}
	return nil
}

// clearKeysOf takes the script's keys out of another user's keyring. The
// thread that became that user ends with the goroutine.
func clearKeysOf(ts *testscript.TestScript, uid int) {
	s := of(ts)
	s.findVaults(s.work)
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		if errno != 0 {
			done <- errno
			return
		}
		var err error
		for id := range s.vaults {
			err = errors.Join(err, keyring.Clear(id))
		}
		if _, unknown := user.LookupId(strconv.Itoa(uid)); unknown != nil { // nobody else's keys are there
			_, clear := unix.KeyctlInt(unix.KEYCTL_CLEAR, unix.KEY_SPEC_USER_KEYRING, 0, 0, 0)
			err = errors.Join(err, clear)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		ts.Logf("the keys of user %d stay: %v", uid, err)
	}
}

// cmdDamage spoils a file.
func cmdDamage(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "damage FILE empty|half|garbage|header|index|secret|newer")
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	data, err := os.ReadFile(path)
	ts.Check(err)
	head := bytes.IndexByte(data, '\n') + 1
	switch args[1] {
	case "empty":
		data = nil
	case "half":
		data = data[:len(data)/2]
	case "garbage":
		data = bytes.Repeat([]byte("\x00\xffgarbage\x1b[2J\n"), 30)
	case "header":
		data[0] ^= 1
	case "index": // behind the nonce and the length; see seal in package vault
		data[head+12+4+1] ^= 1
	case "secret": // the last one
		data[len(data)-1] ^= 1
	case "newer":
		data = append([]byte("patrol-vault 2 what=ever the next one writes\n"), data[head:]...)
	default:
		ts.Fatalf("damage: no way %q", args[1])
	}
	ts.Check(os.WriteFile(path, data, info.Mode()))
}

// cmdHold has a process take the lock of a file and stop there, as Ctrl-Z does.
func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "hold FILE, or hold -release")
	s := of(ts)
	if args[0] == "-release" {
		s.release()
		return
	}
	flags := unix.O_RDWR | unix.O_CREAT
	f, err := os.OpenFile(ts.MkAbs(args[0]), flags, 0o600)
	ts.Check(err)
	defer f.Close()
	ts.Check(unix.Flock(int(f.Fd()), unix.LOCK_EX)) // the child has the lock with the descriptor
	cmd := exec.Command("sh", "-c", "kill -STOP $$")
	cmd.ExtraFiles, cmd.Env, cmd.Dir = []*os.File{f}, environ(ts), s.work
	ts.Check(cmd.Start())
	s.bad.held = append(s.bad.held, cmd)
	ts.Defer(s.release)
	for end := time.Now().Add(patience / 6); stateOf(cmd.Process.Pid) != "T"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("it does not stop")
		}
	}
}

// release kills the processes that hold a lock.
func (s *script) release() {
	for _, cmd := range s.bad.held {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	s.bad.held = nil
}

// stateOf is the letter of a process in proc_pid_stat(5).
func stateOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	at := bytes.LastIndexByte(stat, ')')
	if err != nil || at < 0 || len(stat) < at+3 {
		return ""
	}
	return string(stat[at+2 : at+3])
}
