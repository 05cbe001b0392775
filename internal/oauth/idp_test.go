package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

const (
	clientID = "patrol-test"
	account  = "ada@contoso.example"
	// canary begins everything that is secret in these tests.
	canary = "c4nary"
)

// idp is an identity provider on loopback, with TLS.
type idp struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	codes    map[string]url.Values // by code: the authorize request
	refresh  string                // the one refresh token that is good
	issued   int
	posts    []*http.Request // to the token endpoint, their forms parsed
	claims   map[string]any  // of the identity token, over the usual ones
	token    http.HandlerFunc
	metadata map[string]any // over the usual
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{t: t, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.serveMetadata)
	mux.HandleFunc("GET /authorize", p.serveAuthorize)
	mux.HandleFunc("POST /token", p.serveToken)
	p.server = httptest.NewUnstartedServer(mux)
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.StartTLS()
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

func (p *idp) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	m := map[string]any{
		"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + "/token",
		"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
	}
	for k, v := range p.metadata {
		m[k] = v
	}
	writeJSON(w, 200, m)
}

// serveAuthorize lets everybody in.
func (p *idp) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := q.Get("redirect_uri") + "?" + url.Values{"code": {p.code(q)}, "state": {q.Get("state")}, "iss": {p.server.URL}}.Encode()
	http.Redirect(w, r, back, http.StatusFound)
}

// code issues a code for an authorize request.
func (p *idp) code(authorize url.Values) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := canary + "-code-" + rand.Text()
	p.codes[code] = authorize
	return code
}

func (p *idp) serveToken(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	p.posts = append(p.posts, r)
	special := p.token
	p.mu.Unlock()
	if special != nil {
		special(w, r)
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		p.redeem(w, r.PostForm)
	case "refresh_token":
		p.renew(w, r.PostForm)
	default:
		oauthError(w, 400, "unsupported_grant_type", "")
	}
}

// redeem checks all that a provider checks.
func (p *idp) redeem(w http.ResponseWriter, form url.Values) {
	p.mu.Lock()
	asked, ok := p.codes[form.Get("code")]
	delete(p.codes, form.Get("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case !ok, form.Get("redirect_uri") != asked.Get("redirect_uri"), form.Get("client_id") != asked.Get("client_id"):
		oauthError(w, 400, "invalid_grant", "no such code")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge"):
		oauthError(w, 400, "invalid_grant", "AADSTS501481: the verifier does not fit the challenge")
	default:
		p.grant(w, asked.Get("nonce"))
	}
}

func (p *idp) renew(w http.ResponseWriter, form url.Values) {
	p.mu.Lock()
	good := form.Get("refresh_token") == p.refresh
	p.mu.Unlock()
	if !good {
		oauthError(w, 400, "invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.")
		return
	}
	p.grant(w, "")
}

// grant issues tokens; the refresh token is a new one each time.
func (p *idp) grant(w http.ResponseWriter, nonce string) {
	p.mu.Lock()
	p.issued++
	p.refresh = fmt.Sprintf("%s-refresh-%d", canary, p.issued)
	reply := map[string]any{
		"access_token": fmt.Sprintf("%s-access-%d", canary, p.issued), "token_type": "Bearer", "expires_in": 3600,
		"refresh_token": p.refresh, "id_token": p.idToken(nonce), "scope": "openid offline_access",
	}
	p.mu.Unlock()
	writeJSON(w, 200, reply)
}

func (p *idp) idToken(nonce string) string {
	c := map[string]any{
		"iss": p.server.URL, "aud": clientID, "sub": "1", "exp": testNow.Add(time.Hour).Unix(), "preferred_username": account,
		"name": "Ada Lovelace", "oid": "11111111-1111-1111-1111-111111111111", "tid": "22222222-2222-2222-2222-222222222222",
	}
	if nonce != "" {
		c["nonce"] = nonce
	}
	for k, v := range p.claims {
		c[k] = v
	}
	return jwt(c)
}

func jwt(claims map[string]any) string {
	b, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(b) + "." + canary + "signature"
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Date", testNow.Format(http.TimeFormat))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]any{"error": code, "error_description": description})
}

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// provider is the idp as its clients know it.
func (p *idp) provider() Provider {
	return Provider{
		Issuer: p.server.URL, AuthorizeURL: p.server.URL + "/authorize", TokenURL: p.server.URL + "/token",
		ClientID: clientID, Scopes: []string{"openid", "offline_access"},
	}
}

func (p *idp) config() Config {
	return Config{Version: "1.2.3", Transport: p.server.Client().Transport, Now: func() time.Time { return testNow }, Rand: rand.Reader}
}

// client makes a client; edit may change the provider.
func (p *idp) client(edit func(*Provider)) *Client {
	p.t.Helper()
	provider := p.provider()
	if edit != nil {
		edit(&provider)
	}
	c, err := New(provider, p.config())
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// tokenPosts returns the requests to the token endpoint so far.
func (p *idp) tokenPosts() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.posts
}

// setToken replaces the token endpoint.
func (p *idp) setToken(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = h
}

// opener is a Browser made of a function.
type opener func(ctx context.Context, url string) error

func (f opener) Open(ctx context.Context, url string) error { return f(ctx, url) }

// visit is what a browser shows in the end.
type visit struct {
	url    string
	status int
	header http.Header
	body   string
	err    error
}

// person returns a Browser that goes where it is sent until a page comes.
func (p *idp) person() (Browser, <-chan visit) {
	visits := make(chan visit, 1)
	return opener(func(_ context.Context, at string) error {
		go func() { visits <- read(p.server.Client().Get(at)) }()
		return nil
	}), visits
}

func read(r *http.Response, err error) visit {
	if err != nil {
		return visit{err: err}
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	return visit{r.Request.URL.String(), r.StatusCode, r.Header, string(b), err}
}

// result is how SignIn ended.
type result struct {
	tokens Tokens
	err    error
}

// waiting is a sign-in under way whose browser is the test.
type waiting struct {
	t         *testing.T
	idp       *idp
	authorize *url.URL
	redirect  *url.URL
	state     string
	result    chan result
}

// begin starts a sign-in and returns when the browser was opened.
func (p *idp) begin(ctx context.Context, c *Client, s SignIn) *waiting {
	p.t.Helper()
	opened := make(chan string, 1)
	s.Browser = opener(func(_ context.Context, at string) error { opened <- at; return nil })
	w := &waiting{t: p.t, idp: p, result: make(chan result, 1)}
	ctx, cancel := context.WithCancel(ctx)
	p.t.Cleanup(cancel)
	go func() {
		tokens, err := c.SignIn(ctx, s)
		w.result <- result{tokens, err}
	}()
	select {
	case at := <-opened:
		w.authorize, _ = url.Parse(at)
	case r := <-w.result:
		p.t.Fatal(r.err)
	}
	w.redirect, _ = url.Parse(w.authorize.Query().Get("redirect_uri"))
	w.state = w.authorize.Query().Get("state")
	return w
}

// answer is the URL of the provider's answer, with parameters on top.
func (w *waiting) answer(more url.Values) string {
	q := url.Values{"state": {w.state}, "code": {w.idp.code(w.authorize.Query())}}
	for k, v := range more {
		if q[k] = v; len(v) == 0 {
			delete(q, k)
		}
	}
	return w.redirect.String() + "?" + q.Encode()
}

// do makes one request and follows nothing.
func (w *waiting) do(method, at string, edit func(*http.Request)) visit {
	w.t.Helper()
	r, err := http.NewRequest(method, at, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if edit != nil {
		edit(r)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	return read(transport.RoundTrip(r))
}

// stillWaiting fails if the sign-in has ended.
func (w *waiting) stillWaiting(after string) {
	w.t.Helper()
	select {
	case r := <-w.result:
		w.t.Fatalf("%s ended the sign-in: %v", after, r.err)
	default:
	}
}

// end waits for the sign-in to end.
func (w *waiting) end() result {
	w.t.Helper()
	select {
	case r := <-w.result:
		return r
	case <-time.After(20 * time.Second):
		w.t.Fatal("the sign-in does not end")
		return result{}
	}
}

// succeed answers as a browser that follows redirects, and wants tokens.
func (w *waiting) succeed() (visit, Tokens) {
	w.t.Helper()
	v := read(w.idp.server.Client().Get(w.answer(nil)))
	r := w.end()
	if r.err != nil || v.err != nil || v.status != 200 {
		w.t.Fatalf("%v; browser: %+v", r.err, v)
	}
	return v, r.tokens
}

// clean fails if a text holds anything secret.
func clean(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, canary) {
		t.Errorf("%s holds a secret: %s", what, text)
	}
}

// want fails unless err is of the kind, and shows nothing secret.
func want(t *testing.T, err, kind error) *Error {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%v, want: %v", err, kind)
		return &Error{}
	}
	clean(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err))
	var e *Error
	if !errors.As(err, &e) {
		return &Error{}
	}
	return e
}

func secret(s string) cred.Secret { return cred.NewSecret(s) }
