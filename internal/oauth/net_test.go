package oauth

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// site is a server with a certificate of our own making, which a transport
// reaches by any name.
type site struct {
	requests  atomic.Int64
	transport *http.Transport
}

// newSite serves the names of the certificate; edit may spoil it.
func newSite(t *testing.T, h http.HandlerFunc, edit func(leaf *x509.Certificate, trusted *bool), names ...string) *site {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	trusted := true
	if edit != nil {
		edit(leaf, &trusted)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		h(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	pool := x509.NewCertPool()
	if trusted {
		pool.AddCert(parsed)
	}
	s.transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
		},
	}
	t.Cleanup(func() {
		s.transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

func (s *site) config() Config {
	return Config{Version: "1.2.3", Transport: s.transport, Now: func() time.Time { return testNow }, Rand: rand.Reader}
}

// calls are the three that this package makes, for tests of what is common.
func calls(t *testing.T, c Config) map[string]func() error {
	t.Helper()
	p, err := Entra("22222222-2222-2222-2222-222222222222", "")
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(p, c)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]func() error{
		"refresh": func() error { return second(client.Refresh(t.Context(), secret(canary), "")) },
		"redeem": func() error {
			tr, err := newTransaction(c.Rand, &url.URL{Scheme: "http", Host: "localhost:1", Path: "/"}, true)
			if err != nil {
				t.Fatal(err)
			}
			return second(client.redeem(t.Context(), tr, secret(canary), ""))
		},
		"tenant":   func() error { return second(DiscoverTenant(t.Context(), c, "contoso")) },
		"metadata": func() error { return second(Discover(t.Context(), c, "https://login.microsoftonline.com")) },
	}
}

func (s *site) all(t *testing.T, c Config, kinds ...error) {
	t.Helper()
	for name, call := range calls(t, c) {
		before := s.requests.Load()
		err := call()
		for i, kind := range kinds {
			if errors.Is(err, kind) {
				want(t, err, kind)
				break
			}
			if i == len(kinds)-1 {
				t.Errorf("%s: %v, want: %v", name, err, kinds)
			}
		}
		if n := s.requests.Load() - before; n > 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// TestRedirectN01: no redirect is followed and no body sent twice.
func TestRedirectN01(t *testing.T) {
	t.Parallel()
	other := newSite(t, func(http.ResponseWriter, *http.Request) {}, nil, "evil.example")
	for _, to := range []string{"https://evil.example/token", "https://login.microsoftonline.com:8443/", "http://login.microsoftonline.com/", "file:///etc/passwd", "/again", ""} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			}, nil, "login.microsoftonline.com", "dev.azure.com", "evil.example")
			s.all(t, s.config(), ErrReply)
			if s.requests.Load() != 4 || other.requests.Load() != 0 {
				t.Errorf("%d to %q: %d and %d requests", status, to, s.requests.Load(), other.requests.Load())
			}
		}
	}
}

// endless answers with b over and over until the client has gone.
func endless(b []byte, pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			if _, err := w.Write(b); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
	}
}

// TestLimitsN04 bounds what a server can make us read and wait.
func TestLimitsN04(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 1<<20)
	bomb := gzipped(zeros, 64)
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		timeout time.Duration
		kind    error
	}{
		"endless body":       {endless(zeros, 0), 0, ErrReply},
		"one byte at a time": {endless([]byte(" "), time.Millisecond), 200 * time.Millisecond, ErrNetwork},
		"no answer":          {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, 200 * time.Millisecond, ErrNetwork},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}, 0, ErrReply},
		"200 MB of JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"`)
			for range 200 {
				if _, err := w.Write(zeros); err != nil {
					return
				}
			}
		}, 0, ErrReply},
		"broken gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "not gzip at all")
		}, 0, ErrReply},
		"deep JSON":          {text(200, "application/json", strings.Repeat("[", 1<<19)), 0, ErrReply},
		"connection dropped": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, ErrNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tt.handler, nil, "login.microsoftonline.com", "dev.azure.com")
			c := s.config()
			c.Timeout = tt.timeout
			s.all(t, c, tt.kind)
		})
	}
	for _, d := range []time.Duration{-1, 0, time.Hour} {
		var got time.Duration
		c := Config{Timeout: d, Now: time.Now, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			deadline, _ := r.Context().Deadline()
			got = time.Until(deadline)
			return nil, errors.New("enough")
		})}
		if _, err := c.send(t.Context(), call{url: "https://x.example"}); err == nil || got > MaxTimeout || got < MaxTimeout-time.Second {
			t.Errorf("%v: %v", d, got)
		}
	}
}

// gzipped compresses b, again and again.
func gzipped(b []byte, times int) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for range times {
		_, _ = z.Write(b)
	}
	_ = z.Close()
	return out.Bytes()
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func text(status int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestNotJSONN05: a page in place of an answer is no success, whatever its
// status, nor the death of a refresh token.
func TestNotJSONN05(t *testing.T) {
	t.Parallel()
	const page = `<html><title>Sign In</title>{"access_token":"x","token_type":"Bearer"}`
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		kinds   []error
	}{
		"203":             {text(203, "text/html", page), []error{ErrReply}},
		"200":             {text(200, "text/html; charset=utf-8", page), []error{ErrReply}},
		"captive portal":  {text(511, "text/html", page), []error{ErrTemporary}},
		"400":             {text(400, "text/html", page), []error{ErrReply}},
		"401":             {text(401, "text/html", page), []error{ErrReply}},
		"502":             {text(502, "text/html", page), []error{ErrTemporary}},
		"no type":         {text(200, "", `{"access_token":"x","token_type":"Bearer"}`), []error{ErrReply}},
		"text":            {text(200, "text/plain", `{"access_token":"x","token_type":"Bearer"}`), []error{ErrReply}},
		"empty":           {text(200, "application/json", ""), []error{ErrReply}},
		"null":            {text(200, "application/json", "null"), []error{ErrReply}},
		"a list":          {text(200, "application/json", "[]"), []error{ErrReply}},
		"two objects":     {text(200, "application/json", `{"access_token":"x"}{"token_type":"Bearer"}`), []error{ErrReply}},
		"203 with tokens": {text(203, "application/json", `{"access_token":"x","token_type":"Bearer"}`), []error{ErrReply}},
		"204":             {text(204, "application/json", ""), []error{ErrReply}},
	} {
		s := newSite(t, tt.handler, nil, "login.microsoftonline.com", "dev.azure.com")
		t.Run(name, func(t *testing.T) { s.all(t, s.config(), tt.kinds...) })
	}
}

// TestTLSN06: a certificate that does not hold ends it before anything is sent.
// This package reads no environment and no configuration, so GIT_SSL_NO_VERIFY
// and http.sslVerify cannot change that.
func TestTLSN06(t *testing.T) {
	t.Setenv("GIT_SSL_NO_VERIFY", "1")
	t.Setenv("GIT_CONFIG_PARAMETERS", "'http.sslVerify'='false'")
	for name, edit := range map[string]func(*x509.Certificate, *bool){
		"wrong name": func(c *x509.Certificate, _ *bool) { c.DNSNames = []string{"login.microsoftonline.com.evil.example"} },
		"expired": func(c *x509.Certificate, _ *bool) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		},
		"self-signed": func(_ *x509.Certificate, trusted *bool) { *trusted = false },
	} {
		s := newSite(t, func(http.ResponseWriter, *http.Request) {}, edit, "login.microsoftonline.com", "dev.azure.com")
		for what, call := range calls(t, s.config()) {
			err := call()
			var certificate *tls.CertificateVerificationError
			if want(t, err, ErrNetwork); !errors.As(err, &certificate) || s.requests.Load() != 0 {
				t.Errorf("%s, %s: %v, %d requests", name, what, err, s.requests.Load())
			}
		}
	}
}

// TestQuotedSecretsS12: an answer that is broken in a way that makes net/http
// quote it does not bring out what was sent.
func TestQuotedSecretsS12(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 1<<16)
			n, _ := c.Read(b)
			_, body, _ := strings.Cut(string(b[:n]), "\r\n\r\n")
			_, _ = io.WriteString(c, body+"\r\n\r\n")
			_ = c.Close()
		}
	}()
	base := "http://" + l.Addr().String()
	c, err := New(Provider{Issuer: base, AuthorizeURL: base, TokenURL: base, ClientID: "x"}, Config{Transport: &http.Transport{}, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	e := want(t, second(c.Refresh(t.Context(), secret(canary+"/+="), "")), ErrNetwork)
	if !strings.Contains(e.Error(), "[secret]") {
		t.Error(e)
	}
}
