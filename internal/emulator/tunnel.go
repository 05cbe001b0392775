package emulator

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tunnels is a net.Listener fed by CONNECT requests: each accepted one becomes
// a TLS connection of the named host, which an ordinary http.Server serves.
type tunnels struct {
	ca     *authority
	conns  chan net.Conn
	done   chan struct{}
	closed sync.Once
	addr   net.Addr
}

// newTunnels makes a listener that reports addr as its own.
func newTunnels(ca *authority, addr net.Addr) *tunnels {
	return &tunnels{ca: ca, conns: make(chan net.Conn), done: make(chan struct{}), addr: addr}
}

// Accept implements net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (t *tunnels) Close() error {
	t.closed.Do(func() { close(t.done) })
	return nil
}

// Addr implements net.Listener.
func (t *tunnels) Addr() net.Addr { return t.addr }

// serveConnect answers one CONNECT request. Hosts outside the emulated ones
// are refused, so that a client which would leave the emulator fails at once
// instead of reaching the network.
func (t *tunnels) serveConnect(w http.ResponseWriter, r *http.Request) {
	host, ok := connectHost(r.Host)
	if !ok {
		http.Error(w, "azdo-emulator: "+r.Host+" is not emulated, and nothing is forwarded", http.StatusForbidden)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "azdo-emulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		conn.Close()
		return
	}
	raw := &tunnelConn{Conn: conn, early: buffered.Reader, host: host}
	select {
	case t.conns <- tls.Server(raw, t.config(host)):
	case <-t.done:
		conn.Close()
	}
}

// config ends TLS for exactly the host of the CONNECT request: another name
// in the handshake gets no certificate.
func (t *tunnels) config(host string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if !strings.EqualFold(hello.ServerName, host) { // older clients send it as the URL has it
				return nil, net.InvalidAddrError("server name " + hello.ServerName + " in a tunnel to " + host)
			}
			return t.ca.leaf(host)
		},
	}
}

// tunnelConn remembers the host of its CONNECT request, and hands out first
// what the client sent before it saw the answer.
type tunnelConn struct {
	net.Conn
	early *bufio.Reader
	host  string
}

// Read implements net.Conn.
func (c *tunnelConn) Read(p []byte) (int, error) {
	if c.early != nil && c.early.Buffered() > 0 {
		return c.early.Read(p)
	}
	c.early = nil
	return c.Conn.Read(p)
}
