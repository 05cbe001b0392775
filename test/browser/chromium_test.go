package browser

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab is a tab of a Chromium, and the person who types into it.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// openTab starts a Chromium with a profile of its own. It is not told to trust
// the emulator's authority: only certificates that come with this one's key
// are excused.
func openTab(t *testing.T, w *world) *tab {
	t.Helper()
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)), chromedp.DisableGPU, chromedp.WindowSize(width, height),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.ProxyServer(w.get("HTTPS_PROXY")), // Chromium never sends loopback through a proxy
		chromedp.Flag("ignore-certificate-errors-spki-list", keyHash(t, w.ca)),
	})
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t, ctx}
	b.do(chromedp.EmulateViewport(width, height))
	// Headless, no window has the focus; pages are to behave as if this one had.
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // and waits, so that no directory is in use any more
	return b
}

// chromium finds one.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium: tools/need.sh chromium installs it")
	return ""
}

// keyHash is the SHA-256 of the public key of a certificate, as the flag wants it.
func keyHash(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns the value of an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// open goes to an address and waits for the page of that title.
func (b *tab) open(address, title string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
	b.shows(title)
}

// shows waits for the page of a title, and looks at how accessible it is.
func (b *tab) shows(title string) {
	b.t.Helper()
	b.until("document.title === " + quote(title) + " && document.readyState === 'complete'")
	b.isAccessible()
}

// says waits for a text in the part of the page that is read out.
func (b *tab) says(text string) {
	b.t.Helper()
	b.until(`document.readyState === 'complete' && [...document.querySelectorAll('[role=status],[role=alert]')].some(e => e.innerText.includes(` + quote(text) + `))`)
	b.isAccessible()
}

// until waits for a condition, also on the pages to come.
func (b *tab) until(condition string) {
	b.t.Helper()
	_, ok := wait(func() (bool, bool) {
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition)) // fails between two pages
		return v, err == nil && v
	})
	if !ok {
		b.t.Fatalf("never: %s\n%s\n%s", condition, eval[string](b, "location.href.split('?')[0]"), eval[string](b, "document.body.innerText"))
	}
}

func quote(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }

// types types, to wherever the focus is.
func (b *tab) types(text string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(text))
}

// enter presses the Enter key.
func (b *tab) enter() { b.types(kb.Enter) }

// to moves the focus with the Tab key to what has a role and a name.
func (b *tab) to(role, name string) {
	b.t.Helper()
	var passed []string
	for range 80 {
		n := b.focused()
		if n.role == role && n.name == name {
			b.focusIsVisible(n)
			return
		}
		passed = append(passed, n.role+" "+n.name)
		b.types(kb.Tab)
	}
	b.t.Fatalf("the Tab key does not lead to the %s %q, only to %q", role, name, passed)
}

// press moves to a button or link with the Tab key, and presses Enter.
func (b *tab) press(role, name string) {
	b.t.Helper()
	b.to(role, name)
	b.enter()
}

// scheme makes the page dark or light.
func (b *tab) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}
