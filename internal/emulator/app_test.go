package emulator

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// app is a public client as anybody could write one.
type app struct {
	tenant, client, redirect, scope string
	verifier                        string
}

const visualStudio = "872cd9fa-d31f-45e0-9eab-6e460a02d1f1"

func newApp() app {
	return app{
		tenant: "11111111-2222-4333-8444-555555555555", client: visualStudio, redirect: "http://localhost:4711/",
		scope: azureDevOps + "/.default offline_access openid profile", verifier: strings.Repeat("v", 43),
	}
}

// url is the authorization request; extra are names and values in turn, an
// empty value takes a parameter away.
func (a app) url(extra ...string) string {
	sum := sha256.Sum256([]byte(a.verifier))
	q := url.Values{
		"client_id": {a.client}, "response_type": {"code"}, "redirect_uri": {a.redirect}, "scope": {a.scope}, "state": {"st&te"},
		"code_challenge": {b64(sum[:])}, "code_challenge_method": {"S256"}, "nonce": {"n1"},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		if q.Set(extra[i], extra[i+1]); extra[i+1] == "" {
			q.Del(extra[i])
		}
	}
	return "https://login.microsoftonline.com/" + a.tenant + "/oauth2/v2.0/authorize?" + q.Encode()
}

// tokenAnswer is a reply of the token endpoint, good or bad.
type tokenAnswer struct {
	status int
	tokenReply
	stsReply
}

// ask makes a token request.
func (a app) ask(t *testing.T, e *Emulator, fields ...string) tokenAnswer {
	t.Helper()
	q := url.Values{"client_id": {a.client}}
	for i := 0; i+1 < len(fields); i += 2 {
		q.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.microsoftonline.com/"+a.tenant+"/oauth2/v2.0/token", strings.NewReader(q.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client(t, e).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer := tokenAnswer{status: res.StatusCode}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &answer.tokenReply); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if err := json.Unmarshal(body, &answer.stsReply); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return answer
}

// code asks for the tokens of a code.
func (a app) code(t *testing.T, e *Emulator, code string) tokenAnswer {
	t.Helper()
	return a.ask(t, e, "grant_type", "authorization_code", "code", code, "redirect_uri", a.redirect, "code_verifier", a.verifier, "client_info", "1")
}

// renew asks for new tokens.
func (a app) renew(t *testing.T, e *Emulator, refresh string) tokenAnswer {
	t.Helper()
	return a.ask(t, e, "grant_type", "refresh_token", "refresh_token", refresh)
}

// tokens signs a user in from the first page to the tokens.
func (a app) tokens(t *testing.T, e *Emulator, user string) tokenAnswer {
	t.Helper()
	p := newPerson(t, e).visit(a.url()).signIn(user)
	if p.landed == nil {
		t.Fatalf("%s is not signed in: %s\n%s", user, p.title(), p.page)
	}
	answer := a.code(t, e, p.landed.Query().Get("code"))
	if answer.status != 200 {
		t.Fatalf("no tokens for %s: %+v", user, answer.stsReply)
	}
	return answer
}

// api makes a JSON request with an access token.
func api(t *testing.T, e *Emulator, method, address, token, body string, extra ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(extra); i += 2 {
		r.Header.Set(extra[i], extra[i+1])
	}
	res, err := client(t, e).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(data)}
}

// query is an address with a query made of names and values in turn.
func query(address string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return fmt.Sprintf("%s?%s", address, q.Encode())
}
