package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSignIn is the whole of it, with a browser that follows redirects.
func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", loopback4, loopback6, localhost} {
		if host == loopback6 && !hasLoopback6() {
			continue
		}
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			p := newIDP(t)
			browser, visits := p.person()
			c := p.client(func(p *Provider) { p.RedirectHost = host; p.Params = url.Values{"tenant_hint": {"contoso"}} })
			var shown Invitation
			tokens, err := c.SignIn(t.Context(), SignIn{Browser: browser, Show: func(i Invitation) { shown = i }})
			if err != nil {
				t.Fatal(err)
			}
			v := <-visits
			if v.err != nil || v.status != 200 || !strings.Contains(v.body, "You are signed in as "+account) {
				t.Errorf("%+v", v)
			}
			for what, s := range map[string]string{"page": v.body, "URL": v.url, "tokens": fmt.Sprintf("%+v %#v", tokens, tokens), "invitation": shown.URL} {
				clean(t, what, s)
			}
			if tokens.Access.Reveal() != canary+"-access-1" || tokens.Refresh.Reveal() != canary+"-refresh-1" || !tokens.Rotated {
				t.Error("other tokens than issued")
			}
			if !tokens.Expires.Equal(testNow.Add(time.Hour)) || tokens.Skew != 0 || strings.Join(tokens.Scopes, " ") != "openid offline_access" {
				t.Errorf("%+v", tokens)
			}
			id := Identity{p.server.URL, "1", account, "Ada Lovelace", "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"}
			if tokens.Identity != id {
				t.Errorf("%+v", tokens.Identity)
			}
		})
	}
}

func TestAuthorizeRequest(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	c := p.client(func(p *Provider) { p.AuthorizeURL += "?kept=1"; p.Params = url.Values{"more": {"a b&c"}} })
	w := p.begin(t.Context(), c, SignIn{
		LoginHint: "ada@x", DomainHint: "organizations", Prompt: "select_account", Claims: `{"access_token":{"acrs":{"essential":true}}}`,
	})
	q := w.authorize.Query()
	for name, value := range map[string]string{
		"kept": "1", "more": "a b&c", "client_id": clientID, "response_type": "code", "scope": "openid offline_access", "login_hint": "ada@x",
		"domain_hint": "organizations", "prompt": "select_account", "claims": `{"access_token":{"acrs":{"essential":true}}}`, "code_challenge_method": "S256",
	} {
		if q.Get(name) != value || len(q[name]) != 1 {
			t.Errorf("%s: %q", name, q[name])
		}
	}
	w.succeed()
	if got := p.tokenPosts()[0].PostForm.Get("claims"); got != q.Get("claims") {
		t.Errorf("claims at the token endpoint: %q", got)
	}
	_, err := c.SignIn(t.Context(), SignIn{Claims: "not json"})
	want(t, err, ErrRefused)
}

// TestPKCEO01: S256 with a verifier of 43 characters, always; it is shown nowhere.
func TestPKCEO01(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	seen := map[string]bool{}
	for range 3 {
		w := p.begin(t.Context(), p.client(nil), SignIn{})
		q := w.authorize.Query()
		w.succeed()
		posts := p.tokenPosts()
		verifier := posts[len(posts)-1].PostForm.Get("code_verifier")
		sum := sha256.Sum256([]byte(verifier))
		if len(verifier) < 43 || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || q.Get("code_challenge_method") != "S256" {
			t.Errorf("verifier %q, challenge %q", verifier, q.Get("code_challenge"))
		}
		if strings.Contains(w.authorize.String(), verifier) || seen[verifier] {
			t.Error("the verifier is in the URL, or was used before")
		}
		seen[verifier] = true
	}
	// A provider that sends back what it got.
	p.setToken(func(w http.ResponseWriter, r *http.Request) {
		oauthError(w, 400, "invalid_grant", "got "+r.PostForm.Get("code_verifier")+" and "+r.PostForm.Get("code"))
	})
	w := p.begin(t.Context(), p.client(nil), SignIn{})
	v := read(p.server.Client().Get(w.answer(nil)))
	e := want(t, w.end().err, ErrSignIn)
	clean(t, "the page", v.body)
	posts := p.tokenPosts()
	if verifier := posts[len(posts)-1].PostForm.Get("code_verifier"); strings.Contains(e.Error()+e.Description+v.body, verifier) {
		t.Error("the verifier is shown")
	}
	if e.Description != "got [secret] and [secret]" {
		t.Error(e.Description)
	}
}

// TestStateO02: only the right state counts, and only once.
func TestStateO02(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	w := p.begin(t.Context(), p.client(nil), SignIn{})
	if len(w.state) < 22 { // 128 bits
		t.Errorf("state %q", w.state)
	}
	for name, values := range map[string]url.Values{
		"missing": {"state": nil}, "empty": {"state": {""}}, "other": {"state": {strings.Repeat("A", 43)}}, "cut": {"state": {w.state[:42]}},
		"longer": {"state": {w.state + "A"}}, "twice": {"state": {w.state, w.state}}, "other case": {"state": {strings.ToUpper(w.state)}},
		"two codes": {"code": {"a", "b"}}, "two errors": {"error": {"a", "b"}}, "two issuers": {"iss": {"a", "b"}},
		"error of a stranger": {"state": nil, "code": nil, "error": {"access_denied"}},
	} {
		if v := w.do("GET", w.answer(values), nil); v.status != 400 {
			t.Errorf("%s: %d", name, v.status)
		}
		w.stillWaiting(name)
	}
	for _, query := range []string{"%zz", "state=" + w.state + "&code=%", "a=b;c=d"} {
		if v := w.do("GET", w.redirect.String()+"?"+query, nil); v.status != 400 {
			t.Errorf("%s: %d", query, v.status)
		}
		w.stillWaiting(query)
	}
	if n := len(p.tokenPosts()); n != 0 {
		t.Fatalf("%d codes of strangers were used", n)
	}
	// The right one, while a second with the same state arrives.
	hold := make(chan struct{})
	p.setToken(func(rw http.ResponseWriter, r *http.Request) { <-hold; p.redeem(rw, r.PostForm) })
	first := make(chan visit, 1)
	go func() { first <- read(p.server.Client().Get(w.answer(nil))) }()
	for len(p.tokenPosts()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if v := w.do("GET", w.answer(nil), nil); v.status != 400 || !strings.Contains(v.body, "used already") {
		t.Errorf("second use: %+v", v)
	}
	close(hold)
	if v, r := <-first, w.end(); r.err != nil || v.status != 200 || len(p.tokenPosts()) != 1 {
		t.Errorf("%v; %+v", r.err, v)
	}
}

// TestRandomness: without randomness there is no sign-in, and it is used anew.
func TestRandomness(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	config := p.config()
	config.Rand = strings.NewReader("too short")
	c, err := New(p.provider(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignIn(t.Context(), SignIn{}); err == nil {
		t.Error("signed in without random numbers")
	}
	states := map[string]bool{}
	for range 100 {
		tr, err := newTransaction(p.config().Rand, &url.URL{}, true)
		if err != nil || states[tr.state] || tr.state == tr.nonce || tr.state == tr.verifier.Reveal() || strings.Contains(tr.page, tr.nonce) {
			t.Fatal(err, "numbers repeat")
		}
		states[tr.state] = true
	}
}

// TestStrayRequestsO03: 64 requests of scanners and browsers, all at once.
func TestStrayRequestsO03(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	w := p.begin(t.Context(), p.client(func(p *Provider) { p.RedirectPath = "/back" }), SignIn{})
	root := "http://" + w.redirect.Host
	good := w.redirect.RequestURI() + "?" + url.Values{"state": {w.state}, "code": {"x"}}.Encode()
	kinds := []struct {
		method, path string
		status       int
	}{
		{"GET", "/favicon.ico", 404}, {"GET", "/", 404}, {"HEAD", good, 405}, {"POST", good, 405}, {"PUT", good, 405},
		{"OPTIONS", good, 405}, {"DELETE", "/", 404}, {"GET", "/back/", 404}, {"GET", "/BACK", 404}, {"GET", "//back", 404},
		{"GET", "/%62ack", 404}, {"GET", "/back", 400}, {"GET", "/../back", 404},
		{"GET", "/result/AAAAAAAAAAAAAAAAAAAAAA", 404}, {"PROPFIND", "/", 404}, {"TRACE", "/robots.txt", 404},
	}
	var wg sync.WaitGroup
	for i := range 64 {
		k := kinds[i%len(kinds)]
		wg.Go(func() {
			v := w.do(k.method, root+k.path, nil)
			if v.err != nil || v.status != k.status {
				t.Errorf("%s %s: %d, want %d; %v", k.method, k.path, v.status, k.status, v.err)
			}
			if k.status == 405 && v.header.Get("Allow") != "GET" {
				t.Errorf("%s %s: allows %q", k.method, k.path, v.header.Get("Allow"))
			}
		})
	}
	wg.Wait()
	w.stillWaiting("64 stray requests")
	w.succeed()
}

// TestRawNonsenseO03: what is not HTTP at all, or an HTTP of proxies.
func TestRawNonsenseO03(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	w := p.begin(t.Context(), p.client(nil), SignIn{})
	good := w.redirect.Path + "?state=" + w.state + "&code=x"
	for _, raw := range []string{
		"\x16\x03\x01\x02\x00\x01", "OPTIONS * HTTP/1.1\r\nHost: " + w.redirect.Host + "\r\n\r\n",
		"GET " + w.redirect.String() + "?state=" + w.state + "&code=x HTTP/1.1\r\nHost: " + w.redirect.Host + "\r\n\r\n",
		"CONNECT " + w.redirect.Host + " HTTP/1.1\r\nHost: " + w.redirect.Host + "\r\n\r\n",
		"GET " + good + " HTTP/1.0\r\n\r\n", "GET " + good + " HTTP/1.1\r\n\r\n",
		"GET " + good + " HTTP/1.1\r\nHost: " + w.redirect.Host + "\r\nHost: evil.example\r\n\r\n",
		"GET " + good + " HTTP/1.1\r\nHost: " + w.redirect.Host + "\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", w.redirect.Host)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(raw))
		_ = conn.(*net.TCPConn).CloseWrite()
		b := make([]byte, 1<<12)
		n, _ := conn.Read(b)
		if s := string(b[:n]); strings.HasPrefix(s, "HTTP/1.1 2") || strings.HasPrefix(s, "HTTP/1.1 3") {
			t.Errorf("%.60q: %.60q", raw, s)
		}
		_ = conn.Close()
		w.stillWaiting(raw)
	}
	w.succeed()
}

// TestHostHeaderO06: a page of another site, however its name resolves, gets
// nowhere, and no header lets a script read an answer.
func TestHostHeaderO06(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	w := p.begin(t.Context(), p.client(func(p *Provider) { p.RedirectHost = localhost }), SignIn{})
	port := w.redirect.Port()
	for _, host := range []string{"evil.example", "evil.example:" + port, "localhost", "127.0.0.1:" + port, "[::1]:" + port, "localhost:1", "localhost." + ":" + port, "LOCALHOST:" + port} {
		v := w.do("GET", w.answer(nil), func(r *http.Request) { r.Host = host })
		if v.status != 403 {
			t.Errorf("%s: %d", host, v.status)
		}
		w.stillWaiting(host)
	}
	for _, method := range []string{"GET", "OPTIONS", "POST"} {
		v := w.do(method, w.redirect.String(), func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example")
			r.Header.Set("Access-Control-Request-Method", "GET")
			r.Header.Set("Access-Control-Request-Private-Network", "true")
		})
		for name := range v.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", method, name)
			}
		}
	}
	w.succeed()
}

// TestIssuerO08: another provider's answer does not count: it has another path,
// and it names another issuer.
func TestIssuerO08(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	paths := map[string]bool{}
	for _, issuer := range []string{"https://a.example", "https://b.example", "https://a.example/realm"} {
		checked, err := Provider{Issuer: issuer, AuthorizeURL: issuer + "/a", TokenURL: issuer + "/t", ClientID: "x"}.check()
		if err != nil || paths[checked.RedirectPath] {
			t.Errorf("%s: %s, %v", issuer, checked.RedirectPath, err)
		}
		paths[checked.RedirectPath] = true
	}
	announced := func(p *Provider) { p.IssuerInAnswer = true }
	for name, tt := range map[string]struct {
		edit func(*Provider)
		iss  []string
		kind error
	}{
		"right":                  {announced, []string{p.server.URL}, nil},
		"right, not announced":   {nil, []string{p.server.URL}, nil},
		"missing, not announced": {nil, nil, nil},
		"missing":                {announced, nil, ErrIssuer},
		"empty":                  {announced, []string{""}, ErrIssuer},
		"other":                  {announced, []string{"https://evil.example"}, ErrIssuer},
		"other, not announced":   {nil, []string{"https://evil.example"}, ErrIssuer},
		"other spelling":         {announced, []string{p.server.URL + "/"}, ErrIssuer},
	} {
		for _, more := range []url.Values{{"iss": tt.iss}, {"iss": tt.iss, "code": nil, "error": {"access_denied"}}} {
			before := len(p.tokenPosts())
			w := p.begin(t.Context(), p.client(tt.edit), SignIn{})
			v := read(p.server.Client().Get(w.answer(more)))
			r := w.end()
			switch {
			case tt.kind != nil:
				want(t, r.err, tt.kind)
				if len(p.tokenPosts()) != before || v.status == 200 {
					t.Errorf("%s: the code was used, or %d", name, v.status)
				}
			case more["error"] != nil:
				want(t, r.err, ErrDenied)
			case r.err != nil:
				t.Errorf("%s: %v", name, r.err)
			}
		}
	}
}

// TestListenerClosesO09: whatever the end, nothing listens after it.
func TestListenerClosesO09(t *testing.T) { // not parallel: another test may have the same port on another address
	p := newIDP(t)
	closed := func(w *waiting) {
		t.Helper()
		for _, host := range []string{loopback4, loopback6} {
			if c, err := net.DialTimeout("tcp", net.JoinHostPort(host, w.redirect.Port()), time.Second); err == nil {
				_ = c.Close()
				t.Errorf("%s still listens", c.RemoteAddr())
			}
		}
	}
	client := p.client(func(p *Provider) { p.RedirectHost = localhost })

	w := p.begin(t.Context(), client, SignIn{})
	w.succeed()
	closed(w)

	w = p.begin(t.Context(), client, SignIn{Wait: 50 * time.Millisecond})
	e := want(t, w.end().err, ErrTimeout)
	if !strings.Contains(e.Error(), "50ms") || e.Advice() == "" {
		t.Error(e)
	}
	closed(w)

	ctx, cancel := context.WithCancelCause(t.Context())
	w = p.begin(ctx, client, SignIn{})
	gone := errors.New("git is gone")
	cancel(gone)
	want(t, w.end().err, gone)
	closed(w)

	w = p.begin(t.Context(), client, SignIn{})
	_ = read(p.server.Client().Get(w.answer(url.Values{"code": nil, "error": {"access_denied"}})))
	want(t, w.end().err, ErrDenied)
	closed(w)

	// A browser that never fetches the last page.
	client.pageTime = 10 * time.Millisecond
	w = p.begin(t.Context(), client, SignIn{})
	if v := w.do("GET", w.answer(nil), nil); v.status != 302 {
		t.Errorf("%+v", v)
	}
	if r := w.end(); r.err != nil {
		t.Error(r.err)
	}
	closed(w)

	// Cancelled while the provider thinks.
	ctx, cancel2 := context.WithCancel(t.Context())
	p.setToken(func(_ http.ResponseWriter, r *http.Request) {
		cancel2()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
	w = p.begin(ctx, client, SignIn{})
	go func() { _ = read(p.server.Client().Get(w.answer(nil))) }()
	want(t, w.end().err, context.Canceled)
	closed(w)

	for asked, wait := range map[time.Duration]time.Duration{-1: 5 * time.Minute, 0: 5 * time.Minute, time.Hour: 5 * time.Minute, time.Second: time.Second} {
		if got := (SignIn{Wait: asked}).wait(); got != wait {
			t.Errorf("%v: %v", asked, got)
		}
	}
}

// TestBrowserThatHangsO09: a browser that does not start, does not return, or
// is not there changes nothing about the end.
func TestBrowserThatHangsO09(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	for name, b := range map[string]Browser{
		"none":   nil,
		"hangs":  opener(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }),
		"broken": opener(func(context.Context, string) error { return fmt.Errorf("%w: exit status 3", ErrNoBrowser) }),
	} {
		var shown []Invitation
		_, err := p.client(nil).SignIn(t.Context(), SignIn{Wait: 200 * time.Millisecond, Browser: b, Show: func(i Invitation) { shown = append(shown, i) }})
		want(t, err, ErrTimeout)
		if name == "hangs" {
			continue
		}
		if len(shown) != 1 || shown[0].Opened || !errors.Is(shown[0].Reason, ErrNoBrowser) || !strings.HasPrefix(shown[0].URL, p.server.URL+"/authorize?") || shown[0].Port == 0 {
			t.Errorf("%s: %+v", name, shown)
		}
	}
}
