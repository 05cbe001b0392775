package emulator

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What belongs to one person or application is nothing to another.
func TestOthersTokens(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	made := p.create("ada's", "vso.code", time.Hour)
	gwen := pats{t, p.e, bearerOf(t, p.e, BearerOptions{User: "gwen@northwind.com", Organization: "contoso"})}
	if got, _ := gwen.call("GET", "&authorizationId="+made.AuthorizationID, ""); got.Error != patNoAuthorization || got.PATToken != nil {
		t.Errorf("GET: %+v", got)
	}
	if got, _ := gwen.call("PUT", "", `{"authorizationId":"`+made.AuthorizationID+`","displayName":"mine"}`); got.Error != patNoAuthorization {
		t.Errorf("PUT: %+v", got)
	}
	if _, r := gwen.call("DELETE", "&authorizationId="+made.AuthorizationID, ""); r.status != 404 || !p.e.PATs()[0].Revoked.IsZero() {
		t.Errorf("DELETE: %d", r.status)
	}
	reader := pats{t, p.e, bearerOf(t, p.e, BearerOptions{User: "ada@contoso.com", Organization: "contoso", Client: ownApp, Scope: scopePATs})}
	for method, body := range map[string]string{"POST": `{"displayName":"n","scope":"vso.code"}`, "PUT": `{"authorizationId":"` + made.AuthorizationID + `"}`, "DELETE": ""} {
		if _, r := reader.call(method, "&authorizationId="+made.AuthorizationID, body); r.status != 401 {
			t.Errorf("%s with vso.pats: %d", method, r.status)
		}
	}
	a := newApp()
	refresh := a.tokens(t, p.e, "ada@contoso.com").RefreshToken
	a.client = ownApp
	checkRefusal(t, "another application", a.renew(t, p.e, refresh), 400, 70000, "invalid_grant")
}

// An account that is locked between the pages gets no further.
func TestLockedBetweenPages(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	p := newPerson(t, e).visit(newApp().url()).submit("Next", "loginfmt", "ada@contoso.com").submit("Sign in", "passwd", DefaultPassword)
	if err := e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserLock}); err != nil {
		t.Fatal(err)
	}
	if p.submit("Verify", "otc", p.code("ada@contoso.com")); !strings.Contains(p.page, "AADSTS50053") {
		t.Errorf("%q", p.title())
	}
}

// Somebody else's sign-in cannot be brought into a browser (login CSRF).
func TestStateIsBoundToTheBrowser(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	mallory := newPerson(t, e)
	mallory.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	location := get(t, mallory.c, "GET", settingsURL, "").header.Get("Location")
	state := location[strings.Index(location, "&state=")+len("&state="):]
	state, _, _ = strings.Cut(state, "&")
	victim := newPerson(t, e).visit(settingsURL)
	if victim.visit("https://dev.azure.com/_signedin?code=x&state=" + state); victim.status != http.StatusBadRequest {
		t.Errorf("%d %q", victim.status, victim.title())
	}
}

// The page of form_post sends itself, and its policy lets only that run.
func TestFormPostSendsItself(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	p := newPerson(t, e).visit(newApp().url("response_mode", "form_post", "prompt", "none"))
	_, rest, _ := strings.Cut(p.header.Get("Content-Security-Policy"), "script-src 'nonce-")
	nonce, _, _ := strings.Cut(rest, "'")
	if nonce == "" || strings.Count(p.page, "<script") != 1 || !strings.Contains(p.page, `<script nonce="`+nonce+`">document.forms[0].submit()</script>`) {
		t.Errorf("%v\n%s", p.header, p.page)
	}
}
