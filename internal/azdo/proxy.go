package azdo

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
)

// proxyFor chooses the proxy for a URL as Git and curl do: Git's configuration,
// else the environment, and no_proxy has a say in both. nil means none.
func proxyFor(u *url.URL, s Settings, env []string) (*url.URL, error) {
	if local(u.Hostname()) {
		return nil, nil
	}
	value := s.Proxy
	if !s.ProxySet {
		value = envProxy(u.Scheme, env)
	}
	if value == "" || noProxy(u.Hostname(), env) {
		return nil, nil
	}
	return parseProxy(value)
}

// local reports whether host is this machine or link-local: neither the
// browser's way back to us nor a cloud's metadata service (169.254.169.254,
// fe80::) is a stranger's business.
func local(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast()
}

// envProxy follows Git's http.c: the lower-case variable wins, HTTP_PROXY in
// upper case does not exist (a CGI program gets it from the request), ALL_PROXY
// comes last. A variable that is set to nothing means no proxy.
func envProxy(scheme string, env []string) string {
	names := []string{"http_proxy"}
	if scheme == "https" {
		names = []string{"https_proxy", "HTTPS_PROXY"}
	}
	for _, name := range append(names, "all_proxy", "ALL_PROXY") {
		if v, ok := lookupEnv(env, name); ok {
			return v
		}
	}
	return ""
}

func lookupEnv(env []string, name string) (string, bool) {
	for _, kv := range env {
		k, v, ok := strings.Cut(kv, "=")
		if ok && (k == name || runtime.GOOS == "windows" && strings.EqualFold(k, name)) {
			return v, true
		}
	}
	return "", false
}

// parseProxy reads the proxy's URL, with http:// as the default, and fills in
// curl's default port. The error shows no part of the value: it may be a
// password.
func parseProxy(value string) (*url.URL, error) {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return nil, proxyError("its address cannot be read")
	}
	port := "1080"
	switch u.Scheme {
	case "https":
		port = "443"
	case "http", "socks5", "socks5h":
	default:
		return nil, proxyError("its kind is not supported (http, https, socks5 and socks5h are)")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment = "", "", "", ""
	return u, nil
}

// proxyFailure is an error on the way to or at the proxy.
type proxyFailure struct {
	status int // the proxy's answer to CONNECT, 0 if none
	err    error
}

func proxyError(text string) error { return &proxyFailure{err: errors.New(text)} }

// Error implements error.
func (e *proxyFailure) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *proxyFailure) Unwrap() error { return e.err }

// connectAnswer turns the proxy's refusal into an error with its status. What
// the proxy says beyond that is not shown: it may quote the password.
func connectAnswer(reply *http.Response) error {
	switch reply.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return &proxyFailure{reply.StatusCode, errors.New("it wants a user name and password: put them in http.proxy")}
	}
	return &proxyFailure{reply.StatusCode, fmt.Errorf("it answered %d to CONNECT", reply.StatusCode)}
}
