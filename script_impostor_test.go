//go:build linux

package patrol_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// impostor is a proxy that stands where the company's should, or where an
// attacker does.
type impostor struct {
	kind     string
	listener net.Listener
	password string // of the proxy itself, with its user and a colon before it
	upstream string // whom the honest kind forwards to
	server   *tls.Config

	serving sync.WaitGroup
	mu      sync.Mutex
	conns   []net.Conn
	heard   syncBuffer // what came through TLS
}

// Kinds of impostors.
const (
	kindUnknown  = "unknownca" // ends TLS with a certificate nobody trusts
	kindName     = "wrongname" // with one for another host
	kindExpired  = "expired"   // with one of yesterday
	kindRefuses  = "407"       // wants a password
	kindForbids  = "403"       // does not let anybody through
	kindSilent   = "silent"    // opens the tunnel and says nothing more
	kindDown     = "down"      // nobody listens
	kindPassword = "password"  // lets those through who have its password
)

// cmdImpostor starts a proxy and exports its address.
func cmdImpostor(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && (len(args) == 2 || len(args) == 3 && args[0] == kindPassword), "impostor KIND VARIABLE, or impostor password VARIABLE SECRET")
	s := of(ts)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	p := &impostor{kind: args[0], listener: listener}
	if s.bad.impostors == nil {
		s.bad.impostors = map[string]*impostor{}
	}
	s.bad.impostors[args[1]] = p
	ts.Setenv(args[1], listener.Addr().String())
	switch p.kind {
	case kindDown:
		ts.Check(listener.Close())
		return
	case kindUnknown, kindName, kindExpired:
		p.disguise(ts)
	case kindPassword:
		secret, ok := s.canaries.get(args[2])
		need(ts, ok && s.emulator != nil, "secret NAME, emulator, and then impostor password VARIABLE NAME")
		p.password, p.upstream = "ada:"+secret, strings.TrimPrefix(ts.Getenv("HTTPS_PROXY"), "http://")
	case kindRefuses, kindForbids, kindSilent:
	default:
		ts.Fatalf("impostor: no kind %q", p.kind)
	}
	p.serving.Go(p.serve)
	ts.Defer(p.close)
}

// cmdHeard prints what an impostor could read.
func cmdHeard(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1 && of(ts).bad.impostors[args[0]] != nil, "heard VARIABLE, of an impostor")
	_, _ = io.WriteString(ts.Stdout(), of(ts).bad.impostors[args[0]].heard.String())
}

// disguise makes a certificate that is wrong in the way of p.kind. But for the
// unknown kind, its authority is trusted.
func (p *impostor) disguise(ts *testscript.TestScript) {
	name, until := "dev.azure.com", time.Now().Add(time.Hour)
	switch p.kind {
	case kindName:
		name = "dev.azure.example"
	case kindExpired:
		until = time.Now().Add(-time.Hour)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Impostor"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: ca.NotBefore, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	authority, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	ts.Check(err)
	certificate, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	ts.Check(err)
	p.server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate, authority}, PrivateKey: key}}}
	if p.kind != kindUnknown {
		of(ts).trust(ts, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority}))
	}
}

func (p *impostor) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns = append(p.conns, conn)
		p.mu.Unlock()
		p.serving.Go(func() { p.tunnel(conn) })
	}
}

func (p *impostor) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}

// tunnel answers one CONNECT.
func (p *impostor) tunnel(conn net.Conn) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || r.Method != http.MethodConnect {
		return
	}
	switch {
	case p.kind == kindForbids:
		_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
		return
	case p.kind == kindRefuses, p.kind == kindPassword && !p.knows(r):
		// A real one may quote what it was given.
		fmt.Fprintf(conn, "HTTP/1.1 407 Who are you, %s?\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
			r.Header.Get("Proxy-Authorization"))
		return
	case p.kind == kindPassword:
		p.forward(conn, r.Host)
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	if p.kind == kindSilent {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	p.pretend(tls.Server(conn, p.server))
}

func (p *impostor) knows(r *http.Request) bool {
	return r.Header.Get("Proxy-Authorization") == "Basic "+base64.StdEncoding.EncodeToString([]byte(p.password))
}

// forward is what an honest proxy does, by way of the emulator's.
func (p *impostor) forward(conn net.Conn, host string) {
	up, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	defer up.Close()
	fmt.Fprintf(up, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", host, host)
	p.mu.Lock()
	p.conns = append(p.conns, up)
	p.mu.Unlock()
	p.serving.Go(func() {
		_, _ = io.Copy(up, conn)
		_ = up.Close()
	})
	_, _ = io.Copy(conn, up)
}

// pretend is Azure DevOps to whoever believes the certificate.
func (p *impostor) pretend(conn *tls.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &p.heard)))
	if err != nil {
		return
	}
	_ = r.Body.Close()
	const body = `{"authenticatedUser":{"id":"11111111-2222-3333-4444-555555555555","properties":{"Account":{"$value":"ada@contoso.com"}}},
"instanceId":"11111111-2222-3333-4444-555555555555"}`
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	_ = conn.Close()
}
