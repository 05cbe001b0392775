package command

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/emulator"
)

// buffer is written by a command while the test reads it.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// run runs one command line with the variables of env.
func run(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs buffer
	p := Program{Stdout: &out, Stderr: &errs, Getenv: func(name string) string { return env[name] }, Now: time.Now}
	code = p.Main(t.Context(), args)
	return code, out.String(), errs.String()
}

// running serves the example seed and returns the variables of its env file.
func running(t *testing.T, args ...string) (env map[string]string, stop func() (int, string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "emulator.env")
	var out, errs buffer
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	p := Program{Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }, Now: time.Now}
	go func() { done <- p.Main(ctx, append([]string{"serve", "--env-file", file}, args...)) }()
	var once sync.Once
	code := -1
	stop = func() (int, string) {
		once.Do(func() { cancel(); code = <-done })
		return code, out.String() + errs.String()
	}
	t.Cleanup(func() { stop() })
	for {
		data, err := os.ReadFile(file)
		if err == nil {
			return parseExports(t, string(data)), stop
		}
		select {
		case code = <-done:
			done <- code
			t.Fatalf("serve ended with %d: %s", code, errs.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// parseExports reads the env file as a shell would.
func parseExports(t *testing.T, text string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "export "), "\n"), "=")
		if !ok || !strings.HasPrefix(value, "'") || !strings.HasSuffix(value, "'") {
			t.Fatalf("not an export: %q", line)
		}
		env[name] = strings.Trim(value, "'")
	}
	return env
}

func TestServeAndEverythingElse(t *testing.T) {
	t.Parallel()
	env, stop := running(t)
	code, token, stderr := run(t, env, "mint", "--user", "ada@contoso.com", "--org", "contoso", "--scope", "vso.code", "--life", "2d", "--name", "n")
	token = strings.TrimSuffix(token, "\n")
	if code != 0 || !emulator.ValidToken(token) || !strings.HasPrefix(stderr, "id ") {
		t.Fatalf("mint: %d %s", code, stderr)
	}
	id := strings.TrimSuffix(strings.Fields(stderr)[1], ",")
	steps := []struct {
		args []string
		want string // in standard output
	}{
		{[]string{"clock"}, time.Now().UTC().Format("2006-01-")},
		{[]string{"clock", "2026-06-01T12:00:00Z"}, "2026-06-01T12:00:"},
		{[]string{"clock", "+8d"}, "2026-06-09T12:00:"},
		{[]string{"clock", "-1h"}, "2026-06-09T11:00:"},
		{[]string{"fault", "add", "429", "--path", "*/_apis/*", "--retry-after", "2", "--count", "-1"}, "f1\n"},
		{[]string{"fault", "add", "--method", "POST", "--host", "dev.azure.com", "slow", "--delay", "5ms", "--skip", "1"}, "f2\n"},
		{[]string{"fault", "list"}, "f1 429 hits 0 of all path */_apis/*\nf2 slow hits 0 of 1 method POST host dev.azure.com\n"},
		{[]string{"fault", "clear", "f1"}, "cleared 1\n"},
		{[]string{"fault", "clear"}, "cleared 1\n"},
		{[]string{"state"}, `"clock": "2026-06-09T11:00:`},
		{[]string{"log"}, "https://dev.azure.com/contoso/_apis/connectionData credential=pat pat=" + id},
		{[]string{"log", "--json"}, `"pat": "` + id + `"`},
		{[]string{"log", "--clear"}, "connectionData"},
		{[]string{"revoke", id}, "revoked 1\n"},
		{[]string{"revoke", "--all"}, "revoked 0\n"},
	}
	askConnection(t, env, token)
	for _, step := range steps {
		code, out, errs := run(t, env, step.args...)
		if code != 0 || !strings.Contains(out, step.want) || errs != "" {
			t.Errorf("%v: %d\n%s%s\nwant %s", step.args, code, out, errs, step.want)
		}
		if strings.Contains(out, token) {
			t.Errorf("%v prints the token", step.args)
		}
	}
	if _, out, _ := run(t, env, "log"); out != "" {
		t.Errorf("after --clear: %s", out)
	}
	if _, out, _ := run(t, env, "log", "--json"); out != "[]\n" {
		t.Errorf("empty JSON log: %q", out)
	}
	code, printed := stop()
	if code != 0 || !strings.Contains(printed, "# azdo-emulator: ready at "+env["HTTPS_PROXY"]+"\n") {
		t.Errorf("serve: %d\n%s", code, printed)
	}
	if _, err := os.Stat(filepath.Dir(env["GIT_SSL_CAINFO"])); !os.IsNotExist(err) {
		t.Errorf("the temporary directory is left: %v", err)
	}
	if code, _, errs := run(t, env, "state"); code != 1 || !strings.Contains(errs, "\ntry: azdo-emulator serve") {
		t.Errorf("after the end: %d %s", code, errs)
	}
}

// askConnection makes one request through the proxy with a token.
func askConnection(t *testing.T, env map[string]string, token string) {
	t.Helper()
	proxy, err := url.Parse(env["HTTPS_PROXY"])
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(proxy), TLSClientConfig: trust(t, env["SSL_CERT_FILE"]), DisableKeepAlives: true,
	}}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://dev.azure.com/contoso/_apis/connectionData", nil)
	r.SetBasicAuth("", token)
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("connectionData: %s", res.Status)
	}
}

func TestServeKeepsTheGivenDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "it's here")
	seed := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(seed, []byte(`{"organizations": [{"name": "tiny"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	env, stop := running(t, "--dir", dir, "--seed", seed, "--listen", "127.0.0.1:0", "--verbose")
	if _, out, _ := run(t, env, "state"); !strings.Contains(out, `"tiny"`) {
		t.Errorf("state: %s", out)
	}
	stop()
	if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err != nil {
		t.Error(err)
	}
}

func TestSeedCommandPrintsWhatServeTakes(t *testing.T) {
	t.Parallel()
	code, out, _ := run(t, nil, "seed")
	if _, err := emulator.ParseSeed([]byte(out)); code != 0 || err != nil {
		t.Errorf("%d %v", code, err)
	}
}

func TestTokenCommand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"token"}, {"token", "--format", "classic"}, {"token", "--at", "2025-03-01T00:00:00Z"}} {
		code, out, errs := run(t, nil, args...)
		if code != 0 || !emulator.ValidToken(strings.TrimSpace(out)) {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
}

// Every failure is two lines: what happened, and what to type next.
func TestMistakes(t *testing.T) {
	t.Parallel()
	env, _ := running(t)
	for _, tt := range []struct {
		code int
		env  map[string]string
		args []string
		want string
	}{
		{2, env, nil, "no command given\ntry: azdo-emulator help\n"},
		{2, env, []string{"fly"}, "no command \"fly\"\ntry: azdo-emulator help\n"},
		{2, env, []string{"help", "fly"}, "try: azdo-emulator help\n"},
		{2, env, []string{"mint"}, "try: azdo-emulator mint --user"},
		{2, env, []string{"mint", "--user", "a", "--scope", "b", "--org", "c", "--global"}, "one of --org and --global"},
		{2, env, []string{"mint", "--life", "soon"}, "try: azdo-emulator help mint\n"},
		{1, env, []string{"mint", "--user", "no@contoso.com", "--scope", "vso.code", "--org", "contoso"}, "no user \"no@contoso.com\" in the seed\ntry: azdo-emulator state\n"},
		{2, env, []string{"revoke"}, "one id or --all"},
		{2, env, []string{"revoke", "x", "--all"}, "one id or --all"},
		{1, env, []string{"revoke", "x"}, "no personal access token has the id \"x\"\ntry: azdo-emulator state\n"},
		{2, env, []string{"clock", "tomorrow"}, "write +8d, -1h or"},
		{2, env, []string{"clock", "+1d", "+1d"}, "unexpected argument"},
		{2, env, []string{"fault"}, "add, list or clear is needed"},
		{2, env, []string{"fault", "remove"}, "is not one of"},
		{2, env, []string{"fault", "add"}, "an argument is missing"},
		{1, env, []string{"fault", "add", "500"}, "unknown kind of fault \"500\""},
		{1, env, []string{"fault", "clear", "f9"}, "try: azdo-emulator fault list\n"},
		{2, env, []string{"log", "all"}, "unexpected argument \"all\"\ntry: azdo-emulator help log\n"},
		{2, env, []string{"state", "--json"}, "try: azdo-emulator help state\n"},
		{2, env, []string{"token", "--format", "long"}, "unknown token format"},
		{2, env, []string{"token", "--at", "now"}, "try: azdo-emulator help token\n"},
		{2, env, []string{"seed", "x"}, "try: azdo-emulator help seed\n"},
		{1, nil, []string{"state"}, "AZDO_EMULATOR is not set\ntry: azdo-emulator serve"},
		{1, map[string]string{EnvAddress: "http://example.com:80"}, []string{"state"}, "not a loopback URL\ntry: export"},
		{1, map[string]string{EnvAddress: "https://127.0.0.1:80"}, []string{"state"}, "not a loopback URL"},
		{1, env, []string{"serve", "--seed", "no-such-file"}, "try: azdo-emulator seed > seed.json\n"},
		{1, env, []string{"serve", "--listen", "0.0.0.0:0"}, "use 127.0.0.1:PORT"},
		{1, env, []string{"serve", "--env-file", filepath.Join(os.DevNull, "x")}, "azdo-emulator: "},
		{2, env, []string{"serve", "now"}, "try: azdo-emulator help serve\n"},
	} {
		code, out, errs := run(t, tt.env, tt.args...)
		if code != tt.code || !strings.Contains(errs, tt.want) || out != "" || !strings.HasPrefix(errs, "azdo-emulator: ") {
			t.Errorf("%v: %d, want %d\n%s%s\nwant %s", tt.args, code, tt.code, out, errs, tt.want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	code, overview, errs := run(t, nil, "help")
	if code != 0 || errs != "" {
		t.Errorf("help: %d %s", code, errs)
	}
	for _, c := range subcommands() {
		if !strings.Contains(overview, "  "+c.name+" ") {
			t.Errorf("help does not list %s", c.name)
		}
		_, one, _ := run(t, nil, "help", c.name)
		if !strings.Contains(one, "usage: azdo-emulator "+c.name) || !strings.Contains(one, c.summary) {
			t.Errorf("help %s:\n%s", c.name, one)
		}
		for _, flag := range []string{"--help", "-h"} {
			if code, out, _ := run(t, nil, c.name, flag); code != 0 || out != one {
				t.Errorf("%s %s: %d\n%s", c.name, flag, code, out)
			}
		}
	}
	for _, kind := range emulator.FaultKinds() {
		if _, help, _ := run(t, nil, "help", "fault"); !strings.Contains(help, "\n  "+string(kind)+" ") {
			t.Errorf("help fault does not explain %s", kind)
		}
	}
}

// What state prints is what State holds: a program may read it back.
func TestStateIsJSON(t *testing.T) {
	t.Parallel()
	env, _ := running(t)
	_, out, _ := run(t, env, "state")
	var s emulator.State
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.ProxyURL != env["HTTPS_PROXY"] {
		t.Errorf("%v %s", err, out)
	}
}
