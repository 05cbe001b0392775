package emulator

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

func TestPlanes(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]plane{
		"dev.azure.com":                  planeCore,
		"DEV.azure.com":                  planeCore,
		"contoso.visualstudio.com":       planeCore,
		"vssps.dev.azure.com":            planeIdentity,
		"app.vssps.visualstudio.com":     planeProfile,
		"contoso.vssps.visualstudio.com": planeIdentity,
		"login.microsoftonline.com":      planeEntra,
		"vsaex.dev.azure.com":            planeOther,
		"auditservice.dev.azure.com":     planeOther,
		"advsec.dev.azure.com":           planeOther,
		"visualstudio.com":               planeNone,
		".visualstudio.com":              planeNone,
		"a.b.visualstudio.com":           planeNone,
		"evildev.azure.com":              planeNone,
		"dev.azure.com.evil.example":     planeNone,
		"x.dev.azure.com":                planeNone,
		"dev.azure.com.":                 planeNone,
		"management.azure.com":           planeNone,
		"127.0.0.1":                      planeNone,
		"":                               planeNone,
	} {
		if got := planeOf(host); got != want {
			t.Errorf("%q: %d, want %d", host, got, want)
		}
	}
}

// raw sends one request line to the listener and returns the status line.
func raw(t *testing.T, e *Emulator, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", e.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestRefusedTargets(t *testing.T) {
	t.Parallel()
	e := start(t)
	for _, target := range []string{
		"example.com:443", "github.com:443", "127.0.0.1:443", "dev.azure.com:80", "dev.azure.com:8443",
		"dev.azure.com.evil.example:443", "x.y.visualstudio.com:443", "graph.microsoft.com:443",
	} {
		if got := raw(t, e, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n\r\n"); got != "HTTP/1.1 403 Forbidden" {
			t.Errorf("CONNECT %s: %s", target, got)
		}
	}
	for _, u := range []string{"http://example.com/", "http://dev.azure.com/contoso/_apis/connectionData"} {
		if got := raw(t, e, "GET "+u+" HTTP/1.1\r\nHost: example.com\r\n\r\n"); got != "HTTP/1.1 403 Forbidden" {
			t.Errorf("GET %s: %s", u, got)
		}
	}
	out, err := gitIn(t, e, t.TempDir(), "", "ls-remote", "https://github.com/git/git")
	if err == nil || !strings.Contains(out, "403") {
		t.Errorf("git: %v\n%s", err, out)
	}
	if n := len(e.Requests()); n != 0 {
		t.Errorf("%d requests reached the service", n)
	}
}

// Another name in the handshake than in CONNECT, or in the Host header.
func TestNameMustMatchTunnel(t *testing.T) {
	t.Parallel()
	e := start(t)
	proxy, _ := url.Parse(e.ProxyURL())
	c := client(t, e)
	transport, _ := c.Transport.(*http.Transport)
	other := transport.Clone()
	other.Proxy = http.ProxyURL(proxy)
	other.TLSClientConfig.ServerName = "contoso.visualstudio.com"
	defer other.CloseIdleConnections()
	if res, err := (&http.Client{Transport: other}).Get(connection); err == nil {
		res.Body.Close()
		t.Error("a certificate for another name than the tunnel's")
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, connection, nil)
	r.Host = "login.microsoftonline.com"
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("status %d", res.StatusCode)
	}
}

// The authority must be worth nothing for other names, even to somebody who
// has its key, and nothing after a day.
func TestAuthorityIsConstrained(t *testing.T) {
	t.Parallel()
	ca, err := newAuthority(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	verify := func(host string, at time.Time) error {
		leaf, err := ca.leaf(host)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(leaf.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		_, err = cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: at})
		return err
	}
	for _, host := range []string{"dev.azure.com", "vssps.dev.azure.com", "contoso.visualstudio.com", "app.vssps.visualstudio.com", "login.microsoftonline.com"} {
		if err := verify(host, time.Now()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"evil.example", "azure.com", "microsoftonline.com", "evildev.azure.com"} {
		if err := verify(host, time.Now()); err == nil {
			t.Errorf("%s verifies", host)
		}
	}
	if err := verify("dev.azure.com", time.Now().Add(25*time.Hour)); err == nil {
		t.Error("valid after 25 hours")
	}
	if !ca.cert.PermittedDNSDomainsCritical || !ca.cert.MaxPathLenZero || ca.cert.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("%+v", ca.cert)
	}
	if len(ca.cert.ExcludedIPRanges) != 2 {
		t.Error("an address could be certified")
	}
}

// ca.pem is public; the key must be nowhere.
func TestCAFileHasNoKey(t *testing.T) {
	t.Parallel()
	e := start(t)
	data, err := os.ReadFile(e.CAFile())
	if err != nil || strings.Count(string(data), "-----BEGIN ") != 1 || !strings.Contains(string(data), "BEGIN CERTIFICATE") {
		t.Errorf("%v %s", err, data)
	}
}

func TestListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "[::]:0", "127.0.0.1"} {
		e, err := New(Config{Dir: t.TempDir(), Clock: time.Now, Listen: address})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(); err == nil {
			t.Errorf("listens on %s", address)
			_ = e.Close()
		}
	}
}

// A tunnel in which nobody speaks, or nobody speaks TLS, must not last.
func TestSilentTunnelEndsWithClose(t *testing.T) {
	t.Parallel()
	e := start(t)
	conn, err := net.Dial("tcp", e.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "CONNECT dev.azure.com:443 HTTP/1.1\r\nHost: dev.azure.com:443\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q %v", line, err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && os.IsTimeout(err) {
		t.Error("the tunnel is still open")
	}
}

// What the client sends before it has seen the answer is not lost.
func TestEarlyHandshake(t *testing.T) {
	t.Parallel()
	e := start(t)
	conn, err := net.Dial("tcp", e.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	early := &earlyConn{Conn: conn, reader: bufio.NewReader(conn), first: "CONNECT dev.azure.com:443 HTTP/1.1\r\nHost: dev.azure.com:443\r\n\r\n"}
	roots := x509.NewCertPool()
	roots.AddCert(e.ca.cert)
	if err := tls.Client(early, &tls.Config{ServerName: "dev.azure.com", RootCAs: roots}).Handshake(); err != nil {
		t.Error(err)
	}
}

// earlyConn writes the CONNECT request and the first TLS record at once, and
// skips the proxy's answer when it reads.
type earlyConn struct {
	net.Conn
	reader  *bufio.Reader
	first   string
	skipped bool
}

func (c *earlyConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(append([]byte(c.first), p...))
	n -= len(c.first)
	c.first = ""
	return n, err
}

func (c *earlyConn) Read(p []byte) (int, error) {
	for !c.skipped {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return 0, err
		}
		c.skipped = line == "\r\n"
	}
	return c.reader.Read(p)
}
