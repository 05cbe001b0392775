package msal

import (
	"bufio"
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// envBinary tells a child process where azdo-emulator is.
const envBinary = "MSAL_EMULATOR"

// process is a running azdo-emulator.
type process struct {
	binary string
	env    []string
}

// serve builds azdo-emulator from the module two levels up and starts it.
func serve(t *testing.T) process {
	t.Helper()
	dir := t.TempDir()
	p := process{binary: filepath.Join(dir, "azdo-emulator")}
	if runtime.GOOS == "windows" {
		p.binary += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.binary, "./cmd/azdo-emulator")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, p.binary, "serve", "--dir", filepath.Join(dir, "data"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if runtime.GOOS == "windows" {
		cmd.Cancel = cmd.Process.Kill
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "# azdo-emulator: ready") {
			return p
		}
		p.env = append(p.env, strings.ReplaceAll(strings.TrimPrefix(lines.Text(), "export "), "'", ""))
	}
	t.Fatal("the emulator is not ready")
	return p
}

// run runs a client command of azdo-emulator and returns what it printed.
func (p process) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.binary, args...)
	cmd.Env = append(os.Environ(), p.env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// browser shows one page after the other, and knows its forms.
type browser struct {
	t      *testing.T
	client *http.Client
	at     *url.URL
	page   string
}

// browser starts a browser with no cookies.
func (p process) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, client: &http.Client{Jar: jar}}
}

// person is somebody who signs in as soon as a page opens.
func (p process) person(t *testing.T, user string) func(string) error {
	return func(address string) error {
		b := p.browser(t)
		b.visit(address)
		if b.has(`name="loginfmt"`) {
			b.submit("Next", "loginfmt", user)
		}
		b.submit("Sign in", "passwd", "not-a-real-password")
		b.submit("Verify", "otc", p.run(t, "totp", user))
		if b.has(">Accept<") {
			b.submit("Accept")
		}
		b.submit("No")
		if b.has(">Continue to ") { // the library asks for response_mode=form_post
			b.submit("Continue to [^<]*")
		}
		return nil
	}
}

func (b *browser) has(text string) bool { return strings.Contains(b.page, text) }

func (b *browser) visit(address string) {
	b.t.Helper()
	res, err := b.client.Get(address)
	b.read(res, err)
}

func (b *browser) read(res *http.Response, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.page, b.at = string(body), res.Request.URL
}

// submit fills in the form and presses the button with the text.
func (b *browser) submit(button string, fill ...string) {
	b.t.Helper()
	values := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(b.page, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	pressed := regexp.MustCompile(`<button(?: name="([^"]*)" value="([^"]*)")?[^>]*>` + button + `<`).FindStringSubmatch(b.page)
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(b.page)
	if pressed == nil || action == nil {
		b.t.Fatalf("no button %q on\n%s", button, b.page)
	}
	values.Set(pressed[1], pressed[2])
	for i := 0; i+1 < len(fill); i += 2 {
		values.Set(fill[i], fill[i+1])
	}
	to, err := b.at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := b.client.PostForm(to.String(), values)
	b.read(res, err)
}
