package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// entraSeed has people and applications in every state.
const entraSeed = `{
  "tenants": [
    {"name": "contoso", "id": "11111111-2222-4333-8444-555555555555"},
    {"name": "northwind", "id": "22222222-2222-4333-8444-555555555555"}
  ],
  "organizations": [
    {"name": "contoso", "tenant": "contoso", "projects": [{"name": "shop", "repositories": [{"name": "web", "files": {"a": "b\n"}}]}]},
    {"name": "fabrikam", "tenant": "contoso"},
    {"name": "northwind", "tenant": "northwind"},
    {"name": "personal"}
  ],
  "users": [
    {"upn": "ada@contoso.com", "displayName": "Ada", "access": [{"on": "contoso", "role": "contributor"}]},
    {"upn": "gwen@northwind.com", "access": [{"on": "northwind", "role": "reader"}, {"on": "contoso", "role": "reader"}]},
    {"upn": "nina@northwind.com", "access": [{"on": "northwind", "role": "reader"}]},
    {"upn": "carol@outlook.com", "access": [{"on": "personal", "role": "reader"}]},
    {"upn": "lou@contoso.com", "locked": true},
    {"upn": "dora@contoso.com", "disabled": true},
    {"upn": "nate@contoso.com", "totp": "none"}
  ],
  "applications": [
    {"name": "Own", "id": "aaaaaaaa-0000-4000-8000-000000000001", "permissions": ["vso.pats_manage", "vso.code_write"], "redirects": ["http://localhost", "https://own.example/back?x=1"]},
    {"name": "Single", "id": "aaaaaaaa-0000-4000-8000-000000000002", "audience": "AzureADMyOrg", "tenant": "contoso", "assigned": ["ada@contoso.com"], "consented": ["*"]}
  ]
}`

const (
	ownApp     = "aaaaaaaa-0000-4000-8000-000000000001"
	singleApp  = "aaaaaaaa-0000-4000-8000-000000000002"
	northwind  = "22222222-2222-4333-8444-555555555555"
	contosoTID = "11111111-2222-4333-8444-555555555555"
)

func startEntra(t *testing.T) *Emulator {
	t.Helper()
	seed, err := ParseSeed([]byte(entraSeed))
	if err != nil {
		t.Fatal(err)
	}
	return startSeed(t, seed)
}

// Before client and redirect are known to be good, an error stays on a page;
// nothing is sent anywhere.
func TestErrorsThatStayOnThePage(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	for _, tt := range []struct {
		code   int
		realm  string
		fields []string
	}{
		{90002, "nobody.example", nil},
		{900144, "", []string{"client_id", ""}},
		{700016, "", []string{"client_id", "11111111-1111-1111-1111-111111111111"}},
		{700016, northwind, []string{"client_id", singleApp}},
		{50194, "common", []string{"client_id", singleApp}},
		{50194, "organizations", []string{"client_id", singleApp}},
		{50011, "", []string{"redirect_uri", "http://127.0.0.1:4711/"}},
		{50011, "", []string{"redirect_uri", "http://localhost:4711/callback"}},
		{50011, "", []string{"redirect_uri", "https://localhost:4711/"}},
		{50011, "", []string{"redirect_uri", "http://localhost.evil.example/"}},
		{50011, "", []string{"redirect_uri", "http://localhost:4711/#x"}},
		{50011, "", []string{"redirect_uri", "http://x@localhost:4711/"}},
		{50011, "", []string{"redirect_uri", "javascript:alert(1)"}},
		{50011, "", []string{"client_id", ownApp, "redirect_uri", ""}},
		{50011, "", []string{"client_id", ownApp, "redirect_uri", "https://own.example/back"}},
		{70007, "", []string{"response_mode", "web_message"}},
	} {
		a := newApp()
		a.tenant = cmpOr(tt.realm, a.tenant)
		p := newPerson(t, e).visit(a.url(tt.fields...))
		if p.landed != nil || p.status != 400 || !strings.Contains(p.page, fmt.Sprintf("AADSTS%d:", tt.code)) || strings.Contains(p.page, "<form") {
			t.Errorf("%d %v: %v %d %q", tt.code, tt.fields, p.landed, p.status, p.title())
		}
	}
}

// After that they go to the redirect, with the state.
func TestErrorsThatGoToTheRedirect(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	for _, tt := range []struct {
		code   int
		kind   string
		fields []string
	}{
		{900144, "invalid_request", []string{"response_type", ""}},
		{70005, "unsupported_response_type", []string{"response_type", "token"}},
		{900144, "invalid_request", []string{"scope", ""}},
		{70011, "invalid_scope", []string{"scope", azureDevOps + "/"}},
		{70011, "invalid_scope", []string{"client_id", ownApp, "scope", azureDevOps + "/.default " + azureDevOps + "/vso.code"}},
		{500011, "invalid_resource", []string{"scope", "https://nothing.example/.default"}},
		{28000, "invalid_request", []string{"client_id", ownApp, "scope", azureDevOps + "/vso.code https://nothing.example/x"}},
		{650053, "invalid_client", []string{"client_id", ownApp, "scope", azureDevOps + "/vso.everything"}},
		{650057, "invalid_resource", []string{"client_id", ownApp, "scope", "User.Read"}},
		{65002, "invalid_request", []string{"scope", "https://graph.microsoft.com/.default"}},
		{65002, "invalid_request", []string{"scope", azureDevOps + "/vso.code_write"}},
		{50147, "invalid_request", []string{"code_challenge", "short"}},
		{50148, "invalid_request", []string{"code_challenge_method", "S512"}},
		{90023, "invalid_request", []string{"prompt", "quietly"}},
		{90023, "invalid_request", []string{"prompt", "none login"}},
		{9002313, "invalid_request", []string{"claims", "{"}},
		{50058, "login_required", []string{"prompt", "none"}},
	} {
		p := newPerson(t, e).visit(newApp().url(tt.fields...))
		if p.landed == nil {
			t.Errorf("%d %v: stayed at %q", tt.code, tt.fields, p.title())
			continue
		}
		q := p.landed.Query()
		text := q.Get("error_description")
		if q.Get("error") != tt.kind || q.Get("state") != "st&te" || !strings.HasPrefix(text, fmt.Sprintf("AADSTS%d: ", tt.code)) ||
			!strings.Contains(text, "\r\nTrace ID: ") || !strings.Contains(text, "\r\nCorrelation ID: ") || !strings.Contains(text, "\r\nTimestamp: ") {
			t.Errorf("%d %v: %v", tt.code, tt.fields, q)
		}
	}
}

// signInAsFar fills in pages until there is nothing to fill in.
func signInAsFar(t *testing.T, e *Emulator, a app, user, password string) *person {
	t.Helper()
	p := newPerson(t, e).visit(a.url()).submit("Next", "loginfmt", user)
	if strings.Contains(p.page, `name="passwd"`) {
		p.submit("Sign in", "passwd", password)
	}
	if strings.Contains(p.page, `name="otc"`) {
		p.submit("Verify", "otc", p.code(user))
	}
	return p
}

// What people meet on the pages.
func TestErrorsOnThePages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, user, password, realm, client string
		policy                              TenantPolicy
		code                                int
	}{
		{name: "unknown", user: "nobody@contoso.com", code: 50034},
		{name: "wrong password", user: "ada@contoso.com", password: "wrong", code: 50126},
		{name: "locked", user: "lou@contoso.com", code: 50053},
		{name: "disabled", user: "dora@contoso.com", code: 50057},
		{name: "no second factor", user: "nate@contoso.com", code: 50079},
		{name: "another tenant", user: "nina@northwind.com", code: 50020},
		{name: "a personal account in a tenant", user: "carol@outlook.com", code: 50020},
		{name: "a personal account among organizations", user: "carol@outlook.com", realm: "organizations", code: 50020},
		{name: "a work account among consumers", user: "ada@contoso.com", realm: "consumers", code: 500208},
		{name: "not assigned", user: "gwen@northwind.com", client: singleApp, code: 50105},
		{name: "blocked", user: "ada@contoso.com", policy: TenantPolicy{ConditionalAccess: "block"}, code: 53003},
		{name: "device", user: "ada@contoso.com", policy: TenantPolicy{ConditionalAccess: "device"}, code: 53000},
		{name: "domain", user: "ada@contoso.com", policy: TenantPolicy{ConditionalAccess: "domain"}, code: 53001},
		{name: "security defaults", user: "ada@contoso.com", policy: TenantPolicy{ConditionalAccess: "defaults"}, code: 530035},
		{name: "others are blocked", user: "ada@contoso.com", policy: TenantPolicy{ConditionalAccess: "block", AccessUsers: []string{"ben@contoso.com"}}},
		{name: "administrators consent", user: "ada@contoso.com", client: ownApp, policy: TenantPolicy{ConsentOff: true}, code: 90094},
		{name: "without a second factor", user: "nate@contoso.com", policy: TenantPolicy{MFAOff: true}},
		{name: "a guest", user: "gwen@northwind.com"},
		{name: "a personal account", user: "carol@outlook.com", realm: "common"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := startEntra(t)
			if err := e.SetTenantPolicy("contoso", tt.policy); err != nil {
				t.Fatal(err)
			}
			a := newApp()
			a.tenant, a.client = cmpOr(tt.realm, a.tenant), cmpOr(tt.client, a.client)
			p := signInAsFar(t, e, a, tt.user, cmpOr(tt.password, DefaultPassword))
			if tt.code == 0 {
				if p.submit("No"); p.landed == nil || p.landed.Query().Get("code") == "" {
					t.Fatalf("not signed in: %s", p.page)
				}
				return
			}
			if !strings.Contains(p.page, fmt.Sprintf("AADSTS%d", tt.code)) || !strings.Contains(p.page, `role="alert"`) {
				t.Fatalf("no AADSTS%d on\n%s", tt.code, p.page)
			}
			for _, button := range []string{"Cancel", "Back to " + map[string]string{ownApp: "Own", singleApp: "Single", visualStudio: "Visual Studio"}[a.client]} {
				if strings.Contains(p.page, ">"+button+"<") {
					p.submit(button)
				}
			}
			if p.landed == nil || p.landed.Query().Get("error") != "access_denied" || p.landed.Query().Get("state") != "st&te" {
				t.Errorf("no way back: %v", p.landed)
			}
		})
	}
}

// The token endpoint's refusals, each with the whole body.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	code := newPerson(t, e).visit(a.url()).signIn("ada@contoso.com").landed.Query().Get("code")
	good := []string{"grant_type", "authorization_code", "code", code, "redirect_uri", a.redirect, "code_verifier", a.verifier}
	with := func(fields ...string) []string { return append(append([]string{}, good...), fields...) }
	for _, tt := range []struct {
		name   string
		code   int
		kind   string
		status int
		tenant string
		fields []string
	}{
		{"no grant", 900144, "invalid_request", 400, "", []string{}},
		{"another grant", 70003, "unsupported_grant_type", 400, "", []string{"grant_type", "password"}},
		{"no client", 900144, "invalid_request", 400, "", []string{"client_id", ""}},
		{"unknown client", 700016, "unauthorized_client", 400, "", with("client_id", "11111111-1111-1111-1111-111111111111")},
		{"single tenant", 50194, "invalid_request", 400, "common", with("client_id", singleApp)},
		{"unknown tenant", 90002, "invalid_request", 400, "nobody.example", good},
		{"a secret", 700025, "invalid_client", 401, "", with("client_secret", "x")},
		{"no code", 900144, "invalid_request", 400, "", with("code", "")},
		{"made-up code", 70000, "invalid_grant", 400, "", with("code", "1.Ax")},
		{"another client's code", 70000, "invalid_grant", 400, "", with("client_id", ownApp)},
		{"another tenant", 700005, "invalid_grant", 400, northwind, good},
		{"no redirect", 900144, "invalid_request", 400, "", with("redirect_uri", "")},
		{"another redirect", 500112, "invalid_client", 401, "", with("redirect_uri", "http://localhost:4712/")},
		{"no verifier", 50148, "invalid_grant", 400, "", with("code_verifier", "")},
		{"short verifier", 501491, "invalid_grant", 400, "", with("code_verifier", "v")},
		{"wrong verifier", 501481, "invalid_grant", 400, "", with("code_verifier", strings.Repeat("w", 43))},
		{"another resource", 500011, "invalid_resource", 400, "", with("scope", "https://nothing.example/.default")},
		{"no refresh token", 900144, "invalid_request", 400, "", []string{"grant_type", "refresh_token"}},
		{"made-up refresh token", 70000, "invalid_grant", 400, "", []string{"grant_type", "refresh_token", "refresh_token", "1.Ax"}},
		{"", 0, "", 200, "", good},
		{"used code", 54005, "invalid_grant", 400, "", good},
	} {
		b := a
		b.tenant = cmpOr(tt.tenant, a.tenant)
		checkRefusal(t, tt.name, b.ask(t, e, tt.fields...), tt.status, tt.code, tt.kind)
	}
	late := newPerson(t, e).visit(a.url()).submit("Next", "loginfmt", "gwen@northwind.com").signIn("gwen@northwind.com").landed.Query().Get("code")
	e.Advance(11 * time.Minute)
	checkRefusal(t, "late code", a.code(t, e, late), 400, 70008, "invalid_grant")
}

// checkRefusal compares a reply of the token endpoint; code 0 is a success.
func checkRefusal(t *testing.T, name string, got tokenAnswer, status, code int, kind string) {
	t.Helper()
	if code == 0 {
		if got.status != 200 || got.AccessToken == "" {
			t.Errorf("%s: %d %+v", name, got.status, got.stsReply)
		}
		return
	}
	if got.status != status || got.Error != kind || len(got.Codes) != 1 || got.Codes[0] != code || got.AccessToken != "" ||
		!strings.HasPrefix(got.Description, fmt.Sprintf("AADSTS%d: ", code)) || !isGUID(got.TraceID) || !isGUID(got.CorrelationID) ||
		got.URI != fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", code) || !strings.HasSuffix(got.Description, "\r\nTimestamp: "+got.Timestamp) {
		t.Errorf("%s: %d %+v", name, got.status, got.stsReply)
	}
}

// Forms of redirects that Entra takes, and what it makes of them.
func TestRedirectForms(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	for asked, want := range map[string]string{
		"http://localhost":             "http://localhost/?",
		"http://localhost/":            "http://localhost/?",
		"http://localhost:8400":        "http://localhost:8400/?",
		"http://localhost:8400/":       "http://localhost:8400/?",
		"https://own.example/back?x=1": "https://own.example/back?x=1&",
	} {
		p := newPerson(t, e).visit(newApp().url("client_id", ownApp, "redirect_uri", asked, "prompt", "none"))
		if p.landed == nil || !strings.HasPrefix(p.landed.String(), want) {
			t.Errorf("%s: %v", asked, p.landed)
		}
	}
	p := newPerson(t, e).visit(newApp().url("prompt", "none", "response_mode", "fragment"))
	if p.landed == nil || p.landed.RawQuery != "" || !strings.Contains(p.landed.Fragment, "error=login_required") {
		t.Errorf("fragment: %v", p.landed)
	}
	p = newPerson(t, e).visit(newApp().url("response_mode", "form_post")).signIn("ada@contoso.com")
	if p.landed != nil || strings.Contains(p.at.RawQuery, "code=1.A") {
		t.Fatalf("form_post: %v", p.landed)
	}
	if p.submit("Continue to Visual Studio"); p.landed == nil || p.landed.Query().Get("code") == "" || p.landed.Query().Get("state") != "st&te" {
		t.Errorf("form_post: %v", p.landed)
	}
}
