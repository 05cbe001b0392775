//go:build linux

// Package demo_test runs the demo and the commands of the README, and holds the
// documents to what the programs do.
package demo_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	bin := build(t)
	t.Run("tells what the README shows", func(t *testing.T) {
		t.Parallel()
		d := startDemo(t, bin)
		d.ends(t, 0)
		if d.stderr.Len() > 0 {
			t.Errorf("on standard error: %s", d.stderr.String())
		}
		checkExcerpt(t, d.stdout.String())
	})
	t.Run("works without the kernel keyring", func(t *testing.T) {
		t.Parallel()
		d := startDemo(t, bin, noKeyring+"=1")
		d.ends(t, 0)
		if !strings.Contains(d.stdout.String(), "\n(Programs may not use the kernel keyring here") {
			t.Errorf("it does not say that there is no keyring:\n%s", d.stdout.String())
		}
	})
	// A program that was started with a signal ignored, as by nohup, hands that on
	// unless it handles the signal itself.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run("cleans up on "+signal.String(), func(t *testing.T) {
			t.Parallel()
			d := startDemo(t, bin)
			d.waitForVault(t)
			if err := syscall.Kill(-d.cmd.Process.Pid, signal); err != nil { // as the terminal does it
				t.Fatal(err)
			}
			d.ends(t, 128+int(signal))
		})
	}
}

// Whatever does not do what the demo says of it ends the demo.
func TestDemoChecksItsSteps(t *testing.T) {
	t.Parallel()
	bin := build(t)
	for name, test := range map[string]struct {
		program, script string // $real is the program itself
		says            string
	}{
		"setup writes nothing":   {"patrol", `[ "$1" = setup ] || exec "$real" "$@"`, "step 1 (Tell Git to ask patrol)"},
		"setup fails":            {"patrol", `"$real" "$@" || exit; [ "$1" != setup ]`, "step 1 (Tell Git to ask patrol)"},
		"Git goes on to ask":     {"git-credential-patrol", `:`, "step 2 (Clone, and sign in)"},
		"the person cancels":     {"demo/xdg-open", `sed -i 's/}/, "do": "cancel"}/' "$HOME/.browser.json"; exec "$real" "$@"`, "step 2 (Clone, and sign in)"},
		"two browsers open":      {"demo/xdg-open", `echo another >>"$HOME/.browser.log"; exec "$real" "$@"`, "a browser was opened 2 times, not 1"},
		"the token is shown":     {"patrol", `"$real" "$@"; [ "$1" != token ] || azdo-emulator token`, "it shows a token"},
		"the token is in a file": {"patrol", `[ "$1" != token ] || azdo-emulator token >"$HOME/t"; exec "$real" "$@"`, "step 3 (See what was made)"},
		"the server is asked":    {"git-credential-patrol", `[ -d "$HOME/web/.git/refs/remotes" ] && [ "$1" = get ] && azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code </dev/null 2>/dev/null | patrol login --pat contoso --stdin >/dev/null; exec "$real" "$@"`, "\"_apis\" is in the output"},
		"login keeps anything":   {"patrol", `[ "$2" = --pat ] && echo "Signed in to ada-at-home as ada@contoso.com" || exec "$real" "$@"`, "the service was not asked"},
		"status fails":           {"patrol", `[ "$1" != status ] && exec "$real" "$@"`, "step 9 (See what there is, and why)"},
		"why says nothing":       {"patrol", `[ "$1" = why ] || exec "$real" "$@"`, "step 9 (See what there is, and why)"},
		"doctor only says so":    {"patrol", `[ "$1 $2" = "doctor --fix" ] || exec "$real" "$@"; echo 'Fixed 1 of 1 finding. revoke on the server the token from-the-portal'`, "step 10 (doctor finds a token in a URL, and moves it out)"},
		"rotate only says so":    {"patrol", `[ "$1 $2" = "token rotate" ] || exec "$real" "$@"; echo 'Rotated: the token of ada@contoso.com for contoso is revoked.'`, "step 12 (Another token now, and kill -9 in the middle)"},
		"revoke only says so":    {"patrol", `[ "$1 $2 $6" = "token revoke --yes" ] || exec "$real" "$@"; echo 'Revoked: deploy'`, "step 13 (Revoke what nobody needs)"},
		"logout revokes not all": {"patrol", `[ "$1" != logout ] || set -- logout contoso; exec "$real" "$@"`, "step 16 (Leave)"},
		"logout forgets nothing": {"patrol", logoutSays, "step 16 (Leave)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "demo"), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, program := range []string{"patrol", "git-credential-patrol", "azdo-emulator", "demo/xdg-open"} {
				link(t, filepath.Join(bin, program), filepath.Join(dir, program))
			}
			text := "#!/bin/sh\nreal='" + filepath.Join(bin, test.program) + "'\n" + test.script + "\n"
			write(t, filepath.Join(dir, filepath.FromSlash(test.program)), text, 0o700)
			d := startDemo(t, dir)
			d.ends(t, 1)
			if !strings.Contains(d.stderr.String(), test.says) || !strings.Contains(d.stderr.String(), "did not do what it says") {
				t.Errorf("it says %q, want %q", d.stderr.String(), test.says)
			}
		})
	}
}

// logoutSays is a patrol that says all that logout says, and does nothing.
const logoutSays = `[ "$1" != logout ] && exec "$real" "$@"
echo 'Revoked and forgotten: token of ada@contoso.com for contoso.'
echo 'Revoked and forgotten: token of ben@contoso.com for contoso.'
echo 'Forgotten: access token of ada@contoso.com for northwind.'
echo https://dev.azure.com/ada-at-home/_usersSettings/tokens`

// demo is a run of the demo in a temporary directory of its own.
type demo struct {
	cmd            *exec.Cmd
	temp           string
	stdout, stderr bytes.Buffer
	vault          string // its id, once it was seen
	done           chan error
}

// startDemo starts the demo in a session without a terminal.
func startDemo(t *testing.T, bin string, env ...string) *demo {
	t.Helper()
	d := &demo{temp: t.TempDir(), done: make(chan error, 1)}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"bash", "demo.sh", bin}
	if len(env) > 0 {
		args = append([]string{self}, args...)
	}
	d.cmd = exec.CommandContext(t.Context(), args[0], args[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = &d.stdout, &d.stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// What a person may have set must not matter.
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.temp, "GIT_DIR=/nowhere", "GIT_CONFIG_GLOBAL=/nowhere/config", "XDG_DATA_HOME=/nowhere",
		"HTTPS_PROXY=http://192.0.2.1:9", "NO_PROXY=*", "PATROL_PASSPHRASE_FD=9", "CDPATH=/")
	d.cmd.Env = append(d.cmd.Env, env...)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	return d
}

// look notes the vault's id when there is a vault.
func (d *demo) look() {
	files, _ := filepath.Glob(filepath.Join(d.temp, "patrol-demo.*", "home", ".local", "share", "patrol", "vault"))
	for _, file := range files {
		head, _ := os.ReadFile(file)
		if words := strings.Fields(string(head[:min(len(head), 100)])); len(words) > 2 {
			d.vault = words[2]
		}
	}
}

func (d *demo) waitForVault(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); d.vault == ""; time.Sleep(time.Millisecond) {
		d.look()
		if time.Now().After(end) {
			t.Fatal("the demo makes no vault")
		}
	}
}

// ends waits for the end, and checks the exit code and that nothing is left:
// no file, no process, no key.
func (d *demo) ends(t *testing.T, code int) {
	t.Helper()
	for ended := false; !ended; {
		select {
		case err := <-d.done:
			ended = true
			var exit *exec.ExitError
			if got := d.cmd.ProcessState.ExitCode(); got != code || err != nil && !errors.As(err, &exit) {
				t.Errorf("it ends with %d (%v), want %d:\n%s%s", got, err, code, tail(d.stdout.String()), d.stderr.String())
			}
		case <-time.After(2 * time.Millisecond):
			d.look()
		}
	}
	if left, err := os.ReadDir(d.temp); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	// The last process takes a moment to go, and so does a key (keyrings(7), "Garbage collection").
	var left []string
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left = processesOf(d.temp)
		if keys, err := os.ReadFile("/proc/keys"); err == nil && d.vault != "" && strings.Contains(string(keys), "patrol:"+d.vault) {
			left = append(left, "the key of vault "+d.vault)
		}
		if len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	if len(left) > 0 {
		t.Errorf("it leaves %q", left)
	}
	if d.vault == "" && code != 1 {
		t.Error("the vault was never seen")
	}
}

func tail(s string) string { return s[max(0, len(s)-1500):] }

// processesOf lists the command lines of processes with dir in their environment.
func processesOf(dir string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if env, err := os.ReadFile(file); err == nil && bytes.Contains(env, []byte(dir)) {
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// volatile is what differs from run to run.
var volatile = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\dZ| UTC)|\b[0-9a-f]{16}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{7,}\.\.[0-9a-f]{7,}\b`)

// checkExcerpt compares the README with the demo: every line of it is one of the
// demo's, and they are in the demo's order.
func checkExcerpt(t *testing.T, output string) {
	t.Helper()
	_, rest, found := strings.Cut(read(t, "../README.md"), "\n```text\n== 1.")
	excerpt, _, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended {
		t.Fatal("README.md has no excerpt of the demo")
	}
	excerpt = "== 1." + excerpt
	if !strings.Contains(output, "in the kernel keyring for") {
		t.Log("no kernel keyring on this machine: only the headings are compared")
		excerpt = strings.Join(headings(excerpt), "\n")
	}
	left := strings.Split(volatile.ReplaceAllString(output, "*"), "\n")
	for _, line := range strings.Split(volatile.ReplaceAllString(excerpt, "*"), "\n") {
		if line == "" || line == "..." {
			continue
		}
		for len(left) > 0 && left[0] != line {
			left = left[1:]
		}
		if len(left) == 0 {
			t.Fatalf("the demo does not say, or not in that order, what the README has: %q\n%s", line, output)
		}
	}
}

func headings(s string) []string {
	return regexp.MustCompile(`(?m)^== .*$`).FindAllString(s, -1)
}

// build makes the three programs as they are released, and the browser.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for to, from := range map[string]string{"/": "./cmd/...", "/demo/xdg-open": "./demo/browser"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", dir+to, from)
		cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return dir
}

func link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Link(from, to); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write puts a new file in the place of one that may be linked elsewhere.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(fmt.Errorf("write %s: %w", path, err))
	}
}
