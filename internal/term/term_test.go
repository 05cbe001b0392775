//go:build unix

package term

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/cred"
)

// canary is the secret that is typed; it must never show.
const canary = "c4nary-t0ken"

type answer struct {
	line   string
	secret cred.Secret
	yes    bool
	err    error
}

// ask runs a question against the screen, types keys once it is shown, and
// returns the answer.
func ask(t *testing.T, s *screen, prompt, keys string, question func(context.Context, *Terminal) answer) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan answer, 1)
	go func() { done <- question(ctx, s.terminal()) }()
	s.await(prompt, 1)
	s.typed(keys)
	return <-done
}

func askLine(ctx context.Context, term *Terminal) answer {
	line, err := term.Ask(ctx, "Name: ")
	return answer{line: line, err: err}
}

func askSecret(ctx context.Context, term *Terminal) answer {
	secret, err := term.AskSecret(ctx, "Token: ")
	return answer{secret: secret, err: err}
}

func askConfirm(ctx context.Context, term *Terminal) answer {
	yes, err := term.Confirm(ctx, "Sure?")
	return answer{yes: yes, err: err}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		keys, want string
		err        error
	}{
		{"ada\n", "ada", nil},
		{"ada\r\n", "ada", nil},
		{" a b \n", " a b ", nil},
		{"\n", "", nil},
		{"\x04", "", ErrCanceled},
		{"half\x04\x04", "", ErrCanceled},
		{strings.Repeat("x", MaxLine) + "\n", strings.Repeat("x", MaxLine), nil},
		{strings.Repeat("x", MaxLine+1) + "\n", "", ErrTooLong},
		{strings.Repeat("x", 3*MaxLine) + "\n", "", ErrTooLong},
	} {
		s := newScreen(t)
		got := ask(t, s, "Name: ", tt.keys, askLine)
		if got.line != tt.want || !errors.Is(got.err, tt.err) {
			t.Errorf("%.20q: %.20q, %v", tt.keys, got.line, got.err)
		}
		s.unchanged()
	}
}

func TestAskSecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		keys, want string
		err        error
	}{
		{canary + "\n", canary, nil},
		{canary + "\r\n", canary, nil},
		{canary + "\x7f\x7f\n", canary[:len(canary)-2], nil},
		{"\n", "", nil},
		{"\x04", "", ErrCanceled},
		{canary + "\x04\x04", "", ErrCanceled},
		{canary + strings.Repeat("x", 2*MaxLine) + "\n", "", ErrTooLong},
	} {
		s := newScreen(t)
		got := ask(t, s, "Token: ", tt.keys, askSecret)
		if got.secret.Reveal() != tt.want || got.secret.IsSet() != (tt.err == nil) || !errors.Is(got.err, tt.err) {
			t.Errorf("%.20q: %v", tt.keys, got.err)
		}
		s.await("\n", 1)
		if shown := s.text(); strings.Contains(shown, canary[:4]) {
			t.Errorf("the secret was shown: %q", shown)
		}
		s.unchanged()
	}
}

// TestPasteOfSeveralLines: the rest of a paste is neither the answer to the
// next question nor the shell's next command.
func TestPasteOfSeveralLines(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	if got := ask(t, s, "Token: ", canary+"\r\nrm -rf x\r\n", askSecret); got.secret.Reveal() != canary {
		t.Error(got.err)
	}
	if got := ask(t, s, "Name: ", "ada\n", askLine); got.line != "ada" {
		t.Errorf("%q, %v", got.line, got.err)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]bool{"y\n": true, "YES\n": true, " y \n": true, "\n": false, "n\n": false, "yep\n": false} {
		if got := ask(t, newScreen(t), "Sure? [y/N] ", keys, askConfirm); got.yes != want || got.err != nil {
			t.Errorf("%q: %t, %v", keys, got.yes, got.err)
		}
	}
	if got := ask(t, newScreen(t), "Sure? ", "\x04", askConfirm); got.yes || !errors.Is(got.err, ErrCanceled) {
		t.Errorf("end of input: %t, %v", got.yes, got.err)
	}
}

func TestPromptIsEscapedT01(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	got := ask(t, s, "User for ^[[2J%E2%80%AE: ", "a\n", func(ctx context.Context, term *Terminal) answer {
		line, err := term.Ask(ctx, "User for \x1b[2J\u202e: ")
		return answer{line: line, err: err}
	})
	if got.line != "a" {
		t.Errorf("%q, %v", got.line, got.err)
	}
}

func TestContextEndsTheQuestion(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	term := s.terminal()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := term.AskSecret(ctx, "Token: ")
		done <- err
	}()
	s.await("Token: ", 1)
	s.typed("half")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.unchanged()
	timeout, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := term.Ask(timeout, "Again: "); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if got := ask(t, s, "Name: ", "ada\n", askLine); got.line != "ada" {
		t.Errorf("after that: %q, %v", got.line, got.err)
	}
}

// TestReadThatCannotBeEnded: where a terminal has no deadlines (macOS), the
// question still ends, and no further one is asked in vain.
func TestReadThatCannotBeEnded(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	fd, err := unix.Open(s.tty.Name(), unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	blocking := os.NewFile(uintptr(fd), "tty")
	term := &Terminal{in: blocking, out: blocking}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := term.AskSecret(ctx, "Token: ")
		done <- err
	}()
	s.await("Token: ", 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.unchanged()
	if _, err := term.Ask(context.Background(), "Name: "); !errors.Is(err, ErrNoTerminal) {
		t.Error(err)
	}
	s.typed("\n") // lets the read go
	if err := term.Close(); err != nil {
		t.Error(err)
	}
}

// TestSignalsC33: echo is back after a signal, from the keyboard or not.
func TestSignalsC33(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *screen, cmd *exec.Cmd){
		"Ctrl-C":  func(s *screen, _ *exec.Cmd) { s.typed("\x03") },
		"Ctrl-\\": func(s *screen, _ *exec.Cmd) { s.typed("\x1c") },
		"SIGINT":  func(_ *screen, cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGINT) },
		"SIGTERM": func(_ *screen, cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGTERM) },
		"SIGHUP":  func(_ *screen, cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScreen(t)
			cmd, out := s.child("secret")
			s.await("Token: ", 1)
			if s.echo() {
				t.Error("echo is on while the secret is asked for")
			}
			s.typed("half")
			end(s, cmd)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			s.unchanged()
			if got := out.String(); !strings.HasPrefix(got, "error: "+ErrCanceled.Error()) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestTerminalNotStdin answers at the terminal while stdin is /dev/null.
func TestTerminalNotStdin(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	cmd, out := s.child("secret")
	s.await("Token: ", 1)
	s.typed(canary + "\r\n")
	if err := cmd.Wait(); err != nil || out.String() != canary {
		t.Errorf("%q, %v", out, err)
	}
	if strings.Contains(s.text(), canary) {
		t.Errorf("the secret was shown: %q", s.text())
	}
	s.unchanged()
}

// TestBackToForeground: a shell turns echo on when it resumes a job.
func TestBackToForeground(t *testing.T) {
	t.Parallel()
	s := newScreen(t)
	cmd, out := s.child("secret")
	s.await("Token: ", 1)
	s.setMode(s.initialMode)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.await("Token: ", 2)
	s.typed(canary + "\n")
	if err := cmd.Wait(); err != nil || out.String() != canary {
		t.Errorf("%q, %v", out, err)
	}
	if strings.Contains(s.text(), canary) {
		t.Errorf("the secret was shown: %q", s.text())
	}
}

func TestNoTerminal(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env, cmd.SysProcAttr = childEnv("open"), &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), "error: "+ErrNoTerminal.Error()) {
		t.Errorf("%q, %v", out, err)
	}
	s := newScreen(t)
	background, text := s.child("background")
	if err := background.Wait(); err != nil || !strings.HasPrefix(text.String(), "error: "+ErrNoTerminal.Error()) {
		t.Errorf("in the background: %q, %v", text, err)
	}
}
