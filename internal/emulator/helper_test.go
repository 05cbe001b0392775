package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// testSeed has what the tests of this package need. "old" is seeded, so that
// nobody who pushes is its creator.
const testSeed = `{
  "tenants": [{"name": "contoso", "id": "11111111-2222-4333-8444-555555555555"}],
  "organizations": [
    {"name": "contoso", "tenant": "contoso", "projects": [
      {"name": "shop", "repositories": [
        {"name": "web", "files": {"README.md": "# Web\n", "src/app.txt": "hello\n"}},
        {"name": "shop", "files": {"a.txt": "short form\n"}},
        {"name": "hidden", "files": {"a.txt": "secret plans\n"}},
        {"name": "guarded", "files": {"a.txt": "a\n"}, "protected": ["refs/heads/main", "refs/heads/release/*"]},
        {"name": "off", "files": {"a.txt": "a\n"}, "disabled": true},
        {"name": "empty"}
      ]},
      {"name": "Two Words", "repositories": [{"name": "My Repo", "files": {"a.txt": "spaces\n"}}]}
    ]},
    {"name": "fabrikam", "tenant": "contoso", "projects": [{"name": "p", "repositories": [{"name": "r"}]}]},
    {"name": "personal", "projects": [{"name": "open", "visibility": "public", "repositories": [{"name": "lib", "files": {"a.txt": "public\n"}}]}]},
    {"name": "asleep", "tenant": "contoso", "stopped": "nobody used it"}
  ],
  "users": [
    {"upn": "ada@contoso.com", "displayName": "Ada", "access": [
      {"on": "contoso", "role": "contributor"},
      {"on": "contoso/shop/hidden"},
      {"on": "personal", "role": "contributor"}
    ]},
    {"upn": "rita@contoso.com", "access": [{"on": "contoso/shop", "role": "reader"}]},
    {"upn": "adam@contoso.com", "access": [{"on": "contoso", "role": "administrator", "allow": ["policyExempt"]}, {"on": "asleep", "role": "administrator"}]}
  ]
}`

// start runs an emulator of testSeed for one test.
func start(t *testing.T) *Emulator {
	t.Helper()
	seed, err := ParseSeed([]byte(testSeed))
	if err != nil {
		t.Fatal(err)
	}
	return startSeed(t, seed)
}

func startSeed(t *testing.T, seed Seed) *Emulator {
	t.Helper()
	e, err := New(Config{Seed: seed, Dir: filepath.Join(t.TempDir(), "emulator"), Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// mint makes a token of contoso or fails the test.
func mint(t *testing.T, e *Emulator, user, scope string) string {
	t.Helper()
	token, _, err := e.Mint(MintOptions{User: user, Organization: "contoso", Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// client is an HTTP client as any program would have through Env: the proxy
// and the authority. It does not follow redirects, so that tests see them.
func client(t *testing.T, e *Emulator) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(e.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("ca.pem holds no certificate")
	}
	proxy, err := url.Parse(e.ProxyURL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// gitIn runs git in dir against the emulator with a clean configuration and
// returns what it printed on both streams. token may be empty.
func gitIn(t *testing.T, e *Emulator, dir, token string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "git", args...)
	cmd.Dir = dir
	home := t.TempDir()
	config := "[user]\n\tname = Ada\n\temail = ada@contoso.com\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
	if token != "" {
		// A helper as other people's programs are one: git asks it after a 401.
		config += "[credential]\n\thelper = \"!f() { test \\\"$1\\\" = get && echo username=x && echo password=$TEST_PAT; }; f\"\n"
	}
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "TEST_PAT=" + token,
	}, e.Env()...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// mustGit is gitIn for commands that have to work.
func mustGit(t *testing.T, e *Emulator, dir, token string, args ...string) string {
	t.Helper()
	out, err := gitIn(t, e, dir, token, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// clone clones a URL and returns the work tree.
func clone(t *testing.T, e *Emulator, token, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "work")
	mustGit(t, e, filepath.Dir(dir), token, "clone", "-q", from, dir)
	return dir
}

// commit writes a file and commits it.
func commit(t *testing.T, e *Emulator, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	mustGit(t, e, dir, "", "add", name)
	mustGit(t, e, dir, "", "commit", "-q", "-m", "Change "+name)
}

// lockedBuffer is a buffer that the emulator writes while a test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
