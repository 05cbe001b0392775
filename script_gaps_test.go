//go:build linux

package patrol_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// announcer is the name under which this test binary becomes a program that
// asks before each change.
const announcer = "announcer"

// changes are the calls by which a program changes something that outlives it.
func changes() []uint32 {
	return []uint32{unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_LINKAT, unix.SYS_FSYNC}
}

// cmdGaps runs a program once for each change it makes, and kills it -9 before
// that change. After each time sh runs CHECK, which must succeed.
func cmdGaps(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "gaps [-from=N] [-every=N] CHECK PROGRAM..."
	from, every := 1, 1
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if text, ok := strings.CutPrefix(args[0], "-from="); ok {
			from = number(ts, text)
		} else {
			every = number(ts, strings.TrimPrefix(args[0], "-every="))
		}
		args = args[1:]
	}
	need(ts, !neg && len(args) >= 2 && from > 0 && every > 0, usage)
	steps := 0
	for n := from; ; n += every {
		said, killed, err := runToGap(ts, n, args[1:])
		ts.Check(err)
		if !killed && said != "" {
			ts.Fatalf("%s: %s", strings.Join(args[1:], " "), said)
		}
		check := exec.Command("sh", ts.MkAbs(args[0]))
		check.Env, check.Dir = environ(ts), ts.MkAbs(".")
		if out, err := check.CombinedOutput(); err != nil {
			ts.Fatalf("killed before change %d (killed: %v): %s: %v\n%s", n, killed, args[0], err, out)
		}
		if !killed {
			break
		}
		steps = n
	}
	need(ts, steps > 3, "a program that changes something")
	fmt.Fprintf(ts.Stdout(), "killed before changes %d to %d\n", from, steps)
}

// runToGap runs a program to its nth change. What it said is returned if it
// failed without being killed.
func runToGap(ts *testscript.TestScript, n int, argv []string) (said string, killed bool, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", false, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	self, err := os.Executable()
	if err != nil {
		return "", false, err
	}
	var out strings.Builder
	cmd := &exec.Cmd{
		Path: self, Args: append([]string{announcer, find(ts, argv[0])}, argv[1:]...), Env: environ(ts), Dir: ts.MkAbs("."),
		ExtraFiles: []*os.File{theirs}, Stdout: io.Discard, Stderr: &out,
	}
	if err := cmd.Start(); err != nil {
		return "", false, err
	}
	_ = theirs.Close()
	listener, err := receiveListener(ours)
	if err == nil {
		killed = letChanges(listener, cmd.Process, n)
		_ = unix.Close(listener)
	}
	if waited := cmd.Wait(); err == nil && waited != nil && !killed {
		said = waited.Error() + "\n" + out.String()
	}
	return said, killed, err
}

// receiveListener gets the listener that announce sends.
func receiveListener(socket *os.File) (int, error) {
	conn, err := net.FileConn(socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	oob := make([]byte, 64)
	_, size, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:size])
	if err != nil || len(messages) != 1 {
		return 0, fmt.Errorf("no listener came: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// letChanges lets the first n-1 changes of the process happen, and kills it
// before the nth. See seccomp_unotify(2).
func letChanges(listener int, process *os.Process, n int) (killed bool) {
	type notification struct { // struct seccomp_notif
		id   uint64
		pid  uint32
		_    uint32
		nr   int32
		arch uint32
		_    [7]uint64
	}
	type answer struct { // struct seccomp_notif_resp
		id    uint64
		_     int64
		_     int32
		flags uint32
	}
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); errors.Is(err, unix.EINTR) {
			continue
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return killed // all that had the filter have ended
		}
		var note notification
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&note))); e != 0 {
			continue // its thread is gone
		}
		if _, err := os.Stat("/proc/" + strconv.Itoa(process.Pid) + "/task/" + strconv.Itoa(int(note.pid))); err == nil && !killed { // not of a child
			if n--; n == 0 {
				killed = true
				_ = process.Kill()
				continue
			}
		}
		reply := answer{id: note.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&reply)))
	}
}

// announce is the announcer's main: it sends the listener to descriptor 3 and
// becomes the program of its arguments.
func announce() int {
	runtime.LockOSThread()
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for _, nr := range changes() {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 99
	}
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if e != 0 || unix.Sendmsg(3, []byte{1}, unix.UnixRights(int(fd)), nil, 0) != nil {
		return 99
	}
	_ = errors.Join(unix.Close(int(fd)), unix.Close(3))
	_ = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	return 99
}
