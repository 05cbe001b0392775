//go:build linux

package demo_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/gitpatrol/patrol/internal/emulator"
)

// The commands of the README (its blocks of sh) run as written, one block after
// the other, at a terminal: a person answers, and the emulator is Azure DevOps.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	e := startEmulator(t)
	token, _, err := e.Mint(emulator.MintOptions{User: "ada@contoso.com", Organization: "contoso", Scope: "vso.code_write"})
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	script := "PS4='$ '; set -eux\n" + strings.Join(blocks(t, "../README.md", "sh"), "\n") + "\npatrol lock\n"
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir = ".."
	cmd.Env = append(goEnviron(t), e.Env()...)
	bin := t.TempDir()
	cmd.Env = append(cmd.Env, "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"MAKEFLAGS=BIN="+bin, // the checkout stays as it is
		"DISPLAY=:99", "BROWSER="+filepath.Join(bin, "demo", "xdg-open"))
	write(t, filepath.Join(home, ".browser.json"), `{"user": "ada@contoso.com", "password": "`+emulator.DefaultPassword+`"}`, 0o600)
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	p := &person{terminal: terminal, left: make(chan struct{})}
	go p.read()
	p.answers(t, "Choose a passphrase for the patrol vault: ", "correct horse battery staple")
	p.answers(t, "The same again: ", "correct horse battery staple")
	p.answers(t, "Personal access token for https://dev.azure.com/contoso: ", token)
	p.answers(t, "When does it expire", "7d")
	err = cmd.Wait()
	select {
	case <-p.left: // all that was written is read
	case <-time.After(10 * time.Second):
		t.Error("something still holds the terminal")
	}
	saw := p.saw()
	if err != nil {
		t.Fatalf("%v\n%s", err, saw)
	}
	for _, want := range []string{
		"Next: patrol login ORG", "Cloning into 'web'", "Signed in to contoso as ada@contoso.com; it expires", "Vault: open",
		"Answer:  the pat ", "Forgotten: token of ada@contoso.com for contoso.", "- credential.https://dev.azure.com.helper",
	} {
		if !strings.Contains(saw, want) {
			t.Errorf("no %q in\n%s", want, saw)
		}
	}
	if strings.Contains(saw, token) {
		t.Error("the token was shown")
	}
	for _, file := range []string{"web/README.md", ".local/bin/patrol", ".local/bin/git-credential-patrol", ".local/share/man/man1/patrol.1"} {
		if _, err := os.Stat(filepath.Join(home, file)); err != nil {
			t.Error(err)
		}
	}
	if config, err := os.ReadFile(filepath.Join(home, ".gitconfig")); err == nil && strings.Contains(string(config), "patrol") {
		t.Errorf("Git's configuration still has:\n%s", config)
	}
}

// blocks returns the fenced blocks of a document that are marked with language.
func blocks(t *testing.T, path, language string) []string {
	t.Helper()
	var found []string
	for _, block := range strings.Split(read(t, path), "\n```"+language+"\n")[1:] {
		code, _, _ := strings.Cut(block, "\n```\n")
		found = append(found, code)
	}
	if len(found) == 0 {
		t.Fatalf("%s has no block of %s", path, language)
	}
	return found
}

func startEmulator(t *testing.T) *emulator.Emulator {
	t.Helper()
	seed, err := emulator.ParseSeed([]byte(emulator.ExampleSeed))
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Config{Seed: seed, Dir: t.TempDir(), Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// goEnviron is the environment without what a person may have set, in which go
// finds what it has already built, whatever HOME says, and needs no network.
func goEnviron(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE", "GOPATH").Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(string(out), "\n")
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return slices.ContainsFunc([]string{"GIT_", "XDG_", "DBUS_", "PATROL_", "CI=", "MAKE"}, func(p string) bool { return strings.HasPrefix(kv, p) })
	})
	return append(env, "GOCACHE="+values[0], "GOMODCACHE="+values[1], "GOPATH="+values[2], "GOPROXY=off", "CGO_ENABLED=0", "GOENV=off", "GOTELEMETRY=off")
}

// person sits at a terminal.
type person struct {
	terminal *os.File
	mu       sync.Mutex
	screen   []byte
	left     chan struct{} // closed when the terminal is
	answered int           // how much of the screen was answered
}

// read follows what the terminal shows, to its end.
func (p *person) read() {
	defer close(p.left)
	chunk := make([]byte, 4096)
	for {
		n, err := p.terminal.Read(chunk)
		p.mu.Lock()
		p.screen = append(p.screen, chunk[:n]...)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *person) saw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.ReplaceAll(string(p.screen), "\r\n", "\n")
}

// answers waits for a question and types the answer.
func (p *person) answers(t *testing.T, question, answer string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		at := strings.Index(string(p.screen[p.answered:]), question)
		if at >= 0 {
			p.answered += at + len(question)
		}
		p.mu.Unlock()
		if at >= 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nobody asks %q\n%s", question, p.saw())
		}
	}
	if _, err := p.terminal.WriteString(answer + "\n"); err != nil {
		t.Fatal(err)
	}
}
