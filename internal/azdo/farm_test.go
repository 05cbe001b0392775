package azdo

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// canary is the secret in every test. It must not be in any error.
const canary = "c4nary-s3cret"

// authority is a throw-away certificate authority.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, file}
}

// leaf signs a certificate for host; edit may spoil it.
func (a *authority) leaf(t *testing.T, host string, edit func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// farm is dev.azure.com and vssps.dev.azure.com, played by a test server behind a real CONNECT proxy,
// which is the only way the client gets there: production code has no hook.
type farm struct {
	t     *testing.T
	ca    *authority
	site  *httptest.Server
	proxy *httptest.Server

	mu       sync.Mutex
	requests []*http.Request // that reached the site
	connects []*http.Request // that reached the proxy
	refuse   int             // the proxy's answer instead of a tunnel
	target   string          // where tunnels end
}

// newFarm serves dev.azure.com with handler; edit may spoil its certificate and
// its TLS settings.
func newFarm(t *testing.T, handler http.HandlerFunc, edit func(*tls.Config, *authority)) *farm {
	t.Helper()
	f := &farm{t: t, ca: newAuthority(t)}
	quiet := log.New(io.Discard, "", 0)
	f.site = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.Clone(context.Background()))
		f.mu.Unlock()
		handler(w, r)
	}))
	f.site.Config.ErrorLog = quiet
	both := func(x *x509.Certificate) { x.DNSNames = append(x.DNSNames, "vssps.dev.azure.com") }
	f.site.TLS = &tls.Config{Certificates: []tls.Certificate{f.ca.leaf(t, "dev.azure.com", both)}}
	if edit != nil {
		edit(f.site.TLS, f.ca)
	}
	f.site.StartTLS()
	f.target = f.site.Listener.Addr().String()
	f.proxy = httptest.NewUnstartedServer(http.HandlerFunc(f.tunnel))
	f.proxy.Config.ErrorLog = quiet
	f.proxy.Start()
	t.Cleanup(func() {
		f.proxy.Close()
		f.site.CloseClientConnections()
		f.site.Close()
	})
	return f
}

// tunnel joins whatever was asked for to the site.
func (f *farm) tunnel(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.connects = append(f.connects, r.Clone(context.Background()))
	refuse, target := f.refuse, f.target
	f.mu.Unlock()
	if r.Method != http.MethodConnect || refuse != 0 {
		if refuse == 0 {
			refuse = http.StatusBadRequest
		}
		http.Error(w, "refused by policy for "+r.Header.Get("Proxy-Authorization"), refuse)
		return
	}
	site, err := net.Dial("tcp", target)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	client, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		_ = site.Close()
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go pipe(site, buffered.Reader, client)
	go pipe(client, bufio.NewReader(site), site)
}

func pipe(to net.Conn, from *bufio.Reader, source net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = source.Close()
}

func (f *farm) settings() Settings {
	return Settings{ProxySet: true, Proxy: f.proxy.URL, CAFile: f.ca.file}
}

// client makes a client with the given settings for every URL.
func (f *farm) client(s Settings, timeout time.Duration, env ...string) *Client {
	f.t.Helper()
	transport := NewTransport(TransportConfig{Settings: func(string) (Settings, error) { return s, nil }, Environ: env})
	f.t.Cleanup(transport.CloseIdleConnections)
	return New(Config{Version: "1.2.3", Transport: transport, Timeout: timeout, Now: func() time.Time { return testNow }})
}

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// connection asks through the farm with the canary as the token.
func (f *farm) connection() (Connection, error) {
	f.t.Helper()
	return f.client(f.settings(), 0).Connection(context.Background(), "contoso", PAT(cred.NewSecret(canary)))
}

func (f *farm) seen() (requests, connects []*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests, f.connects
}
