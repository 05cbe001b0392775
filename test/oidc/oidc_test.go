package oidc

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/oauth"
)

// The server's example user; its storage finds it by name and by id, so both
// are the same here.
const (
	user     = "test-user@localhost"
	password = "verysecure"
)

// startServer runs zitadel's example server and returns its issuer.
func startServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1) + "/"
	users := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(users, []byte(`{"`+user+`":{"ID":"`+user+`","Username":"`+user+`","Password":"`+password+`","Email":"ada@contoso.example","EmailVerified":true}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := storage.StoreFromFile(users)
	if err != nil {
		t.Fatal(err)
	}
	storage.RegisterClients(storage.NativeClient("patrol", "http://localhost/", "http://127.0.0.1/"))
	server := &http.Server{
		Handler:           exampleop.SetupServer(issuer, storage.NewStorage(store), slog.New(slog.NewTextHandler(io.Discard, nil)), false),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return issuer
}

// trap is a proxy that no request to this machine may reach.
func trap(t *testing.T) (env []string, caught *atomic.Int64) {
	t.Helper()
	caught = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		caught.Add(1)
		http.Error(w, "caught", http.StatusBadGateway)
	}))
	t.Cleanup(s.Close)
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
		env = append(env, name+"="+s.URL)
	}
	return env, caught
}

// newConfig is the configuration as patrol has it, with its own transport.
func newConfig(t *testing.T, env []string) oauth.Config {
	t.Helper()
	transport := azdo.NewTransport(azdo.TransportConfig{Environ: env})
	t.Cleanup(transport.CloseIdleConnections)
	return oauth.Config{Version: "test", Transport: transport, Now: time.Now, Rand: rand.Reader}
}

// newClient discovers the server and registers as its native client.
func newClient(t *testing.T, issuer string, c oauth.Config, host string) *oauth.Client {
	t.Helper()
	p, err := oauth.Discover(t.Context(), c, issuer)
	if err != nil {
		t.Fatal(err)
	}
	p.ClientID, p.Scopes, p.RedirectHost, p.RedirectPath = "patrol", []string{"openid", "profile", "email", "offline_access"}, host, "/"
	client, err := oauth.New(p, c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// page is where the browser ended.
type page struct {
	url, body string
	err       error
}

// browser is a person with a browser: it follows redirects, keeps cookies,
// fills in the form and sends it.
type browser struct {
	password string
	pages    chan page
}

// Open implements oauth.Browser.
func (b browser) Open(_ context.Context, at string) error {
	go func() { b.pages <- b.signIn(at) }()
	return nil
}

func (b browser) signIn(at string) page {
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	form := get(c.Get(at))
	id := regexp.MustCompile(`name="id" value="([^"]*)"`).FindStringSubmatch(form.body)
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(form.body)
	if form.err != nil || id == nil || action == nil {
		return page{form.url, form.body, errors.Join(form.err, errors.New("no form to fill in"))}
	}
	target, err := url.Parse(form.url)
	if err != nil {
		return page{err: err}
	}
	target, err = target.Parse(action[1])
	if err != nil {
		return page{err: err}
	}
	return get(c.PostForm(target.String(), url.Values{"id": {id[1]}, "username": {user}, "password": {b.password}}))
}

func get(r *http.Response, err error) page {
	if err != nil {
		return page{err: err}
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	return page{r.Request.URL.String(), string(b), err}
}

// TestSignInAndRefresh signs in through the server's own form and renews twice,
// with each redirect host.
func TestSignInAndRefresh(t *testing.T) {
	issuer := startServer(t)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		t.Run(host, func(t *testing.T) {
			client := newClient(t, issuer, newConfig(t, nil), host)
			b := browser{password, make(chan page, 1)}
			tokens, err := client.SignIn(t.Context(), oauth.SignIn{LoginHint: user, Browser: b, Wait: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			end := <-b.pages
			if end.err != nil || !strings.Contains(end.body, "Signed in</h1>") || strings.Contains(end.url, "code=") {
				t.Errorf("%+v", end)
			}
			if !tokens.Access.IsSet() || !tokens.Refresh.IsSet() || !tokens.Rotated || tokens.Identity.Subject != user || tokens.Identity.Issuer != issuer {
				t.Errorf("%+v", tokens)
			}
			if left := time.Until(tokens.Expires); left < time.Minute || left > 24*time.Hour {
				t.Errorf("expires in %v", left)
			}
			userinfo(t, issuer, tokens.Access)
			used := tokens.Refresh
			for i := range 2 {
				next, err := client.Refresh(t.Context(), tokens.Refresh, "")
				if err != nil {
					t.Fatal(i, err)
				}
				if !next.Rotated || next.Refresh.Equal(tokens.Refresh) || next.Access.Equal(tokens.Access) || next.Identity.Subject != user {
					t.Errorf("%d: %+v", i, next)
				}
				userinfo(t, issuer, next.Access)
				tokens = next
			}
			// The first refresh token was used, and is dead.
			_, err = client.Refresh(t.Context(), used, "")
			var e *oauth.Error
			if !errors.Is(err, oauth.ErrSignIn) || !errors.As(err, &e) || e.Code == "" || strings.Contains(err.Error(), used.Reveal()) {
				t.Error(err)
			}
		})
	}
}

// userinfo lets the server say whose token it is.
func userinfo(t *testing.T, issuer string, token cred.Secret) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, issuer+"userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	if p := get(http.DefaultClient.Do(r)); p.err != nil || !strings.Contains(p.body, `"sub":"`+user+`"`) {
		t.Errorf("%+v", p)
	}
}

// TestWrongPassword: the server shows its form again, and we go on waiting.
func TestWrongPassword(t *testing.T) {
	client := newClient(t, startServer(t), newConfig(t, nil), "localhost")
	b := browser{"wrong", make(chan page, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if p := <-b.pages; p.err != nil || !strings.Contains(p.body, "username or password wrong") {
			t.Errorf("%+v", p)
		}
		cancel()
	}()
	if _, err := client.SignIn(ctx, oauth.SignIn{Browser: b, Wait: time.Minute}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestNamelessIdentity: this server's identity tokens hold no name, as OpenID
// Connect Core 5.4 allows, so whoever asks for an account gets nobody.
func TestNamelessIdentity(t *testing.T) {
	client := newClient(t, startServer(t), newConfig(t, nil), "localhost")
	b := browser{password, make(chan page, 1)}
	tokens, err := client.SignIn(t.Context(), oauth.SignIn{Account: user, Browser: b, Wait: time.Minute})
	if !errors.Is(err, oauth.ErrAccount) || tokens.Access.IsSet() {
		t.Error(err)
	}
	if end := <-b.pages; !strings.Contains(end.body, "Not signed in") {
		t.Errorf("%+v", end)
	}
}

// TestRefused: the server does not know the application, nor the redirect. It
// tells the browser and not us, so the person's time runs out.
func TestRefused(t *testing.T) {
	c := newConfig(t, nil)
	p, err := oauth.Discover(t.Context(), c, startServer(t))
	if err != nil {
		t.Fatal(err)
	}
	p.Scopes, p.RedirectPath = []string{"openid"}, "/elsewhere"
	for _, id := range []string{"unknown", "patrol"} {
		p.ClientID = id
		client, err := oauth.New(p, c)
		if err != nil {
			t.Fatal(err)
		}
		b := browser{password, make(chan page, 1)}
		if _, err = client.SignIn(t.Context(), oauth.SignIn{Browser: b, Wait: 300 * time.Millisecond}); !errors.Is(err, oauth.ErrTimeout) {
			t.Error(err)
		}
		if end := <-b.pages; end.err == nil {
			t.Errorf("%+v", end)
		}
		_, err = client.Refresh(t.Context(), cred.NewSecret("c4nary"), "")
		if err == nil || strings.Contains(err.Error(), "c4nary") {
			t.Error(err)
		}
	}
}

// TestLoopbackNotProxiedN09: with proxies set for everything, neither the calls
// to a provider on this machine nor the browser's way back pass one.
func TestLoopbackNotProxiedN09(t *testing.T) {
	env, caught := trap(t)
	client := newClient(t, startServer(t), newConfig(t, env), "localhost")
	b := browser{password, make(chan page, 1)}
	tokens, err := client.SignIn(t.Context(), oauth.SignIn{Browser: b, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	<-b.pages
	if _, err := client.Refresh(t.Context(), tokens.Refresh, ""); err != nil {
		t.Error(err)
	}
	if n := caught.Load(); n != 0 {
		t.Errorf("%d requests went through the proxy", n)
	}
	// The same transport does use the proxy for others.
	if _, err := oauth.DiscoverTenant(t.Context(), newConfig(t, env), "contoso"); err == nil || caught.Load() != 1 {
		t.Error(err, caught.Load())
	}
}

// TestOpenersOfACloneX01: a clone that brings programs along has none of them run,
// with the real look-up.
func TestOpenersOfACloneX01(t *testing.T) {
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	for _, name := range []string{"xdg-open", "x-www-browser", "open", "sh", "firefox"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n: >"+ran+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, path := range []string{".", "", ":", dir, dir + "/../" + filepath.Base(dir), "./"} {
		d := oauth.Desktop{
			Environ: []string{"DISPLAY=:0", "BROWSER=firefox", "PATH=" + path, "HOME=/nonexistent"}, Find: git.FindProgram, Scrub: git.Environ,
		}
		if err := d.Open(t.Context(), "https://id.example/"); !errors.Is(err, oauth.ErrNoBrowser) {
			t.Errorf("PATH=%s: %v", path, err)
		}
	}
	if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
		t.Error("a program of the clone was run")
	}
}
