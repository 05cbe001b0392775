package emulator

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const settingsURL = "https://dev.azure.com/contoso/_usersSettings/tokens"

// shownToken is the new token on a page, if there is one.
func shownToken(page string) string {
	for _, x := range tags(page) {
		if x.attrs["id"] == "token" {
			return x.attrs["value"]
		}
	}
	return ""
}

func TestSettingsPage(t *testing.T) {
	t.Parallel()
	e := start(t)
	p := newPerson(t, e).visit(settingsURL).signIn("ada@contoso.com")
	if p.title() != "Personal Access Tokens" || p.at.String() != settingsURL {
		t.Fatalf("%q at %v", p.title(), p.at)
	}
	if p.submit("Create", "name", "laptop", "scope", "vso.code_write", "days", "7"); shownToken(p.page) == "" {
		t.Fatalf("no token on\n%s", p.page)
	}
	first := shownToken(p.page)
	clone(t, e, first, web)
	if p.visit(settingsURL); shownToken(p.page) != "" || strings.Contains(p.page, first) {
		t.Error("the token is shown twice")
	}
	if p.submit("Regenerate laptop"); shownToken(p.page) == "" || shownToken(p.page) == first {
		t.Errorf("regenerate:\n%s", p.page)
	}
	second := shownToken(p.page)
	c := client(t, e)
	for token, want := range map[string]int{first: 401, second: 200} {
		if r := get(t, c, "GET", web+"/info/refs?service=git-upload-pack", token); r.status != want {
			t.Errorf("after regenerating: %d, want %d", r.status, want)
		}
	}
	id := regexp.MustCompile(`name="revoke" value="([^"]+)"`).FindStringSubmatch(p.page)
	p.visit(settingsURL + "?revoke=" + id[1])
	if p.submit("Yes, revoke laptop"); !strings.Contains(p.page, "The token laptop was revoked.") {
		t.Errorf("revoke:\n%s", p.page)
	}
	if r := get(t, c, "GET", web+"/info/refs?service=git-upload-pack", second); r.status != 401 {
		t.Errorf("after revoking: %d", r.status)
	}
	if p.visit(settingsURL + "?filter=revoked"); strings.Count(p.page, ">laptop</th>") != 2 {
		t.Errorf("revoked tokens:\n%s", p.page)
	}
	for _, r := range e.Requests() {
		if strings.Contains(r.Path, "_usersSettings") && r.Credential != CredentialCookie && r.Status != 302 {
			t.Errorf("log: %s", r)
		}
	}
}

func TestSettingsPolicies(t *testing.T) {
	t.Parallel()
	e := start(t)
	p := newPerson(t, e).visit(settingsURL).signIn("ada@contoso.com")
	if p.submit("Create", "name", "none", "days", "7"); !strings.Contains(p.page, "The scope is not valid.") || !strings.Contains(p.page, `role="alert"`) {
		t.Errorf("no scope:\n%s", p.page)
	}
	if p.submit("Create", "name", "x", "scope", "vso.code", "days", "366"); shownToken(p.page) != "" {
		t.Error("a token of more than a year")
	}
	if err := e.SetTenantPolicy("contoso", TenantPolicy{MaxPATDays: 3}); err != nil {
		t.Fatal(err)
	}
	if p.visit(settingsURL); !strings.Contains(p.page, "limits tokens to 3 days") || !strings.Contains(p.page, `max="3"`) {
		t.Errorf("limited:\n%s", p.page)
	}
	if err := e.SetOrgPolicy("contoso", OrgPolicy{RestrictPATs: true}); err != nil {
		t.Fatal(err)
	}
	if p.visit(settingsURL); strings.Contains(p.page, ">Create<") {
		t.Error("an organization without new tokens offers one")
	}
}

// Other sites cannot press the buttons, and nobody else sees the page.
func TestSettingsAreProtected(t *testing.T) {
	t.Parallel()
	e := start(t)
	p := newPerson(t, e).visit(settingsURL).signIn("ada@contoso.com")
	for _, csrf := range []string{"", "guess"} {
		if p.post(settingsURL, url.Values{"action": {"create"}, "name": {"x"}, "access": {"full"}, "days": {"7"}, "csrf": {csrf}}); p.status != http.StatusForbidden {
			t.Errorf("csrf %q: %d", csrf, p.status)
		}
	}
	if len(e.PATs()) != 0 {
		t.Error("a token was made")
	}
	if p.visit(strings.Replace(settingsURL, "/contoso/", "/fabrikam/", 1)); p.status != 401 {
		t.Errorf("not a member: %d", p.status)
	}
	if err := e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserRevoke}); err != nil {
		t.Fatal(err)
	}
	if p.visit(settingsURL); p.at.Hostname() != hostEntra {
		t.Errorf("after the sign-ins were ended: %v", p.at)
	}
	// A stolen answer of Entra is worth nothing in another browser.
	q := newPerson(t, e).visit("https://dev.azure.com/_signedin?code=x&state=y")
	if q.status != http.StatusBadRequest {
		t.Errorf("forged return: %d", q.status)
	}
	e.Advance(8 * 24 * time.Hour)
	if p.visit(settingsURL); p.at.Hostname() != hostEntra {
		t.Errorf("after a week: %v", p.at)
	}
}

// A refused browser gets to where it wanted, by _signin.
func TestRefusedBrowserSignsIn(t *testing.T) {
	t.Parallel()
	e := start(t)
	p := newPerson(t, e).visit("https://dev.azure.com/contoso/_apis/projects?api-version=7.1")
	if p.title() != "Sign in" {
		t.Fatalf("%q\n%s", p.title(), p.page)
	}
	if p.signIn("ada@contoso.com"); p.status != 200 || !strings.Contains(p.page, `"shop"`) {
		t.Errorf("%d %v\n%s", p.status, p.at, p.page)
	}
	for _, to := range []string{"https://evil.example/", "http://dev.azure.com/", "//evil.example", "https://dev.azure.com.evil.example/"} {
		if p := newPerson(t, e).visit(query("https://app.vssps.visualstudio.com/_signin", "reply_to", to)); p.landed != nil || p.at.Hostname() == hostEntra {
			t.Errorf("%s is come back to", to)
		}
	}
}
