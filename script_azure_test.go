//go:build linux

package patrol_test

import (
	"crypto/subtle"
	"encoding/pem"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gitpatrol/patrol/internal/emulator"
)

// scriptSeed is the Azure DevOps of scripts that bring none of their own.
const scriptSeed = `{
  "tenants": [{"name": "contoso", "id": "6f9d3a52-41c8-4b7e-9d55-0c1f2a3b4c5d"}],
  "organizations": [
    {"name": "contoso", "tenant": "contoso", "projects": [
      {"name": "shop", "repositories": [
        {"name": "web", "files": {"README.md": "# Web\n"}},
        {"name": "shop", "files": {"README.md": "# The short form\n"}},
        {"name": "core", "files": {"README.md": "# Core\n"}}
      ]},
      {"name": "Internal Tools", "repositories": [{"name": "Build Scripts", "files": {"build.sh": "echo build\n"}}]}
    ]},
    {"name": "fabrikam", "tenant": "contoso", "projects": [
      {"name": "loans", "repositories": [{"name": "ledger", "files": {"README.md": "# Ledger\n"}}]}
    ]},
    {"name": "asleep", "stopped": "nobody used it"}
  ],
  "users": [
    {"upn": "ada@contoso.com", "displayName": "Ada", "access": [
      {"on": "contoso", "role": "contributor"}, {"on": "fabrikam", "role": "contributor"}]},
    {"upn": "ben@contoso.com", "displayName": "Ben", "access": [{"on": "contoso", "role": "contributor"}]}
  ]
}`

func cmdEmulator(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	withSSH := len(args) > 0 && args[0] == "-ssh"
	if withSSH {
		args = args[1:]
	}
	need(ts, !neg && len(args) <= 1 && s.emulator == nil, "emulator [-ssh] [SEED], once")
	text := scriptSeed
	switch {
	case len(args) == 1 && args[0] == "example":
		text = emulator.ExampleSeed
	case len(args) == 1:
		text = ts.ReadFile(args[0])
	}
	seed, err := emulator.ParseSeed([]byte(text))
	ts.Check(err)
	e, err := emulator.New(emulator.Config{Seed: seed, Dir: filepath.Join(s.work, ".emulator"), Clock: time.Now, SSH: withSSH})
	ts.Check(err)
	ts.Check(e.Start())
	ts.Defer(func() { _ = e.Close() })
	s.emulator = e
	e.Advance(s.offset)
	for _, kv := range e.Env() {
		name, value, _ := strings.Cut(kv, "=")
		ts.Setenv(name, value)
	}
	if withSSH {
		sshHome(ts, e)
	}
	ca, err := os.ReadFile(e.CAFile())
	ts.Check(err)
	s.trust(ts, ca)
}

// sshHome is a person's ~/.ssh, with a configuration that leads to the
// emulator. ssh looks for it in the home directory of the user database, so
// Git has to name it.
func sshHome(ts *testscript.TestScript, e *emulator.Emulator) {
	dir := filepath.Join(ts.Getenv("HOME"), ".ssh")
	ts.Check(os.MkdirAll(dir, 0o700))
	config := filepath.Join(dir, "config")
	ts.Check(os.WriteFile(config, []byte("Include "+e.SSHConfigFile()+"\n"), 0o600))
	ts.Setenv("GIT_SSH_COMMAND", "ssh -F "+config)
	known, err := os.ReadFile(e.SSHKnownHostsFile())
	ts.Check(err)
	_, key, _ := strings.Cut(strings.TrimSpace(string(known)), " ")
	ts.Setenv("HOSTKEY", key)
}

// trust makes Git and patrol believe in one more authority.
func (s *script) trust(ts *testscript.TestScript, certificate []byte) {
	s.bundle = append(s.bundle, certificate...)
	file := filepath.Join(s.work, ".ca.pem")
	ts.Check(os.WriteFile(file, s.bundle, 0o600))
	ts.Setenv("GIT_SSL_CAINFO", file)
	ts.Setenv("SSL_CERT_FILE", file)
}

func cmdMint(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	need(ts, !neg && len(args) > 0, "mint NAME [user=UPN] [org=ORG] [scope=SCOPES] [life=7d] [format=new|classic] [global=yes]")
	need(ts, s.emulator != nil, "emulator, and then mint")
	o := options(ts, args[1:], map[string]string{"user": "ada@contoso.com", "org": "contoso", "scope": "vso.code_write", "life": "", "format": "", "global": ""})
	options := emulator.MintOptions{
		User: o["user"], Organization: o["org"], Scope: strings.ReplaceAll(o["scope"], ",", " "), Name: args[0],
		Life: duration(ts, o["life"]), Format: emulator.Format(o["format"]), Global: o["global"] != "",
	}
	if options.Global {
		options.Organization = ""
	}
	token, pat, err := s.emulator.Mint(options)
	ts.Check(err)
	s.pats[args[0]] = pat.ID
	ts.Check(s.canaries.add(args[0], token))
}

func cmdRevoke(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if len(args) == 1 && args[0] == "-all" && s.emulator != nil {
		s.emulator.RevokeAll()
		return
	}
	need(ts, !neg && len(args) == 1 && s.emulator != nil && s.pats[args[0]] != "", "revoke -all, or revoke NAME, of a token that mint made")
	ts.Check(s.emulator.Revoke(s.pats[args[0]]))
}

func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	need(ts, !neg && len(args) > 0 && s.emulator != nil, "fault KIND [host=] [path=] [method=] [skip=] [count=] [retryafter=] [delay=], or fault clear")
	if args[0] == "clear" {
		s.emulator.ClearFaults()
		return
	}
	o := options(ts, args[1:], map[string]string{"host": "", "path": "", "method": "", "skip": "", "count": "", "retryafter": "", "delay": ""})
	_, err := s.emulator.AddFault(emulator.Fault{
		Kind: emulator.FaultKind(args[0]), Host: o["host"], Path: o["path"], Method: o["method"],
		Skip: number(ts, o["skip"]), Count: number(ts, o["count"]), RetryAfter: number(ts, o["retryafter"]), Delay: duration(ts, o["delay"]),
	})
	ts.Check(err)
}

// cmdGitHost serves a repository from an https host that is no Azure Repos,
// to one user with one password, and exports its address.
func cmdGitHost(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	need(ts, !neg && len(args) == 3, "githost VARIABLE USER SECRET")
	password, ok := s.canaries.get(args[2])
	need(ts, ok, "secret NAME, and then githost")
	root := filepath.Join(s.work, ".githost-"+args[0])
	for _, words := range [][]string{
		{"init", "-q", "--bare", "-b", "main", root + "/lib.git"},
		{"-C", root + "/lib.git", "config", "http.receivepack", "true"},
	} {
		ts.Check(exec.Command("git", words...).Run())
	}
	gitPath, err := exec.LookPath("git")
	ts.Check(err)
	backend := &cgi.Handler{
		Path: gitPath, Args: []string{"http-backend"}, Dir: root,
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + root},
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, given, _ := r.BasicAuth()
		if user != args[1] || subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 0 {
			w.Header().Set("WWW-Authenticate", `Basic realm="code"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		r.Header.Del("Authorization") // not for children
		backend.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	s.trust(ts, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	ts.Setenv(args[0], server.URL)
	ts.Setenv(args[0]+"_HOST", strings.TrimPrefix(server.URL, "https://"))
}
