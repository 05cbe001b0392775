//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sizes are how many records the vaults hold. One of them is a token for Azure
// Repos, the others are passwords of other hosts.
func sizes() []int { return []int{1, 100, 1000} }

// usual is the vault that all other commands are measured with.
const usual = 100

// The Azure record's requests, as Git words them.
const (
	azureGet = "protocol=https\nhost=dev.azure.com\nusername=contoso\npath=contoso/shop/_git/web\n"
	azureURL = "https://contoso@dev.azure.com/contoso/shop/_git/web"
)

// otherHost is the host of the nth password.
func otherHost(n int) string { return fmt.Sprintf("git%d.example.com", n) }

// login is a request about the nth password.
func login(n int, password string) string {
	return "protocol=https\nhost=" + otherHost(n) + "\nusername=ada\npassword=" + password + "\n"
}

// world is everything the measurements use, all of it in one directory that is
// removed at the end.
type world struct {
	dir     string
	bin     string // of our programs
	trivial string
	git     string
	token   string   // the Azure record's
	session []string // the environment of a session with a keyring; see keyring
	undo    []func()
}

// newWorld makes a home for each size of vault. They are states of one vault,
// so that one key opens all.
func newWorld(ctx context.Context, bin string) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	if err := need(ctx, "git", "strace", "time"); err != nil {
		return nil, err
	}
	if w.git, err = exec.LookPath("git"); err != nil {
		return nil, err
	}
	if w.dir, err = os.MkdirTemp("", "patrol-bench-"); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func() { _ = os.RemoveAll(w.dir) })
	w.trivial = filepath.Join(w.dir, "trivial")
	if err := build(ctx, w.trivial, "./bench/testdata/trivial"); err != nil {
		return nil, err
	}
	return w, w.fill(ctx)
}

// build makes a program as make build does.
func build(ctx context.Context, to, pkg string, flags ...string) error {
	words := slices.Concat([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", to}, flags, []string{pkg})
	_, err := output(ctx, append(os.Environ(), "CGO_ENABLED=0"), "", "go", words...)
	return err
}

// close takes back what was made, the latest first.
func (w *world) close() {
	for len(w.undo) > 0 {
		last := len(w.undo) - 1
		w.undo[last]()
		w.undo = w.undo[:last]
	}
}

func (w *world) home(records int) string {
	return filepath.Join(w.dir, fmt.Sprintf("home%d", records))
}

func vaultIn(home string) string { return filepath.Join(home, ".local", "share", "patrol", "vault") }

// forgetKey takes the key of the home's vault, if there is one, out of the kernel
// keyring. The key is named after the vault's id, the third word of the file.
func forgetKey(home string) {
	vault, err := os.ReadFile(vaultIn(home))
	words := strings.Fields(string(vault[:min(len(vault), 256)]))
	if err != nil || len(words) < 3 {
		return
	}
	if key, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "patrol:"+words[2], 0); err == nil {
		_, _ = unix.KeyctlInt(unix.KEYCTL_UNLINK, key, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	}
}

// env is the environment of every command: little, and the same.
func (w *world) env(records int, more ...string) []string { return w.envOf(w.home(records), more...) }

func (w *world) envOf(home string, more ...string) []string {
	return append([]string{
		"HOME=" + home, "PATH=" + w.bin + ":/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false",
	}, more...)
}

// helper is a command of git-credential-patrol.
func (w *world) helper(name string, records int, operation, stdin, says string) command {
	return command{name, w.env(records), []string{filepath.Join(w.bin, "git-credential-patrol"), operation}, stdin, says}
}

func (w *world) nothing(stdin string) command {
	return command{"a Go program that reads and prints", w.env(usual), []string{w.trivial}, stdin, "password=hunter2"}
}

// fill makes the vaults: the token, then passwords until each size is reached.
func (w *world) fill(ctx context.Context) error {
	home := w.home(0)
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := w.setup(ctx, home); err != nil {
		return err
	}
	records := 1
	for _, size := range sizes() {
		for ; records < size; records++ {
			store := w.helper("store", 0, "store", login(records, fmt.Sprintf("password %d", records)), "")
			if _, err := store.run(); err != nil {
				return cmp.Or(ctx.Err(), err)
			}
		}
		if err := os.CopyFS(w.home(size), os.DirFS(home)); err != nil {
			return err
		}
		if err := makePrivate(w.home(size)); err != nil {
			return err
		}
	}
	return nil
}

// makePrivate gives a copy the modes that os.CopyFS does not take over.
func makePrivate(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

// setup makes the vault, and signs in to an emulator that runs no longer.
func (w *world) setup(ctx context.Context, home string) error {
	patrol := filepath.Join(w.bin, "patrol")
	w.undo = append(w.undo, func() { forgetKey(home) })
	if _, err := output(ctx, w.env(0), "", patrol, "setup", "--key", "kernel"); err != nil {
		return err
	}
	vars, stop, err := w.emulator(ctx)
	if err != nil {
		return err
	}
	defer stop()
	env := w.env(0, vars...)
	mint := []string{"mint", "--user", "ada@contoso.com", "--org", "contoso", "--scope", "vso.code_write"}
	token, err := output(ctx, env, "", filepath.Join(w.bin, "azdo-emulator"), mint...)
	if err != nil {
		return err
	}
	w.token = strings.TrimSpace(token)
	_, err = output(ctx, env, token, patrol, "login", "--pat", "--stdin", "contoso")
	return err
}

// emulator starts one and returns the variables that its clients need.
func (w *world) emulator(ctx context.Context) (vars []string, stop func(), err error) {
	file := filepath.Join(w.dir, "emulator.env")
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "azdo-emulator"), "serve", "--dir", filepath.Join(w.dir, "emulator"), "--env-file", file)
	cmd.Env = w.env(0)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	for range 200 {
		var text []byte
		if text, err = os.ReadFile(file); err == nil {
			return exported(string(text)), stop, nil
		}
		if ctx.Err() != nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return nil, nil, cmp.Or(ctx.Err(), fmt.Errorf("azdo-emulator does not start: %w", err))
}

// exported reads the lines that azdo-emulator writes for a shell. None of its
// values holds a quote, except where the directory's name does.
func exported(script string) []string {
	var env []string
	for line := range strings.Lines(script) {
		if assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			env = append(env, name+"="+strings.Trim(value, "'"))
		}
	}
	return env
}
