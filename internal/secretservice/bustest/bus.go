//go:build linux

// Package bustest gives a test a session bus of its own: a real dbus-daemon,
// with a real GNOME Keyring on it, or a Secret Service that behaves badly.
// Nothing of it outlives the test. Only tests import it.
package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Bus is a session bus. Its services are none but those of the test: it has no
// folder of programs that it could start, unless Startable made one.
type Bus struct {
	Dir     string // for XDG_RUNTIME_DIR, with the socket "bus" in it
	Address string
	Home    string // of what runs on it

	services string // a folder of what the bus can start
	daemon   *exec.Cmd
}

// patience bounds every wait.
const patience = 20 * time.Second

// Start starts a bus in a new directory.
func Start(t testing.TB) *Bus {
	t.Helper()
	b, err := StartAs(t, os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// StartAs starts a bus of another user, which only root can.
func StartAs(t testing.TB, uid int) (*Bus, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus") // not the test's own, whose name may be too long for a socket
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b, err := startIn(dir, uid)
	if err == nil {
		t.Cleanup(b.Stop)
	}
	return b, err
}

// StartIn starts a bus in a directory, which must be there. Stop ends it.
func StartIn(dir string) (*Bus, error) { return startIn(dir, os.Geteuid()) }

func startIn(dir string, uid int) (*Bus, error) {
	b := &Bus{Dir: filepath.Join(dir, "run"), Home: filepath.Join(dir, "keyrings"), services: filepath.Join(dir, "services")}
	b.Address = "unix:path=" + filepath.Join(b.Dir, "bus")
	config := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>` + b.Address + `</listen><auth>EXTERNAL</auth><servicedir>` + b.services + `</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`
	file := filepath.Join(dir, "bus.conf")
	for _, d := range []string{b.Dir, b.Home, b.services} {
		if err := os.Mkdir(d, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	b.daemon = b.command("dbus-daemon", "--nofork", "--config-file="+file)
	if uid != os.Geteuid() {
		if err := b.give(uid, dir, file); err != nil {
			return nil, err
		}
	}
	if err := b.daemon.Start(); err != nil {
		return nil, err
	}
	err := Await("the bus", func() bool {
		conn, err := net.Dial("unix", filepath.Join(b.Dir, "bus"))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	if err != nil {
		b.Stop()
	}
	return b, err
}

// give makes the bus another user's.
func (b *Bus) give(uid int, dir, file string) error {
	b.daemon.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	err := os.Chmod(dir, 0o755)
	for _, path := range []string{b.Dir, b.Home, b.services, file} {
		err = errors.Join(err, os.Chown(path, uid, uid))
	}
	return err
}

// Stop ends the bus, and with it what it started.
func (b *Bus) Stop() { end(b.daemon) }

// Env is the environment that names the bus.
func (b *Bus) Env() []string {
	return []string{"XDG_RUNTIME_DIR=" + b.Dir, "DBUS_SESSION_BUS_ADDRESS=" + b.Address}
}

// Getenv looks a variable up in Env.
func (b *Bus) Getenv(name string) string {
	for _, e := range b.Env() {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// command prepares a program of the session. Should the test be killed, the
// program ends too.
func (b *Bus) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Env = append(b.Env(), "HOME="+b.Home, "PATH=/usr/bin:/bin", "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func end(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// Await waits until something is done.
func Await(what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not come", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// Keyring is a GNOME Keyring on a bus.
type Keyring struct {
	bus    *Bus
	daemon *exec.Cmd
}

// Keyring starts GNOME Keyring, unlocked.
func (b *Bus) Keyring(t testing.TB) *Keyring {
	t.Helper()
	k := &Keyring{bus: b}
	t.Cleanup(k.Stop)
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	return k
}

// KeyringOn is a GNOME Keyring that Start starts and Stop ends.
func KeyringOn(b *Bus) *Keyring { return &Keyring{bus: b} }

// Start starts it, or starts it again. It opens what it kept before.
func (k *Keyring) Start() error {
	k.Stop()
	k.daemon = k.bus.command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	k.daemon.Stdin = strings.NewReader("the keyring's password")
	if err := k.daemon.Start(); err != nil {
		return err
	}
	return Await("GNOME Keyring", func() bool { return k.bus.collection() != "" })
}

// Stop kills it.
func (k *Keyring) Stop() { end(k.daemon); k.daemon = nil }

// Signal sends it a signal, such as SIGSTOP.
func (k *Keyring) Signal(s syscall.Signal) error { return k.daemon.Process.Signal(s) }

// Lock locks the default collection.
func (k *Keyring) Lock() error {
	conn, err := dbus.Connect(k.bus.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	paths := []dbus.ObjectPath{dbus.ObjectPath(k.bus.collection())}
	return conn.Object(busName, servicePath).Call(serviceName+".Lock", 0, paths).Err
}

// collection is the default collection, "" where there is none.
func (b *Bus) collection() string {
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		return ""
	}
	defer conn.Close()
	var path dbus.ObjectPath
	if err := conn.Object(busName, servicePath).Call(serviceName+".ReadAlias", dbus.FlagNoAutoStart, "default").Store(&path); err != nil || path == "/" {
		return ""
	}
	return string(path)
}

// Run runs a program of the session, such as secret-tool.
func (b *Bus) Run(name string, args ...string) (string, error) {
	out, err := b.command(name, args...).CombinedOutput()
	return string(out), err
}

// Startable lets the bus start a program for the Secret Service.
func (b *Bus) Startable(program string) error {
	text := "[D-BUS Service]\nName=" + busName + "\nExec=" + program + "\n"
	if err := os.WriteFile(filepath.Join(b.services, busName+".service"), []byte(text), 0o600); err != nil {
		return err
	}
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.BusObject().Call("org.freedesktop.DBus.ReloadConfig", 0).Err
}

// Heard is what somebody who only listens hears on the bus.
type Heard struct {
	bus  *Bus
	mu   sync.Mutex
	text bytes.Buffer
}

// Listen begins to listen to all that passes on the bus.
func (b *Bus) Listen(t testing.TB) *Heard {
	t.Helper()
	h := &Heard{bus: b}
	cmd := b.command("dbus-monitor", "--pcap")
	cmd.Stdout = h
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	if err := Await("the listener", func() bool { _ = b.collection(); return strings.Contains(h.Text(), "ReadAlias") }); err != nil {
		t.Fatal(err)
	}
	return h
}

// Write implements io.Writer.
func (h *Heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

// Text is what was heard.
func (h *Heard) Text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// Until waits until a word was heard.
func (h *Heard) Until(word string) error {
	return Await("a message with "+word, func() bool { return strings.Contains(h.Text(), word) })
}

const (
	busName     = "org.freedesktop.secrets"
	servicePath = dbus.ObjectPath("/org/freedesktop/secrets")
	serviceName = "org.freedesktop.Secret.Service"
)
