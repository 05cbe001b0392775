package azdo

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// endless answers with f, over and over, until the client has gone.
func endless(header map[string]string, f func(w io.Writer) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		for r.Context().Err() == nil {
			if f(w) != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
}

// TestLimitsN04 bounds what a server can make us read and wait.
func TestLimitsN04(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 1<<20)
	jsonOnly := map[string]string{"Content-Type": jsonType}
	write := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(b); return err }
	}
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		timeout time.Duration
		kind    error
	}{
		"endless body": {endless(jsonOnly, write(zeros)), 0, ErrReply},
		"one byte at a time": {endless(jsonOnly, func(w io.Writer) error {
			time.Sleep(time.Millisecond)
			return write([]byte(" "))(w)
		}), 300 * time.Millisecond, ErrNetwork},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 300 * time.Millisecond, ErrNetwork},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 200 {
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
			_ = z.Close()
		}, 0, ErrReply},
		"large header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", 2*maxHeader))
		}, 0, ErrNetwork},
		"broken gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "not gzip at all")
		}, 0, ErrReply},
		"connection dropped": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, ErrNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t, tt.handler, nil)
			_, err := f.client(f.settings(), tt.timeout).Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary)))
			var e *Error
			if !errors.As(err, &e) || e.Kind != tt.kind {
				t.Fatal(err)
			}
			harmless(t, err)
			if requests, _ := f.seen(); len(requests) != 1 {
				t.Errorf("%d requests", len(requests))
			}
		})
	}
}

func TestTimeoutIsCapped(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{-1, 0, time.Hour} {
		if got := New(Config{Timeout: d}).timeout; got != MaxTimeout {
			t.Errorf("%v: %v", d, got)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	f := newFarm(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }, nil)
	_, err := f.client(f.settings(), 0).Connection(ctx, "contoso", PAT(cred.NewSecret(canary)))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrNetwork) {
		t.Error(err)
	}
}

// TestTLSN06: no certificate that does not hold, whatever the environment says.
func TestTLSN06(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*tls.Config, *authority){
		"wrong name": func(c *tls.Config, ca *authority) {
			c.Certificates[0] = ca.leaf(t, "dev.azure.com.evil.example", nil)
		},
		"expired": func(c *tls.Config, ca *authority) {
			c.Certificates[0] = ca.leaf(t, "dev.azure.com", func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-time.Minute) })
		},
		"not yet": func(c *tls.Config, ca *authority) {
			c.Certificates[0] = ca.leaf(t, "dev.azure.com", func(x *x509.Certificate) { x.NotBefore = time.Now().Add(30 * time.Minute) })
		},
		"other authority": func(c *tls.Config, _ *authority) { c.Certificates[0] = newAuthority(t).leaf(t, "dev.azure.com", nil) },
		"for clients only": func(c *tls.Config, ca *authority) {
			c.Certificates[0] = ca.leaf(t, "dev.azure.com", func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
		},
		"TLS 1.1":                       func(c *tls.Config, _ *authority) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		"asks for a client certificate": func(c *tls.Config, _ *authority) { c.ClientAuth = tls.RequireAnyClientCert },
	} {
		f := newFarm(t, reply(200, jsonType, ada), edit)
		c := f.client(f.settings(), 0, "GIT_SSL_NO_VERIFY=1", "GIT_CONFIG_PARAMETERS='http.sslVerify'='false'", "NODE_TLS_REJECT_UNAUTHORIZED=0")
		_, err := c.Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary)))
		if !errors.Is(err, ErrTLS) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		harmless(t, err)
		if requests, _ := f.seen(); len(requests) != 0 {
			t.Errorf("%s: a request was sent", name)
		}
	}
	// The same server with a good certificate answers.
	if _, err := newFarm(t, reply(200, jsonType, ada), nil).connection(); err != nil {
		t.Error(err)
	}
}

func TestPlainServerIsTLSError(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	go func() {
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 64))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	f.mu.Lock()
	f.target = plain.Addr().String()
	f.mu.Unlock()
	if _, err := f.connection(); !errors.Is(err, ErrTLS) {
		t.Error(err)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	dir := filepath.Dir(f.ca.file)
	other := newAuthority(t).file
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file, path string
		ok         bool
	}{
		"file":                   {f.ca.file, "", true},
		"directory":              {"", dir, true},
		"directory adds to file": {other, dir, true},
		"system only":            {"", "", false},
		"file replaces system":   {other, "", false},
		"missing file":           {filepath.Join(dir, "missing"), "", false},
		"missing directory":      {f.ca.file, filepath.Join(dir, "missing"), false},
		"file without any":       {empty, "", false},
		"file is a directory":    {dir, "", false},
	} {
		s := Settings{ProxySet: true, Proxy: f.proxy.URL, CAFile: tt.file, CAPath: tt.path}
		_, err := f.client(s, 0).Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary)))
		if tt.ok && err != nil || !tt.ok && !errors.Is(err, ErrTLS) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSettingsPrint: the proxy's password is printed by no verb, and a broken
// certificate file says so.
func TestSettingsPrint(t *testing.T) {
	t.Parallel()
	s := Settings{ProxySet: true, Proxy: "http://me:" + canary + "@p", CAFile: "/no/such.pem"}
	if all := fmt.Sprintf("%v %+v %#v %s %v", s, s, s, s, []Settings{s}); strings.Contains(all, canary) || !strings.Contains(all, "such.pem") {
		t.Error(all)
	}
	_, err := New(Config{Transport: NewTransport(TransportConfig{Settings: func(string) (Settings, error) { return s, nil }})}).
		Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary)))
	if !errors.Is(err, ErrTLS) || !strings.Contains(err.Error(), "such.pem") {
		t.Error(err)
	}
	harmless(t, err)
}

func TestLongMessageIsCut(t *testing.T) {
	t.Parallel()
	e := &Error{Kind: ErrReply, Op: "test", Message: strings.Repeat("\u00e4", 100000)}
	if n := len(e.Error()); n > 2*maxShown {
		t.Errorf("%d bytes", n)
	}
}

func TestSettingsError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	transport := NewTransport(TransportConfig{Settings: func(string) (Settings, error) { return Settings{}, broken }})
	if _, err := New(Config{Transport: transport}).Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestClearText: no request leaves this machine unencrypted.
func TestClearText(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequest(http.MethodGet, "http://dev.azure.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewTransport(TransportConfig{}).RoundTrip(req); err == nil || !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
}

func TestProxyPassword(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	u, err := url.Parse(f.proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("me", canary+" %@/")
	s := f.settings()
	s.Proxy = u.String()
	if _, err := f.client(s, 0).Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary))); err != nil {
		t.Fatal(err)
	}
	requests, connects := f.seen()
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+canary+" %@/")); connects[0].Header.Get("Proxy-Authorization") != want {
		t.Error("the proxy did not get the password")
	}
	if requests[0].Header.Get("Proxy-Authorization") != "" {
		t.Error("the server got the proxy's password")
	}
}

// TestProxyErrors: every way a proxy fails is told apart, and none shows its
// password.
func TestProxyErrors(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	_ = closed.Close()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	address := strings.TrimPrefix(f.proxy.URL, "http://")
	for name, tt := range map[string]struct {
		proxy  string
		refuse int
	}{
		"407":               {"http://me:" + canary + "@" + address, 407},
		"403":               {"http://me:" + canary + "@" + address, 403},
		"302":               {"http://me:" + canary + "@" + address, 302},
		"nobody there":      {"http://me:" + canary + "@" + nobody, 0},
		"no such host":      {"http://me:" + canary + "@proxy.invalid:1", 0},
		"bad port":          {"http://me:" + canary + "@host:port", 0},
		"slash in password": {"http://me:" + canary + "/x@host:1", 0},
		"bad escape":        {"http://me:" + canary + "%zz@host:1", 0},
		"kind":              {"socks4://me:" + canary + "@host:1", 0},
		"no host":           {"http://me:" + canary + "@", 0},
		"control character": {"http://me:" + canary + "\x7f@host", 0},
		"https, but is not": {"https://me:" + canary + "@" + address, 0},
		"socks, nobody":     {"socks5://me:" + canary + "@" + nobody, 0},
	} {
		f.mu.Lock()
		f.refuse = tt.refuse
		f.mu.Unlock()
		s := f.settings()
		s.Proxy = tt.proxy
		_, err := f.client(s, 0).Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary)))
		var e *Error
		if !errors.As(err, &e) || e.Kind != ErrProxy || e.Status != tt.refuse {
			t.Errorf("%s: %v", name, err)
			continue
		}
		harmless(t, err)
	}
	if requests, _ := f.seen(); len(requests) != 0 {
		t.Errorf("%d requests arrived", len(requests))
	}
}

func TestNetworkDown(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	// The proxy is there and the site behind it is not: it drops the tunnel.
	f.site.CloseClientConnections()
	f.site.Close()
	_, err := f.connection()
	var e *Error
	if !errors.As(err, &e) || e.Kind != ErrProxy || e.Status != http.StatusBadGateway {
		t.Error(err)
	}
	// Without a proxy: the name does not resolve.
	transport := NewTransport(TransportConfig{})
	t.Cleanup(transport.CloseIdleConnections)
	req, _ := http.NewRequest(http.MethodGet, "https://no-such-host.invalid/", nil)
	_, err = (&http.Client{Transport: transport}).Do(req)
	if err := transportError("test", err); !errors.Is(err, ErrNetwork) {
		t.Error(err)
	}
}

// TestProxyChoice is a table of what Git's http.c and curl decide.
func TestProxyChoice(t *testing.T) {
	t.Parallel()
	conf := func(p string) Settings { return Settings{ProxySet: true, Proxy: p} }
	none := Settings{}
	for _, tt := range []struct {
		url  string
		s    Settings
		env  string
		want string
	}{
		{"https://dev.azure.com", conf("http://p:1"), "", "http://p:1"},
		{"https://dev.azure.com", conf("p:1"), "", "http://p:1"},
		{"https://dev.azure.com", conf("http://p"), "", "http://p:1080"},
		{"https://dev.azure.com", conf("https://p"), "", "https://p:443"},
		{"https://dev.azure.com", conf("socks5h://p"), "", "socks5h://p:1080"},
		{"https://dev.azure.com", conf("http://[::1]"), "", "http://[::1]:1080"},
		{"https://dev.azure.com", conf("http://u:p@h:1/path?x#y"), "", "http://u:p@h:1"},
		{"https://dev.azure.com", conf(""), "https_proxy=http://e:1", ""},
		{"https://dev.azure.com", conf("http://p:1"), "https_proxy=http://e:1", "http://p:1"},
		{"https://dev.azure.com", conf("http://p:1"), "no_proxy=azure.com", ""},
		{"https://dev.azure.com", none, "", ""},
		{"https://dev.azure.com", none, "HTTPS_PROXY=http://e:1", "http://e:1"},
		{"https://dev.azure.com", none, "HTTPS_PROXY=http://E:1|https_proxy=http://e:1", "http://e:1"},
		{"https://dev.azure.com", none, "HTTPS_PROXY=http://E:1|https_proxy=", ""},
		{"https://dev.azure.com", none, "ALL_PROXY=http://a:1", "http://a:1"},
		{"https://dev.azure.com", none, "http_proxy=http://e:1|HTTP_PROXY=http://e:1", ""},
		{"http://example.com", none, "HTTP_PROXY=http://e:1", ""},
		{"http://example.com", none, "http_proxy=http://e:1", "http://e:1"},
		{"https://dev.azure.com", none, "https_proxy=http://e:1|NO_PROXY=x, .azure.com ,y", ""},
		{"https://dev.azure.com", none, "https_proxy=http://e:1|NO_PROXY=ure.com", "http://e:1"},
		{"https://dev.azure.com", none, "https_proxy=http://e:1|NO_PROXY=DEV.azure.com.", ""},
		{"https://dev.azure.com", none, "https_proxy=http://e:1|NO_PROXY=azure.com|no_proxy=", "http://e:1"},
		{"https://dev.azure.com", none, "https_proxy=http://e:1|NO_PROXY=*", ""},
		{"https://dev.azure.com", none, "https_proxy=http://e:1|NO_PROXY=x,*", "http://e:1"},
		{"https://10.1.2.3", none, "https_proxy=http://e:1|NO_PROXY=10.0.0.0/8", ""},
		{"https://10.1.2.3", none, "https_proxy=http://e:1|NO_PROXY=10.1.2.3", ""},
		{"https://10.1.2.3", none, "https_proxy=http://e:1|NO_PROXY=2.3", "http://e:1"},
		{"https://[2001:db8::1]", none, "https_proxy=http://e:1|NO_PROXY=2001:db8::1", ""},
		// N09: an attacker's proxy sees neither our own listener nor the metadata service.
		{"http://127.0.0.1:8400/", conf("http://p:1"), "http_proxy=http://e:1", ""},
		{"http://127.9.9.9/", conf("http://p:1"), "", ""},
		{"http://localhost:8400/", conf("http://p:1"), "", ""},
		{"http://LocalHost./", conf("http://p:1"), "", ""},
		{"http://x.localhost/", conf("http://p:1"), "", ""},
		{"http://[::1]:8400/", conf("http://p:1"), "", ""},
		{"http://[::ffff:127.0.0.1]/", conf("http://p:1"), "", ""},
		{"http://0.0.0.0/", conf("http://p:1"), "", ""},
		{"http://169.254.169.254/metadata/identity", conf("http://p:1"), "all_proxy=http://e:1", ""},
		{"http://[fe80::1%25eth0]/", conf("http://p:1"), "", ""},
		{"http://[::ffff:169.254.169.254]/", conf("http://p:1"), "", ""},
		{"https://169.254.169.254.evil.example/", conf("http://p:1"), "", "http://p:1"},
		{"https://localhost.evil.example/", conf("http://p:1"), "", "http://p:1"},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := proxyFor(u, tt.s, strings.Split(tt.env, "|"))
		text := ""
		if got != nil {
			text = got.String()
		}
		if err != nil || text != tt.want {
			t.Errorf("%s, %q, %q: %q, %v; want %q", tt.url, tt.s.Proxy, tt.env, text, err, tt.want)
		}
	}
}

// TestSettingsByURL: each host has its own settings, and equal ones share.
func TestSettingsByURL(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	var asked []string
	transport := NewTransport(TransportConfig{Settings: func(u string) (Settings, error) {
		asked = append(asked, u)
		return f.settings(), nil
	}})
	t.Cleanup(transport.CloseIdleConnections)
	c := New(Config{Transport: transport, Now: func() time.Time { return testNow }})
	for range 3 {
		if _, err := c.Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary))); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 3 || !strings.HasPrefix(asked[0], "https://dev.azure.com/contoso/") || len(transport.pools) != 1 {
		t.Errorf("%q, %d pools", asked, len(transport.pools))
	}
	if _, connects := f.seen(); len(connects) != 1 {
		t.Errorf("%d connections", len(connects))
	}
}
