//go:build unix

package term

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// screen is the far side of a pseudo terminal: what a person types and sees.
type screen struct {
	t           *testing.T
	keys, tty   *os.File
	mu          sync.Mutex
	seen        strings.Builder
	changed     chan struct{}
	initialMode unix.Termios
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, keys: keys, tty: tty, changed: make(chan struct{}, 1)}
	t.Cleanup(func() { _ = keys.Close(); _ = tty.Close() })
	s.initialMode = s.mode()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := keys.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.seen.Write(buf[:n])
			s.mu.Unlock()
			select {
			case s.changed <- struct{}{}:
			default:
			}
		}
	}()
	return s
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// await waits until text has been shown n times.
func (s *screen) await(text string, n int) {
	s.t.Helper()
	timeout := time.After(patience)
	for strings.Count(s.text(), text) < n {
		select {
		case <-s.changed:
		case <-timeout:
			s.t.Fatalf("%q was not shown %d times: %q", text, n, s.text())
		}
	}
}

func (s *screen) typed(text string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) mode() unix.Termios {
	s.t.Helper()
	m, err := unix.IoctlGetTermios(s.fd(), getTermios)
	if err != nil {
		s.t.Fatal(err)
	}
	return *m
}

func (s *screen) setMode(m unix.Termios) {
	s.t.Helper()
	if err := unix.IoctlSetTermios(s.fd(), setTermios, &m); err != nil {
		s.t.Fatal(err)
	}
}

// fd leaves the file non-blocking, which File.Fd would not.
func (s *screen) fd() (n int) {
	conn, err := s.tty.SyscallConn()
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.Control(func(fd uintptr) { n = int(fd) })
	return n
}

func (s *screen) echo() bool { return s.mode().Lflag&unix.ECHO != 0 }

// unchanged checks that the terminal is as it was.
func (s *screen) unchanged() {
	s.t.Helper()
	if s.mode() != s.initialMode {
		s.t.Error("the terminal was not put back as it was")
	}
}

func (s *screen) terminal() *Terminal { return &Terminal{in: s.tty, out: s.tty} }

// child runs this test binary at the screen, with stdin and stdout elsewhere.
func (s *screen) child(what string) (*exec.Cmd, *strings.Builder) {
	s.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	out := &strings.Builder{}
	cmd.Env, cmd.Stdout = childEnv(what), out
	cmd.ExtraFiles = []*os.File{s.tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd, out
}

const childVariable = "PATROL_TERM_TEST_CHILD"

// childEnv also keeps the race detector from sleeping a second at exit.
func childEnv(what string) []string {
	return append(os.Environ(), childVariable+"="+what, "GORACE=atexit_sleep_ms=0")
}

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "open":
		_, err := Open()
		report("", err)
	case "background":
		report(inBackground())
	case "secret":
		t, err := Open()
		if err != nil {
			report("", err)
		}
		secret, err := t.AskSecret(context.Background(), "Token: ")
		report(secret.Reveal(), err)
	}
}

// report prints what happened to the real stdout, which is not the terminal.
func report(answer string, err error) {
	if err != nil {
		answer = "error: " + err.Error()
	}
	_, _ = os.Stdout.WriteString(answer)
	os.Exit(0)
}

// inBackground opens the terminal from a process group that does not own it.
func inBackground() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(exe)
	cmd.Env = childEnv("open")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.Output()
	return string(out), err
}
