//go:build linux

package patrol_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel's process events, for root.
// See https://docs.kernel.org/driver-api/connector.html and linux/cn_proc.h.
const (
	cnIdxProc, cnValProc = 1, 1
	procCnMcastListen    = 1
	procEventExec        = 2
	nlHeader, cnHeader   = 16, 20
)

// hear looks at each program in the moment it starts, until stop: one that
// lives for a millisecond may begin and end between two looks. Without the
// right to hear of it, the looks must do.
func (w *watcher) hear(stop <-chan struct{}) {
	fd, err := listenForExec()
	if err != nil {
		return
	}
	defer unix.Close(fd)
	w.hears.Store(true)
	buf := make([]byte, 4096)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, _, err := unix.Recvfrom(fd, buf, 0)
		const event, pid = nlHeader + cnHeader, nlHeader + cnHeader + 16
		if err == nil && n >= pid+4 && binary.NativeEndian.Uint32(buf[event:]) == procEventExec {
			w.started(int(binary.NativeEndian.Uint32(buf[pid:])))
		}
	}
}

// listenForExec opens a socket that gets process events.
func listenForExec() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		return 0, err
	}
	msg := make([]byte, nlHeader+cnHeader+4)
	e := binary.NativeEndian
	e.PutUint32(msg[0:], uint32(len(msg)))
	e.PutUint16(msg[4:], unix.NLMSG_DONE)
	e.PutUint32(msg[nlHeader:], cnIdxProc)
	e.PutUint32(msg[nlHeader+4:], cnValProc)
	e.PutUint16(msg[nlHeader+16:], 4)
	e.PutUint32(msg[nlHeader+cnHeader:], procCnMcastListen)
	wait := unix.NsecToTimeval(int64(100 * time.Millisecond))
	for _, step := range []func() error{
		func() error { return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}) },
		func() error { return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait) },
		func() error { return unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) },
	} {
		if err := step(); err != nil {
			_ = unix.Close(fd)
			return 0, err
		}
	}
	return fd, nil
}

// started examines a program of a script as soon as it runs.
func (w *watcher) started(pid int) {
	args, environ := look(pid)
	w.mu.Lock()
	defer w.mu.Unlock()
	for work := range w.scripts {
		if ofScript(environ, work) {
			w.examine(args, environ)
			return
		}
	}
}

// look reads what anybody can read of a process: its arguments and environment.
func look(pid int) (args, environ []byte) {
	args, _ = os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	environ, _ = os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return args, environ
}
