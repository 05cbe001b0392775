package git

import (
	"fmt"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
)

// HTTPSettings is what Git would use to reach one URL, as far as patrol follows
// it. It is comparable, so that equal settings can share a connection pool.
type HTTPSettings struct {
	// ProxySet says that http.proxy has a value for the URL; then an empty
	// Proxy means a direct connection. Otherwise the environment decides.
	// Proxy may hold a password.
	ProxySet bool
	Proxy    string
	// CAFile and CAPath are http.sslCAInfo and http.sslCAPath, or their
	// variables GIT_SSL_CAINFO and GIT_SSL_CAPATH; "" means the system's.
	CAFile, CAPath string
}

// String leaves the proxy out.
func (s HTTPSettings) String() string {
	return fmt.Sprintf("proxy set: %t, CA file: %q, CA path: %q", s.ProxySet, s.CAFile, s.CAPath)
}

// GoString keeps %#v from printing the proxy.
func (s HTTPSettings) GoString() string { return s.String() }

// HTTPSettings collects what Git would use for rawURL, with the environment's
// overrides. http.sslVerify and GIT_SSL_NO_VERIFY are deliberately not among
// it: a sign-in over an unverified connection gives the account away.
func (c *Config) HTTPSettings(rawURL string, env []string) (HTTPSettings, error) {
	var s HTTPSettings
	if e, ok := c.HTTP(rawURL, "proxy"); ok {
		s.ProxySet, s.Proxy = true, e.Value
	}
	var err error
	if s.CAPath, err = c.caPath(rawURL, "sslCAPath", "GIT_SSL_CAPATH", env); err != nil {
		return HTTPSettings{}, err
	}
	if c.ignoresCAInfo(rawURL) {
		return s, nil
	}
	s.CAFile, err = c.caPath(rawURL, "sslCAInfo", "GIT_SSL_CAINFO", env)
	return s, err
}

func (c *Config) caPath(rawURL, name, variable string, env []string) (string, error) {
	if v, _ := lookupEnv(env, variable); v != "" {
		return v, nil
	}
	e, ok := c.HTTP(rawURL, name)
	if !ok || e.Value == "" {
		return "", nil
	}
	return e.Path(env)
}

// ignoresCAInfo is true where Git uses Windows' own TLS, which by default does
// not look at http.sslCAInfo: Git for Windows ships that key pointing to its
// bundle even then, and the bundle lacks a company's own root.
func (c *Config) ignoresCAInfo(rawURL string) bool {
	backend, _ := c.HTTP(rawURL, "sslBackend")
	if backend.Value != "schannel" {
		return false
	}
	use, ok := c.HTTP(rawURL, "schannelUseSSLCAInfo")
	on, err := use.Bool()
	return !ok || err != nil || !on
}

// Path reads the value as a path name, as Git does: ~/ and ~user/ are home
// directories. %(prefix)/ is where Git is installed, which only Git knows, and
// therefore an error.
// See https://git-scm.com/docs/git-config#Documentation/git-config.txt-pathname
func (e Entry) Path(env []string) (string, error) {
	v := e.Value
	if runtime.GOOS == "windows" && (strings.HasPrefix(v, `\\`) || strings.HasPrefix(v, "//")) {
		return "", fmt.Errorf("%s names another machine's file", e)
	}
	if strings.HasPrefix(v, "%(prefix)/") {
		return "", fmt.Errorf("%s is relative to Git's own directory: write it as an absolute path", e)
	}
	if !strings.HasPrefix(v, "~") {
		return v, nil
	}
	name, rest, _ := strings.Cut(v[1:], "/")
	home := homeDir(env)
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return "", fmt.Errorf("%s: %w", e, err)
		}
		home = u.HomeDir
	}
	if home == "" {
		return "", fmt.Errorf("%s needs HOME", e)
	}
	return filepath.Join(home, rest), nil
}
