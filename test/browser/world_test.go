package browser

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who signs in. See the emulator's built-in seed.
const (
	user     = "ada@contoso.com"
	password = "not-a-real-password"
)

// world is a person's machine: the programs, a home directory, and the
// service.
type world struct {
	t    *testing.T
	bin  string // the programs
	home string
	ca   string // the emulator's certificate authority
	env  []string
}

// newWorld builds the programs, starts the emulator and sets patrol up.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, bin: build(t), home: filepath.Join(dir, "home"), ca: filepath.Join(dir, "emulator", "ca.pem")}
	for _, d := range []string{w.home, filepath.Join(dir, "path")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(impersonal(), "HOME="+w.home, "PATH="+filepath.Join(dir, "path")+":"+w.bin+":"+os.Getenv("PATH"), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_ASKPASS="+filepath.Join(dir, "path", "askpass"), "DISPLAY=:0") // a desktop, where programs run Git without a terminal
	// Stands in for the desktop: what is opened is left for the test's browser.
	writeScript(t, filepath.Join(dir, "path", "xdg-open"), `printf '%s' "$1" >"$HOME/opened.part" && mv "$HOME/opened.part" "$HOME/opened"`)
	writeScript(t, filepath.Join(dir, "path", "askpass"), `: >"$HOME/was-asked"; exit 1`)
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(w.home, "was-asked")); err == nil {
			t.Error("Git asked for a password")
		}
	})
	w.serve(dir)
	if err := os.WriteFile(filepath.Join(w.home, "passphrase"), []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run("git", "config", "--global", "patrol.passphraseCommand", "cat "+filepath.Join(w.home, "passphrase"))
	w.run("patrol", "setup")
	t.Cleanup(func() { // takes the key out of the kernel keyring
		lock := exec.Command(filepath.Join(w.bin, "patrol"), "lock")
		lock.Env = w.env
		if out, err := lock.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return w
}

// personal begins the variables that are the business of whoever runs the test.
var personal = []string{"GIT_", "XDG_", "DBUS_", "PATROL_", "CI=", "SSH_", "BROWSER=", "DISPLAY=", "WAYLAND_DISPLAY=", "HTTPS_PROXY=", "HTTP_PROXY=", "ALL_PROXY=", "NO_PROXY=", "HOME=", "PATH=", "LC_ALL="}

// impersonal is the environment without these.
func impersonal() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return slices.ContainsFunc(personal, func(p string) bool { return strings.HasPrefix(strings.ToUpper(kv), p) })
	})
}

// build builds the programs.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bin")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", bin+"/", "./cmd/...")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func writeScript(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

var exported = regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`)

// serve starts the emulator, until the test ends.
func (w *world) serve(dir string) {
	w.t.Helper()
	file := filepath.Join(dir, "emulator.env")
	ctx, cancel := context.WithCancel(context.Background())
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "azdo-emulator"), "serve", "--dir", filepath.Dir(w.ca), "--env-file", file)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	text, ok := wait(func() ([]byte, bool) {
		text, err := os.ReadFile(file)
		return text, err == nil
	})
	if !ok {
		w.t.Fatalf("the emulator does not start: %s", log.String())
	}
	for _, m := range exported.FindAllSubmatch(text, -1) {
		w.env = append(w.env, string(m[1])+"="+string(m[2]))
	}
}

// wait asks, for a time that is enough on a busy machine.
func wait[T any](try func() (T, bool)) (T, bool) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		v, ok := try()
		if ok || time.Now().After(end) {
			return v, ok
		}
	}
}

func (w *world) get(name string) string {
	for _, kv := range slices.Backward(w.env) {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

// run runs a command to its end, which must be good, and returns what it printed.
func (w *world) run(argv ...string) string {
	w.t.Helper()
	out, err := w.start(argv...).end()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

// code is what the person's authenticator app shows.
func (w *world) code() string { return strings.TrimSpace(w.run("azdo-emulator", "totp", user)) }

// job is a command that has been started.
type job struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// start starts a command in the home directory, away from any terminal.
func (w *world) start(argv ...string) *job {
	w.t.Helper()
	_ = os.Remove(w.opened())
	j := &job{}
	path := argv[0]
	if own := filepath.Join(w.bin, path); exists(own) {
		path = own
	}
	j.cmd = exec.CommandContext(w.t.Context(), path, argv[1:]...)
	j.cmd.Dir, j.cmd.Env, j.cmd.Stdout, j.cmd.Stderr = w.home, w.env, &j.out, &j.out
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := j.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (j *job) end() (string, error) {
	err := j.cmd.Wait()
	return j.out.String(), err
}

func (w *world) opened() string { return filepath.Join(w.home, "opened") }

// address is what patrol told the desktop to open.
func (w *world) address() string {
	w.t.Helper()
	text, ok := wait(func() ([]byte, bool) {
		text, err := os.ReadFile(w.opened())
		return text, err == nil
	})
	if !ok {
		w.t.Fatal("nothing was opened")
	}
	return string(text)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
