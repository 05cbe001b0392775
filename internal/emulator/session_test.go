package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A browser that is signed in is not asked again, unless the request says so.
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	p := newPerson(t, e).visit(a.url()).signIn("ada@contoso.com")
	if p.landed == nil {
		t.Fatal(p.page)
	}
	if p.visit(a.url()); p.landed == nil || p.landed.Query().Get("code") == "" {
		t.Errorf("asked again: %q", p.title())
	}
	if p.visit(a.url("prompt", "none")); p.landed == nil || p.landed.Query().Get("code") == "" {
		t.Errorf("silently: %v", p.landed)
	}
	for prompt, want := range map[string]string{"login": "Sign in", "select_account": "Pick an account"} {
		if p.visit(a.url("prompt", prompt)); p.title() != want {
			t.Errorf("prompt=%s: %q", prompt, p.title())
		}
	}
	if p.visit(a.url("prompt", "login", "login_hint", "ada@contoso.com")); p.title() != "Enter password" {
		t.Errorf("a hint: %q", p.title())
	}
	if p.visit(a.url("prompt", "select_account")).submit("ada@contoso.com"); p.landed == nil {
		t.Errorf("picked: %q", p.title())
	}
	p.visit(a.url("prompt", "select_account")).submit("Use another account").submit("Next", "loginfmt", "gwen@northwind.com").signIn("gwen@northwind.com")
	if p.visit(a.url()); p.title() != "Pick an account" {
		t.Errorf("two sessions: %q", p.title())
	}
	if p.visit(a.url("prompt", "none")); p.landed == nil || p.landed.Query().Get("error") != "interaction_required" {
		t.Errorf("two sessions, silently: %v", p.landed)
	}
	if p.visit(a.url("login_hint", "GWEN@northwind.com")); p.landed == nil {
		t.Errorf("a hint among two sessions: %q", p.title())
	}
	if p.visit("https://login.microsoftonline.com/common/oauth2/v2.0/logout").visit(a.url()); p.title() != "Sign in" {
		t.Errorf("signed out: %q", p.title())
	}
}

// "Stay signed in" outlives the day; without it the session does not.
func TestStaySignedIn(t *testing.T) {
	t.Parallel()
	for button, want := range map[string]bool{"Yes": true, "No": false} {
		e := startEntra(t)
		p := newPerson(t, e).visit(newApp().url()).submit("Next", "loginfmt", "ada@contoso.com").submit("Sign in", "passwd", DefaultPassword)
		p.submit("Verify", "otc", p.code("ada@contoso.com")).submit(button)
		e.Advance(48 * time.Hour)
		if p.visit(newApp().url()); (p.landed != nil) != want {
			t.Errorf("%s: %v", button, p.landed)
		}
	}
}

// A page is good once, in its browser, with its own token.
func TestFlowIsProtected(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	p := newPerson(t, e).visit(newApp().url())
	hidden := func(name string) string {
		for _, x := range tags(p.page) {
			if x.attrs["name"] == name {
				return x.attrs["value"]
			}
		}
		t.Fatalf("no %s", name)
		return ""
	}
	action := "/" + contosoTID + "/login"
	old := url.Values{"flow": {hidden("flow")}, "csrf": {hidden("csrf")}, "step": {"email"}, "action": {"next"}, "loginfmt": {"ada@contoso.com"}}
	stranger := newPerson(t, e).visit(newApp().url())
	if stranger.post(action, old); stranger.status != 400 {
		t.Errorf("another browser goes on: %d %q", stranger.status, stranger.title())
	}
	if p.post(action, url.Values{"flow": old["flow"], "csrf": {"guess"}, "step": {"email"}, "loginfmt": {"ada@contoso.com"}}); !strings.Contains(p.page, "out of date") {
		t.Errorf("a guessed token: %q", p.title())
	}
	if p.post(action, old); !strings.Contains(p.page, "out of date") {
		t.Errorf("an old page: %q", p.title())
	}
	p.submit("Next", "loginfmt", "ada@contoso.com")
	skip := url.Values{"flow": {hidden("flow")}, "csrf": {hidden("csrf")}, "step": {"stay"}, "action": {"yes"}}
	if p.post(action, skip); p.title() != "Error: Enter password" {
		t.Errorf("a page was left out: %q", p.title())
	}
	e.Advance(2 * time.Hour)
	if p.submit("Sign in", "passwd", DefaultPassword); p.status != 400 || !strings.Contains(p.page, "AADSTS50089") {
		t.Errorf("after two hours: %d", p.status)
	}
}

// Wrong passwords lock an account for a while, also to those who know it.
func TestLockout(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	if err := e.SetTenantPolicy("contoso", TenantPolicy{LockAfter: 3, LockFor: Duration(5 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	p := newPerson(t, e).visit(newApp().url()).submit("Next", "loginfmt", "ada@contoso.com")
	for i, want := range []string{"50126", "50126", "50053", "50053"} {
		if p.submit("Sign in", "passwd", "wrong"); !strings.Contains(p.page, "AADSTS"+want) {
			t.Errorf("attempt %d: no AADSTS%s", i+1, want)
		}
	}
	if p.submit("Sign in", "passwd", DefaultPassword); !strings.Contains(p.page, "AADSTS50053") {
		t.Error("the right password opens a locked account")
	}
	e.Advance(6 * time.Minute)
	if p.signIn("ada@contoso.com"); p.landed == nil {
		t.Errorf("after the lock: %q", p.title())
	}
	if err := e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserLock}); err != nil {
		t.Fatal(err)
	}
	e.Advance(time.Hour)
	q := newPerson(t, e).visit(newApp().url()).submit("Next", "loginfmt", "ada@contoso.com").submit("Sign in", "passwd", DefaultPassword)
	if !strings.Contains(q.page, "AADSTS50053") {
		t.Error("an administrator's lock ends by itself")
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	begin := func() *person {
		return newPerson(t, e).visit(newApp().url()).submit("Next", "loginfmt", "ada@contoso.com").submit("Sign in", "passwd", DefaultPassword)
	}
	p := begin()
	code := p.code("ada@contoso.com")
	if p.submit("Verify", "otc", code[:3]+" "+code[3:]); p.title() != "Stay signed in?" {
		t.Fatalf("a code with a blank: %q", p.title())
	}
	p = begin()
	if p.submit("Verify", "otc", code); !strings.Contains(p.page, "AADSTS500121") {
		t.Error("a code is good twice")
	}
	for range maxWrongCodes - 2 {
		if p.submit("Verify", "otc", "000000x"); !strings.Contains(p.page, "AADSTS500121") {
			t.Error("a wrong code")
		}
	}
	if p.submit("Verify", "otc", ""); !strings.Contains(p.page, "AADSTS50074") {
		t.Errorf("too many wrong codes: %q", p.title())
	}
	if p.submit("Back to Visual Studio"); p.landed == nil || !strings.Contains(p.landed.Query().Get("error_description"), "AADSTS50074") {
		t.Errorf("back: %v", p.landed)
	}
	e.Advance(2 * time.Minute)
	if p = begin(); p.submit("Verify", "otc", p.code("ada@contoso.com")).title() != "Stay signed in?" {
		t.Errorf("later: %q", p.title())
	}
}

// Consent is asked for once, for what is new.
func TestConsent(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	a.client, a.scope = ownApp, azureDevOps+"/vso.pats_manage offline_access"
	p := newPerson(t, e)
	if p.visit(a.url("prompt", "none")); p.landed.Query().Get("error") != "login_required" {
		t.Errorf("silently: %v", p.landed)
	}
	p.visit(a.url()).submit("Next", "loginfmt", "ada@contoso.com").submit("Sign in", "passwd", DefaultPassword)
	if p.submit("Verify", "otc", p.code("ada@contoso.com")); p.title() != "Permissions requested" || !strings.Contains(p.page, "vso.pats_manage") {
		t.Fatalf("%q", p.title())
	}
	p.submit("Accept").submit("No")
	first := a.code(t, e, p.landed.Query().Get("code"))
	if p.visit(a.url()); p.landed == nil {
		t.Errorf("asked twice: %q", p.title())
	}
	wider := azureDevOps + "/vso.pats_manage " + azureDevOps + "/vso.code_write"
	if p.visit(a.url("scope", wider)); p.title() != "Permissions requested" {
		t.Errorf("more scopes: %q", p.title())
	}
	if p.visit(a.url("scope", wider, "prompt", "none")); p.landed == nil || p.landed.Query().Get("error") != "consent_required" || !strings.HasPrefix(p.landed.Query().Get("error_description"), "AADSTS65001") {
		t.Errorf("more scopes, silently: %v", p.landed)
	}
	if p.visit(a.url("prompt", "consent")); p.title() != "Permissions requested" {
		t.Errorf("prompt=consent: %q", p.title())
	}
	checkRefusal(t, "more scopes for a refresh token", a.ask(t, e, "grant_type", "refresh_token", "refresh_token", first.RefreshToken, "scope", wider), 400, 65001, "invalid_grant")
	if err := e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserConsent}); err != nil {
		t.Fatal(err)
	}
	checkRefusal(t, "consent withdrawn", a.renew(t, e, first.RefreshToken), 400, 65001, "invalid_grant")
}

// checkPage looks for what TestPagesAreAccessible promises.
func checkPage(t *testing.T, p *person, name string) {
	t.Helper()
	if !strings.Contains(p.page, "<p class=\"banner\" role=\"note\">"+banner) || !strings.Contains(p.page, `<html lang="en">`) || strings.Contains(p.page, "<script") {
		t.Errorf("%s: banner, lang or script", name)
	}
	if strings.Count(p.page, "<h1>") != 1 || !strings.Contains(p.page, "<main>") || !strings.Contains(p.page, "prefers-color-scheme") {
		t.Errorf("%s: heading, main or colours", name)
	}
	policy := p.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || p.header.Get("Cache-Control") != "no-store" || p.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%s: headers %v", name, p.header)
	}
	focus := 0
	for _, x := range tags(p.page) {
		if _, ok := x.attrs["autofocus"]; ok {
			focus++
		}
		if x.name == "input" && x.attrs["type"] != "hidden" && !strings.Contains(p.page, `<label for="`+x.attrs["id"]+`"`) {
			t.Errorf("%s: %s has no label", name, x.attrs["id"])
		}
		if strings.Contains(p.page, `role="alert"`) && x.attrs["autocomplete"] != "" && x.attrs["type"] != "hidden" && (x.attrs["aria-invalid"] != "true" || !strings.Contains(x.attrs["aria-describedby"], "error")) {
			t.Errorf("%s: %s does not point to the error", name, x.attrs["id"])
		}
		if x.attrs["src"] != "" || strings.HasPrefix(x.attrs["href"], "http") {
			t.Errorf("%s loads something", name)
		}
	}
	if focus > 1 {
		t.Errorf("%s has %d places to begin", name, focus)
	}
}

// Pages can be used by a keyboard and a screen reader: a language, a title
// that says what is wrong, a label for each field, one place to begin, an
// announced error, no script, nothing from elsewhere.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	p := newPerson(t, e)
	check := func(name string) { checkPage(t, p, name) }
	p.visit(newApp().url("client_id", ownApp, "scope", azureDevOps+"/.default"))
	check("email")
	p.submit("Next", "loginfmt", `"><img src=x>@contoso.com`)
	check("email again")
	if strings.Contains(p.page, "<img") || !strings.HasPrefix(p.title(), "Error: ") {
		t.Error("the address is not escaped, or the title does not tell")
	}
	p.submit("Next", "loginfmt", "ada@contoso.com")
	check("password")
	p.submit("Sign in", "passwd", "wrong")
	check("password again")
	p.submit("Sign in", "passwd", DefaultPassword)
	check("code")
	p.submit("Verify", "otc", "1")
	check("code again")
	p.submit("Verify", "otc", p.code("ada@contoso.com"))
	check("consent")
	p.submit("Accept")
	check("stay")
	p.submit("Yes")
	p.visit(newApp().url("prompt", "select_account"))
	check("pick")
	p.visit(newApp().url("client_id", "nobody"))
	check("error")
	p.visit(settingsURL)
	check("settings")
	p.submit("Create", "name", "x", "scope", "vso.code")
	check("settings with a token")
	for _, header := range []string{"X-TFS-ProcessId", "X-VSS-E2EID"} {
		if newPerson(t, e).visit(newApp().url()).header.Get(header) != "" {
			t.Errorf("Entra sends %s", header)
		}
	}
}

// Cookies are for this host, for secure connections, and not for scripts.
func TestCookies(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	res, err := client(t, e).Get(newApp().url())
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, c := range res.Cookies() {
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Domain != "" || c.MaxAge != 0 {
			t.Errorf("%+v", c)
		}
	}
	if len(res.Cookies()) != 1 {
		t.Errorf("%d cookies", len(res.Cookies()))
	}
}
