package browser

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// demo/shell.sh gives a person a browser in which Azure DevOps is the emulator,
// and leaves nothing behind.
func TestDemoShell(t *testing.T) {
	bin, dir := build(t), t.TempDir()
	path, tmp := filepath.Join(dir, "path"), filepath.Join(dir, "tmp")
	for _, d := range []string{path, tmp} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// The real one, without a window and with a line to it.
	writeScript(t, filepath.Join(path, "chromium"), `exec "`+chromium(t)+`" --headless --remote-debugging-port=0 "$@"`)
	cmd := exec.CommandContext(t.Context(), "../../demo/shell.sh", bin)
	cmd.Env = append(impersonal(), "HOME="+dir, "PATH="+path+":"+os.Getenv("PATH"), "TMPDIR="+tmp, "SHELL=/bin/sh", "DISPLAY=:0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 10 * time.Second
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	types := func(line string) {
		t.Helper()
		if _, err := keyboard.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if t.Failed() {
			t.Logf("%s", out.Bytes())
		}
	}()

	types("xdg-open " + tokensPage + " &")
	ctx, cancel := chromedp.NewContext(attach(t, filepath.Join(tmp, "patrol-shell.*", "profile", "DevToolsActivePort")), remote.WithKeepOpen())
	defer cancel()
	b := &tab{t, ctx}
	b.open(tokensPage, "Sign in")
	if err := chromedp.Do(ctx, chromedp.Navigate("https://example.com/")); err == nil || !strings.Contains(err.Error(), "ERR_TUNNEL_CONNECTION_FAILED") {
		t.Errorf("another host: %v", err)
	}
	types("xdg-open https://dev.azure.com/northwind/_usersSettings/tokens")
	_, ok := wait(func() (bool, bool) {
		all, err := chromedp.Targets(ctx)
		n := 0
		for _, x := range all {
			if x.Type == "page" && x.Title == "Sign in" {
				n++
			}
		}
		return true, err == nil && n == 2
	})
	if !ok {
		t.Error("the second page was not opened in the same browser")
	}
	locks, err := filepath.Glob(filepath.Join(tmp, "patrol-shell.*", "profile", "SingletonLock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(err, locks)
	}
	lock, err := os.Readlink(locks[0])
	if err != nil {
		t.Fatal(err)
	}
	cancel()

	types("exit")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if process := "/proc/" + lock[strings.LastIndex(lock, "-")+1:]; exists(process) {
		t.Error("the browser still runs")
	}
	for _, want := range []string{"azdo-emulator totp ada@contoso.com", "git clone " + repository} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// attach connects to the browser that leaves its address in a file.
func attach(t *testing.T, pattern string) context.Context {
	t.Helper()
	address, ok := wait(func() (string, bool) {
		found, _ := filepath.Glob(pattern)
		if len(found) == 0 {
			return "", false
		}
		text, err := os.ReadFile(found[0])
		port, path, ok := strings.Cut(strings.TrimSpace(string(text)), "\n")
		return "ws://127.0.0.1:" + port + path, err == nil && ok
	})
	if !ok {
		t.Fatal("no browser starts")
	}
	ctx, cancel := remote.NewAllocator(context.Background(), address, remote.NoModifyURL)
	t.Cleanup(cancel)
	return ctx
}

// Without a display there is a way, too, and it is told.
func TestDemoShellWithoutDisplay(t *testing.T) {
	bin, tmp := build(t), t.TempDir()
	cmd := exec.CommandContext(t.Context(), "../../demo/shell.sh", bin)
	cmd.Env = append(impersonal(), "HOME="+tmp, "PATH="+os.Getenv("PATH"), "TMPDIR="+tmp, "SHELL=/bin/sh")
	cmd.Stdin = strings.NewReader(`set -eu
umask 077
echo "correct horse battery staple" >passphrase
git config --global patrol.passphraseCommand "cat $HOME/passphrase"
patrol setup
azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code_write |
	patrol login --pat contoso --stdin
git clone ` + repository + `
ls web
`)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("there is no display")) || !bytes.Contains(out, []byte("\nREADME.md\n")) {
		t.Errorf("%v\n%s", err, out)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "patrol-shell") }) {
		t.Errorf("left behind: %v %v", left, err)
	}
}
