package oauth

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// TestHTTPSOnlyO24: no endpoint of another scheme, however it is spelt, and http
// only where everything is on this machine.
func TestHTTPSOnlyO24(t *testing.T) {
	t.Parallel()
	good := Provider{Issuer: "https://id.example", AuthorizeURL: "https://id.example/a?x=y", TokenURL: "https://token.example/t", ClientID: "x"}
	if _, err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Provider){
		"http authorize":                         func(p *Provider) { p.AuthorizeURL = "http://id.example/a" },
		"http token":                             func(p *Provider) { p.TokenURL = "http://id.example/t" },
		"http issuer":                            func(p *Provider) { p.Issuer = "http://id.example" },
		"http loopback token of a remote issuer": func(p *Provider) { p.TokenURL = "http://127.0.0.1/t" },
		"http loopback for all but the issuer": func(p *Provider) {
			p.AuthorizeURL, p.TokenURL = "http://127.0.0.1/a", "http://127.0.0.1/t"
		},
		"like loopback": func(p *Provider) {
			p.Issuer, p.AuthorizeURL, p.TokenURL = "http://127.0.0.1.evil.example", "http://localhost.evil.example/a", "http://localhost.evil.example/t"
		},
		"file":              func(p *Provider) { p.AuthorizeURL = "file:///etc/passwd" },
		"smb":               func(p *Provider) { p.AuthorizeURL = "smb://evil.example/x" },
		"javascript":        func(p *Provider) { p.AuthorizeURL = "javascript:alert(1)" },
		"no scheme":         func(p *Provider) { p.AuthorizeURL = "id.example/a" },
		"option":            func(p *Provider) { p.AuthorizeURL = "--version" },
		"user":              func(p *Provider) { p.TokenURL = "https://id.example@evil.example/t" },
		"fragment":          func(p *Provider) { p.AuthorizeURL = "https://id.example/a#x" },
		"line feed":         func(p *Provider) { p.TokenURL = "https://id.example/t\nx" },
		"blank":             func(p *Provider) { p.AuthorizeURL = "https://id.example/a b" },
		"empty":             func(p *Provider) { p.TokenURL = "" },
		"no client":         func(p *Provider) { p.ClientID = "" },
		"client with blank": func(p *Provider) { p.ClientID = "a b" },
		"scope":             func(p *Provider) { p.Scopes = []string{"a b"} },
		"redirect host":     func(p *Provider) { p.RedirectHost = "0.0.0.0" },
		"redirect name":     func(p *Provider) { p.RedirectHost = "evil.example" },
		"redirect path":     func(p *Provider) { p.RedirectPath = "x" },
		"redirect query":    func(p *Provider) { p.RedirectPath = "/?x" },
		"redirect escape":   func(p *Provider) { p.RedirectPath = "/%2e" },
		"unknown issuer":    func(p *Provider) { p.Issuer = "" },
		"state as a param":  func(p *Provider) { p.Params = url.Values{"state": {"x"}} },
		"plain PKCE":        func(p *Provider) { p.Params = url.Values{"code_challenge_method": {"plain"}} },
		"compare to nothing": func(p *Provider) {
			p.Issuer, p.RedirectPath, p.IssuerInAnswer = "", "/", true
		},
	} {
		p := good
		edit(&p)
		if _, err := New(p, newIDP(t).config()); !errors.Is(err, ErrProvider) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, base := range []string{"http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "http://127.8.8.8"} {
		p := good
		p.Issuer, p.AuthorizeURL, p.TokenURL = base, base+"/a", base+"/t"
		if _, err := p.check(); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
	if _, err := New(good, Config{}); !errors.Is(err, ErrProvider) {
		t.Error(err)
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	got, err := Discover(t.Context(), p.config(), p.server.URL)
	if err != nil || got.Issuer != p.server.URL || got.AuthorizeURL != p.server.URL+"/authorize" || got.TokenURL != p.server.URL+"/token" || !got.IssuerInAnswer {
		t.Errorf("%+v, %v", got, err)
	}
	got.ClientID = clientID
	c, err := New(got, p.config())
	if err != nil {
		t.Fatal(err)
	}
	browser, visits := p.person()
	if _, err := c.SignIn(t.Context(), SignIn{Browser: browser}); err != nil {
		t.Error(err)
	}
	<-visits
	for name, edit := range map[string]map[string]any{
		"other issuer": {"issuer": "https://evil.example"}, "spelling": {"issuer": p.server.URL + "/"}, "http": {"token_endpoint": "http://evil.example/t"},
		"file": {"authorization_endpoint": "file:///bin/sh"}, "calc": {"authorization_endpoint": "a:$(calc)"}, "none": {"authorization_endpoint": ""},
	} {
		p.metadata = edit
		if e := want(t, second(Discover(t.Context(), p.config(), p.server.URL)), ErrReply); !strings.Contains(e.Op, "endpoints") {
			t.Errorf("%s: %v", name, e)
		}
	}
	for _, issuer := range []string{"http://id.example", "", "id.example", "file:///x", "https://id.example?x", "https://id.example#x"} {
		want(t, second(Discover(t.Context(), p.config(), issuer)), ErrProvider)
	}
}
