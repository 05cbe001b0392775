package emulator

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

// listenLoopback listens on address, which must be a loopback one: the
// emulator signs anybody in who may reach it.
func listenLoopback(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !ap.Addr().IsLoopback() {
		return nil, fmt.Errorf("listen address %q: use 127.0.0.1:PORT or [::1]:PORT, with port 0 for any", address)
	}
	return net.Listen("tcp", address)
}

// newServer is an http.Server whose requests end with ctx. Errors of single
// connections are the client's business and are not printed.
func newServer(ctx context.Context, handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
}

// hostKey is the context key of the host that a tunnel leads to.
type hostKey struct{}

// withHost puts the host of a tunnel into the context of its requests.
func withHost(ctx context.Context, c net.Conn) context.Context {
	host := ""
	if t, ok := c.(*tls.Conn); ok {
		if tunnel, ok := t.NetConn().(*tunnelConn); ok {
			host = tunnel.host
		}
	}
	return context.WithValue(ctx, hostKey{}, host)
}

// serveOuter answers what arrives in the clear: CONNECT for the proxy, and
// the control calls. Anything else would be a plain http URL sent to a proxy.
func (e *Emulator) serveOuter(w http.ResponseWriter, r *http.Request) {
	if !e.running.begin() {
		panic(http.ErrAbortHandler)
	}
	defer e.running.end()
	switch {
	case r.Method == http.MethodConnect:
		e.tunnels.serveConnect(w, r)
	case r.URL.Host == "" && strings.HasPrefix(r.URL.Path, controlPrefix):
		e.serveControl(w, r)
	default:
		http.Error(w, "azdo-emulator: use this address as HTTPS_PROXY; see "+controlPrefix+"state", http.StatusForbidden)
	}
}

// serveInner answers a request of a tunnel: log, faults, then the service.
func (e *Emulator) serveInner(w http.ResponseWriter, r *http.Request) {
	if !e.running.begin() {
		panic(http.ErrAbortHandler)
	}
	defer e.running.end()
	host, _ := r.Context().Value(hostKey{}).(string)
	rec := &recorder{ResponseWriter: w, entry: Request{Time: e.Now(), Method: r.Method, Host: host, Path: loggedPath(r), Credential: CredentialNone}}
	defer e.log.add(rec)
	rec.Header().Set("Date", e.Now().UTC().Format(http.TimeFormat)) // clients learn from it how wrong theirs is
	if name, _, _ := strings.Cut(r.Host, ":"); !strings.EqualFold(name, host) {
		http.Error(rec, "azdo-emulator: host "+r.Host+" in a tunnel to "+host, http.StatusMisdirectedRequest)
		return
	}
	if fault, ok := e.faults.take(rec.entry); ok {
		rec.entry.Fault = fault.ID
		e.serveFault(rec, r, fault)
		return
	}
	e.serveService(rec, r)
}

// ProxyURL is what HTTPS_PROXY is set to. It is known after Start.
func (e *Emulator) ProxyURL() string { return "http://" + e.listener.Addr().String() }

// CAFile is the certificate of the authority, in PEM.
func (e *Emulator) CAFile() string { return filepath.Join(e.config.Dir, "ca.pem") }

// Env is what the environment of a client needs so that unmodified programs
// talk to the emulator: git, Go, curl, Python and Node each read their own
// name for the authority. An inherited exception for the service's hosts is
// cleared, or the client would reach the real one.
func (e *Emulator) Env() []string {
	env := []string{
		"AZDO_EMULATOR=" + e.ProxyURL(),
		"HTTPS_PROXY=" + e.ProxyURL(),
		"https_proxy=" + e.ProxyURL(),
		"NO_PROXY=127.0.0.1,localhost,::1",
		"no_proxy=127.0.0.1,localhost,::1",
		"GIT_SSL_CAINFO=" + e.CAFile(),
		"SSL_CERT_FILE=" + e.CAFile(),
		"CURL_CA_BUNDLE=" + e.CAFile(),
		"REQUESTS_CA_BUNDLE=" + e.CAFile(),
		"NODE_EXTRA_CA_CERTS=" + e.CAFile(),
	}
	if e.ssh != nil {
		env = append(env, "AZDO_EMULATOR_SSH_CONFIG="+e.SSHConfigFile(),
			"GIT_SSH_COMMAND=ssh -F '"+strings.ReplaceAll(e.SSHConfigFile(), "'", `'\''`)+"'")
	}
	return env
}
