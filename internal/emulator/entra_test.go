package emulator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const patsURL = "https://vssps.dev.azure.com/contoso/_apis/tokens/pats?api-version=7.1-preview.1"

// The whole way: pages, code, tokens, REST, Git, and a personal access token.
func TestSignInToGit(t *testing.T) {
	t.Parallel()
	e := start(t)
	a := newApp()
	p := newPerson(t, e).visit(a.url())
	p.submit("Next", "loginfmt", "ADA@contoso.com").submit("Sign in", "passwd", DefaultPassword)
	p.submit("Verify", "otc", p.code("ada@contoso.com")).submit("No")
	if p.landed == nil || p.landed.Scheme+"://"+p.landed.Host+p.landed.Path != a.redirect || p.landed.Query().Get("state") != "st&te" {
		t.Fatalf("landed on %v\n%s", p.landed, p.page)
	}
	got := a.code(t, e, p.landed.Query().Get("code"))
	if got.status != 200 || got.TokenType != "Bearer" || got.ExpiresIn < 3500 || got.RefreshToken == "" || got.IDToken == "" || got.ClientInfo == "" {
		t.Fatalf("%d %+v", got.status, got.stsReply)
	}
	r := api(t, e, "GET", connection+"?api-version=7.1-preview.1", got.AccessToken, "")
	if r.status != 200 || !strings.Contains(r.body, `"ada@contoso.com"`) {
		t.Errorf("connectionData: %d %s", r.status, r.body)
	}
	clone(t, e, got.AccessToken, web)
	r = api(t, e, "POST", patsURL, got.AccessToken, `{"displayName":"laptop","scope":"vso.code_write","validTo":"`+e.Now().Add(48*time.Hour).Format(time.RFC3339)+`","allOrgs":false}`)
	var made patResult
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || made.Error != patNone || made.PATToken.Token == nil {
		t.Fatalf("%d %s", r.status, r.body)
	}
	clone(t, e, *made.PATToken.Token, web)
	r = api(t, e, "GET", patsURL, got.AccessToken, "")
	if !strings.Contains(r.body, `"displayName":"laptop"`) || strings.Contains(r.body, *made.PATToken.Token) {
		t.Errorf("list: %s", r.body)
	}
	if r = api(t, e, "DELETE", patsURL+"&authorizationId="+made.PATToken.AuthorizationID, got.AccessToken, ""); r.status != 204 {
		t.Errorf("revoke: %d %s", r.status, r.body)
	}
	if r := get(t, client(t, e), "GET", web+"/info/refs?service=git-upload-pack", *made.PATToken.Token); r.status != 401 {
		t.Errorf("after revocation: %d", r.status)
	}
	if err := e.SetOrgPolicy("contoso", OrgPolicy{RestrictPATs: true}); err != nil {
		t.Fatal(err)
	}
	if r = api(t, e, "POST", patsURL, got.AccessToken, `{"displayName":"x","scope":"vso.code"}`); r.status != 200 || !strings.Contains(r.body, `"patTokenError":"disablePatCreationPolicyViolation"`) || !strings.Contains(r.body, `"patToken":null`) {
		t.Errorf("restricted: %d %s", r.status, r.body)
	}
	if next := a.renew(t, e, got.RefreshToken); next.status != 200 || next.RefreshToken == got.RefreshToken || next.AccessToken == "" {
		t.Errorf("refresh: %+v", next.stsReply)
	}
}
