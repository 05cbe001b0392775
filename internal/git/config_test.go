package git

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// hostileKeys are what a repository would like to decide for us.
var hostileKeys = []string{
	"patrol.entraClientId", "patrol.keySource", "patrol.credential", "patrol.browser", "http.proxy", "http.sslCAInfo",
	"http.sslCAPath", "http.sslVerify", "http.https://dev.azure.com.proxy", "http.https://dev.azure.com.sslVerify",
	"credential.helper", "credential.https://dev.azure.com.helper", "credential.https://dev.azure.com.username",
	"credential.https://dev.azure.com.patrolTenant", "credential.interactive", "core.askPass", "http.extraHeader", "trace2.eventTarget",
}

// TestHostileRepositoryX03 runs as Git runs a helper: in the work tree of a
// repository that sets everything, with GIT_DIR exported.
func TestHostileRepositoryX03(t *testing.T) {
	t.Parallel()
	env, home := sandbox(t)
	tree := filepath.Join(home, "clone")
	mustRun(t, env, home, "init", "-q", tree)
	mustRun(t, env, tree, "config", "extensions.worktreeConfig", "true")
	write(t, filepath.Join(tree, "included"), "[patrol]\n\tincluded = evil\n")
	mustRun(t, env, tree, "config", "include.path", "../included")
	for _, key := range hostileKeys {
		mustRun(t, env, tree, "config", "--local", key, "evil")
		mustRun(t, env, tree, "config", "--worktree", key, "evil")
	}
	for _, gitDir := range []string{"", ".git", filepath.Join(tree, ".git")} {
		child := env
		if gitDir != "" {
			child = append(child[:len(child):len(child)], "GIT_DIR="+gitDir, "GIT_WORK_TREE=.", "GIT_PREFIX=", "GIT_CONFIG="+filepath.Join(tree, ".git", "config"))
		}
		c, err := load(context.Background(), mustFind(t), child, tree)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Entries() {
			t.Errorf("GIT_DIR=%s: %v came through", gitDir, e)
		}
	}
}

// TestScopesThatCount sets a value in each scope and in the two variables.
func TestScopesThatCount(t *testing.T) {
	t.Parallel()
	env, home := sandbox(t)
	tree := filepath.Join(home, "work", "clone")
	mustRun(t, env, home, "init", "-q", tree)
	mustRun(t, env, tree, "config", "patrol.who", "local")
	write(t, filepath.Join(home, "system"), "[patrol]\n\tSystem = 1\n\twho = system\n")
	write(t, filepath.Join(home, ".gitconfig"), "[patrol]\n\twho = global\n[include]\n\tpath = more\n[includeIf \"gitdir:~/work/\"]\n\tpath = work.inc\n[includeIf \"gitdir:~/play/\"]\n\tpath = play.inc\n")
	write(t, filepath.Join(home, "more"), "[patrol]\n\tincluded = two\\nlines\n")
	write(t, filepath.Join(home, "work.inc"), "[patrol]\n\twork = yes\n")
	write(t, filepath.Join(home, "play.inc"), "[patrol]\n\tplay = yes\n")
	env = append(env, "GIT_DIR=.git", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=patrol.counted", "GIT_CONFIG_VALUE_0=c",
		"GIT_CONFIG_PARAMETERS='patrol.who'='command' 'patrol.Sub.Section.Name'='s' 'patrol.bare'")
	c, err := load(context.Background(), mustFind(t), env, tree)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"PATROL.system": "1 system", "patrol.who": "command command", "patrol.included": "two\nlines global", "patrol.work": "yes global",
		"patrol.counted": "c command", "patrol.Sub.Section.NAME": "s command", "patrol.bare": " command",
	} {
		if e, ok := c.Get(key); !ok || e.Value+" "+string(e.Scope) != want {
			t.Errorf("%s: %q %v", key, e.Value, e)
		}
	}
	for _, key := range []string{"patrol.play", "patrol.sub.section.name", "patrol", ""} {
		if e, ok := c.Get(key); ok {
			t.Errorf("%s: %v", key, e)
		}
	}
	var who []string
	for _, e := range c.GetAll("patrol.who") {
		who = append(who, e.Value)
	}
	if strings.Join(who, " ") != "system global command" {
		t.Errorf("order: %q", who)
	}
	if e, _ := c.Get("patrol.work"); !strings.HasSuffix(e.File(), "work.inc") {
		t.Errorf("file: %q of %v", e.File(), e)
	}
	if e, _ := c.Get("patrol.counted"); e.File() != "" {
		t.Errorf("file of a command-line value: %q", e.File())
	}
}

func TestBooleansAgainstGit(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"= true", "= TRUE", "= yes", "= on", "= 1", "= -1", "= 2k", "= 0x10", "", "=", "= \"\"", "= false", "= No",
		"= off", "= 0", "= 00", "= maybe", "= 1x", "= 1kk", "= k", "= tru"} {
		c, env, home := loadText(t, "[a]\n\tb "+word+"\n")
		want, ok := run(t, env, home, "", "config", "--bool", "a.b")
		got, err := c.Bool("a.b", false)
		if ok != (err == nil) || ok && fmt.Sprintln(got) != want {
			t.Errorf("%q: %t %v, git says %q", word, got, err, want)
		}
	}
	c := &Config{}
	if got, err := c.Bool("no.such", true); !got || err != nil {
		t.Errorf("default: %t, %v", got, err)
	}
}

// TestNoValueIsPrinted: values of the configuration may be secrets.
func TestNoValueIsPrinted(t *testing.T) {
	t.Parallel()
	const canary = "c4nary-value"
	c, env, _ := loadText(t, "[http]\n\tproxy = http://u:"+canary+"@p:1\n\textraHeader = "+canary+"\n\tsslVerify = "+canary+"\n")
	settings, err := c.HTTPSettings("https://dev.azure.com/", env)
	if err != nil || !settings.ProxySet {
		t.Fatal(settings, err)
	}
	_, err = c.Bool("http.sslVerify", false)
	all := fmt.Sprintf("%v %+v %#v %v %+v %#v %v %v %+v %#v", c, c, c, c.Entries(), c.Entries(), c.Entries(), err, settings, settings, settings)
	if strings.Contains(all, canary) {
		t.Error(all)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	env, home := sandbox(t)
	write(t, filepath.Join(home, ".gitconfig"), "[broken\x1b[2J\n")
	_, err := load(context.Background(), mustFind(t), env, home)
	if err == nil || !strings.Contains(err.Error(), ".gitconfig") || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("broken file: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := load(ctx, mustFind(t), env, home); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := load(context.Background(), filepath.Join(home, "no-git"), env, home); err == nil {
		t.Error("no program: no error")
	}
	if _, err := parse([]byte("global\x00file:x\x00key")); err == nil {
		t.Error("cut output: no error")
	}
}

func TestEnvironS09(t *testing.T) {
	t.Parallel()
	keep := []string{"PATH=/bin", "HOME=/h", "GIT_DIR=.git", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=a.token", "GIT_CONFIG_PARAMETERS='a.b'='c'",
		"SSH_ASKPASS=x", "HTTPS_PROXY=http://p", "GIT_CONFIG_GLOBAL=x", "GIT_SSL_CAINFO=x", "PATTERN=x", "=C:=C:\\"}
	drop := []string{"SYSTEM_ACCESSTOKEN=x", "AZURE_DEVOPS_EXT_PAT=x", "ADO_PAT=x", "PAT=x", "GITHUB_TOKEN=x", "GH_ENTERPRISE_TOKEN=x", "AZURE_CLIENT_SECRET=x",
		"VSS_NUGET_EXTERNAL_FEED_ENDPOINTS=x", "MY_PASSWORD=x", "AWS_ACCESS_KEY_ID=x", "npm_token=x", "GIT_TRACE=1", "GIT_TRACE_CURL=1", "GIT_TRACE2_EVENT=x",
		"GIT_CURL_VERBOSE=1", "GIT_CONFIG=x", "ADO_PAT_RO=x", "AGEDEBUG=plugin"}
	var env []string
	for i := range max(len(keep), len(drop)) {
		if i < len(keep) {
			env = append(env, keep[i])
		}
		if i < len(drop) {
			env = append(env, drop[i])
		}
	}
	if got := strings.Join(Environ(env), " "); got != strings.Join(keep, " ") {
		t.Error(got)
	}
	if names := Withheld(env); len(names) != len(drop) || names[0] != "SYSTEM_ACCESSTOKEN" {
		t.Error(names)
	}
}

func TestHTTPSettings(t *testing.T) {
	t.Parallel()
	c, env, home := loadText(t, `
[http]
	proxy = http://corp:3128
	sslCAInfo = ~/ca.pem
	sslVerify = false
[http "https://dev.azure.com"]
	proxy =
	sslCAInfo = %(prefix)/x
[http "https://schannel"]
	sslBackend = schannel
[http "https://root"]
	sslCAInfo = ~root/ca.pem
	sslCAPath = /etc/cas
`)
	get := func(u string, extra ...string) HTTPSettings {
		s, err := c.HTTPSettings(u, append(env[:len(env):len(env)], extra...))
		if err != nil {
			t.Errorf("%s: %v", u, err)
		}
		return s
	}
	pem := filepath.Join(home, "ca.pem")
	if s := get("https://other/"); s != (HTTPSettings{true, "http://corp:3128", pem, ""}) {
		t.Errorf("plain: %v", s)
	}
	if s := get("https://dev.azure.com/x", "GIT_SSL_CAINFO=/e", "GIT_SSL_CAPATH=/p"); s != (HTTPSettings{true, "", "/e", "/p"}) {
		t.Errorf("variables, empty proxy: %v", s)
	}
	if s := get("https://schannel/"); s.CAFile != "" {
		t.Errorf("schannel: %v", s)
	}
	if s := get("https://root/"); !strings.HasSuffix(s.CAFile, "/ca.pem") || s.CAFile == pem || s.CAPath != "/etc/cas" {
		t.Errorf("~root: %v", s)
	}
	if _, err := c.HTTPSettings("https://dev.azure.com/x", env); err == nil {
		t.Error("prefix: no error")
	}
	if s, err := (&Config{}).HTTPSettings("https://x/", nil); err != nil || s != (HTTPSettings{}) {
		t.Errorf("nothing set: %v, %v", s, err)
	}
}

// TestLoad reads the configuration as a caller does.
func TestLoad(t *testing.T) {
	t.Parallel()
	env, home := sandbox(t)
	write(t, filepath.Join(home, ".gitconfig"), "[patrol]\n\tcredential = pat\n")
	c, err := Load(context.Background(), mustFind(t), env)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := c.Get("patrol.credential"); !ok || e.Value != "pat" || e.Scope != Global {
		t.Errorf("%v", c.Entries())
	}
}
