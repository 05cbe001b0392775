package azdo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Settings is what Git's configuration says about reaching one URL; package
// git's HTTPSettings has the same fields.
type Settings struct {
	// ProxySet says that http.proxy has a value, be it empty (no proxy).
	// Otherwise the environment decides. Proxy may hold a user and password.
	ProxySet bool
	Proxy    string
	// CAFile (http.sslCAInfo) replaces the system's certificates, CAPath
	// (http.sslCAPath) adds to them.
	CAFile, CAPath string
}

// String leaves the proxy out.
func (s Settings) String() string {
	return fmt.Sprintf("proxy set: %t, CA file: %q, CA path: %q", s.ProxySet, s.CAFile, s.CAPath)
}

// GoString keeps %#v from printing the proxy.
func (s Settings) GoString() string { return s.String() }

// TransportConfig says where connections go.
type TransportConfig struct {
	// Settings returns Git's settings for a URL. nil: there are none.
	Settings func(rawURL string) (Settings, error)
	// Environ is searched for the proxy variables.
	Environ []string
}

const (
	dialTime   = 5 * time.Second
	tlsTime    = 5 * time.Second
	headerTime = 9 * time.Second
	maxHeader  = 256 << 10 // bytes
)

// Transport is an http.RoundTripper that obeys Git's proxy and certificate
// settings, URL by URL, and never connects without checking the certificate:
// http.sslVerify and GIT_SSL_NO_VERIFY have no counterpart here. It sends no
// request in clear text, except to this machine. Close idle connections after
// use.
type Transport struct {
	config TransportConfig
	mu     sync.Mutex
	pools  map[Settings]*http.Transport
}

// NewTransport returns a Transport. It connects to nothing yet.
func NewTransport(config TransportConfig) *Transport {
	return &Transport{config: config, pools: map[Settings]*http.Transport{}}
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !local(req.URL.Hostname()) {
		return nil, errors.New("refusing to send a request that is not https")
	}
	pool, err := t.pool(req.URL)
	if err != nil {
		return nil, err
	}
	return pool.RoundTrip(req)
}

// CloseIdleConnections closes what is kept open for a next request.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.pools {
		p.CloseIdleConnections()
	}
}

// pool returns the connections that share the settings of u.
func (t *Transport) pool(u *url.URL) (*http.Transport, error) {
	var s Settings
	if t.config.Settings != nil {
		var err error
		if s, err = t.config.Settings(u.String()); err != nil {
			return nil, fmt.Errorf("git configuration: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.pools[s]; p != nil {
		return p, nil
	}
	certificates, err := roots(s)
	if err != nil {
		return nil, &caFailure{err}
	}
	p := newPool(s, t.config.Environ)
	p.TLSClientConfig = &tls.Config{RootCAs: certificates, MinVersion: tls.VersionTLS12}
	t.pools[s] = p
	return p, nil
}

// newPool is HTTP/1.1 only: patrol makes a few requests per run, and the rest of
// HTTP/2 is only more for a hostile server to play with.
func newPool(s Settings, env []string) *http.Transport {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy: func(req *http.Request) (*url.URL, error) { return proxyFor(req.URL, s, env) },
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, reply *http.Response) error {
			return connectAnswer(reply)
		},
		DialContext:            (&net.Dialer{Timeout: dialTime}).DialContext,
		TLSHandshakeTimeout:    tlsTime,
		ResponseHeaderTimeout:  headerTime,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		Protocols:              &http1,
	}
}

// caFailure is a certificate file of the configuration that cannot be used.
type caFailure struct{ err error }

// Error implements error.
func (e *caFailure) Error() string { return "certificates of the configuration: " + e.err.Error() }

// Unwrap returns the cause.
func (e *caFailure) Unwrap() error { return e.err }
