package browser

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// An application of one's own, in the emulator's built-in seed.
const ownApplication = "5a3e1c7b-9d20-4f68-8a4b-6c5d4e3f2a1b"

// What docs/entra-app.md says of an application of one's own: people are asked
// for two permissions, and where the tenant leaves that to administrators they
// read so.
func TestConsent(t *testing.T) {
	w := newWorld(t)
	b := openTab(t, w)
	w.run("git", "config", "--global", "patrol.entraClientId", ownApplication)
	w.run("azdo-emulator", "policy", "tenant", "contoso", "consentOff=true")
	login := w.start("patrol", "login", "contoso")
	b.identifies(w)
	b.shows("Error: Sorry, but we’re having trouble signing you in")
	b.press("button", "Back to Sample of our own")
	b.shows("Not signed in – patrol")
	const advice = "The application has no consent yet: sign in and accept, or ask an administrator to grant it."
	if got := eval[string](b, "document.querySelector('[role=alert]').innerText"); !strings.Contains(got, advice) {
		t.Errorf("patrol's page says %q", got)
	}
	out, err := login.end()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 4 || !strings.Contains(out, "AADSTS90094") || !strings.Contains(out, "hint: "+strings.ToLower(advice[:1])+strings.TrimSuffix(advice[1:], ".")) {
		t.Errorf("%v: %s", err, out)
	}

	w.run("azdo-emulator", "policy", "tenant", "contoso", "consentOff=false")
	w.run("azdo-emulator", "clock", "+1m") // a code is good once
	login = w.start("patrol", "login", "contoso")
	b.identifies(w)
	b.shows("Permissions requested")
	b.walks()
	if got := eval[string](b, "[...document.querySelectorAll('main li')].map(e => e.innerText).join()"); got != "vso.pats_manage,vso.code_write" {
		t.Errorf("the permissions are %s", got)
	}
	b.press("button", "Accept")
	b.shows("Stay signed in?")
	b.press("button", "No")
	b.shows("Signed in – patrol")
	if out, err := login.end(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	w.run("git", "clone", "--quiet", repository)
}

// identifies goes through the pages that ask who somebody is.
func (b *tab) identifies(w *world) {
	b.t.Helper()
	b.open(w.address(), "Sign in")
	b.to("textbox", "Email")
	b.types(user)
	b.enter()
	b.shows("Enter password")
	b.types(password)
	b.enter()
	b.shows("Enter code")
	b.types(w.code())
	b.enter()
}
