//go:build linux

package patrol_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gitpatrol/patrol/internal/emulator"
)

// signInCommands are the commands for people at a browser, and for what an
// identity provider and an administrator can do to them.
func signInCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"person": cmdPerson, "browsers": cmdBrowsers, "listener": cmdListener, "policy": cmdPolicy, "user": cmdUser,
		"tokens": cmdTokens, "answered": cmdAnswered, "fetchers": cmdFetchers,
	}
}

// browserBuild keeps two scripts from building the stand-in at once.
var browserBuild sync.Mutex

// buildBrowser makes the stand-in for a person at a browser, once for all
// scripts, and returns a directory in which xdg-open is it.
func buildBrowser(bin programs) (string, error) {
	browserBuild.Lock()
	defer browserBuild.Unlock()
	dir := filepath.Join(filepath.Dir(bin.real), "desktop")
	program := filepath.Join(dir, "xdg-open")
	if _, err := os.Stat(program); err == nil {
		return dir, nil
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./demo/browser")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

// cmdPerson seats somebody at a desktop whose browser is demo/browser.
func cmdPerson(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 0, "person UPN [do=cancel|close] [password=SECRET|wrong] [after=3s]")
	s := of(ts)
	o := options(ts, args[1:], map[string]string{"do": "", "password": "", "after": ""})
	password, ok := s.canaries.get(o["password"])
	switch {
	case o["password"] == "":
		password = emulator.DefaultPassword
		ts.Check(s.canaries.add("PASSWORD", password))
	case !ok:
		password = o["password"] // wrong, and no secret
	}
	file := filepath.Join(ts.Getenv("HOME"), ".browser.json")
	s.exempt[file] = true
	text, err := json.Marshal(map[string]string{"user": args[0], "password": password, "do": o["do"], "after": o["after"]})
	ts.Check(err)
	ts.Check(os.WriteFile(file, text, 0o600))
	dir, err := buildBrowser(s.bin)
	ts.Check(err)
	if path := ts.Getenv("PATH"); !strings.HasPrefix(path, dir) {
		ts.Setenv("PATH", dir+string(filepath.ListSeparator)+path)
	}
	ts.Setenv("DISPLAY", ":99")
}

// opened lists the addresses that a browser was opened with.
func opened(ts *testscript.TestScript) []string {
	data, err := os.ReadFile(filepath.Join(ts.Getenv("HOME"), ".browser.log"))
	if os.IsNotExist(err) {
		return nil
	}
	ts.Check(err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// cmdBrowsers checks how often a browser was opened since the script began. A
// browser that is about to open has a while for it.
func cmdBrowsers(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "browsers N")
	want := number(ts, args[0])
	for end := time.Now().Add(patience / 3); len(opened(ts)) < want && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := len(opened(ts)); got != want {
		ts.Fatalf("a browser was opened %d times, want %d", got, want)
	}
}

// cmdListener is about the port at which patrol waits for the browser that was
// opened last.
func cmdListener(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "listener open|closed|strays")
	all := opened(ts)
	need(ts, len(all) > 0, "a browser must have been opened")
	at, err := url.Parse(all[len(all)-1])
	ts.Check(err)
	back, err := url.Parse(at.Query().Get("redirect_uri"))
	ts.Check(err)
	switch args[0] {
	case "strays":
		strays(ts, back)
	case "open":
		if !listening(back.Port()) {
			ts.Fatalf("nobody listens at %s", back.Host)
		}
	case "closed":
		for end := time.Now().Add(outlive); listening(back.Port()); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				ts.Fatalf("somebody still listens at %s", back.Host)
			}
		}
	default:
		ts.Fatalf("no word %q", args[0])
	}
}

func listening(port string) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		if c, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), time.Second); err == nil {
			_ = c.Close()
			return true
		}
	}
	return false
}

// strays sends what scanners, prefetchers and other web sites may send, and
// prints the answers.
func strays(ts *testscript.TestScript, back *url.URL) {
	client := &http.Client{
		Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, stray := range []struct{ method, path, host string }{
		{"GET", "/elsewhere", ""}, {"HEAD", back.Path, ""}, {"POST", back.Path, ""}, {"GET", back.Path, "evil.example"},
		{"GET", back.Path + "?code=guess&state=guess", ""}, {"GET", back.Path + "?error=access_denied", ""},
	} {
		at, err := back.Parse(stray.path)
		ts.Check(err)
		req, err := http.NewRequest(stray.method, at.String(), nil)
		ts.Check(err)
		req.Host = cmp.Or(stray.host, back.Host)
		resp, err := client.Do(req)
		ts.Check(err)
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Fprintf(ts.Stdout(), "%d %s %s\n", resp.StatusCode, stray.method, at.RequestURI())
		if bytes.Contains(body, []byte("guess")) {
			ts.Fatalf("the page repeats what it was sent")
		}
	}
}

// cmdPolicy changes a policy while the emulator runs; see docs/emulator.md.
func cmdPolicy(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "policy tenant|org NAME FIELD=VALUE..."
	e := of(ts).emulator
	need(ts, !neg && len(args) > 2 && e != nil, usage)
	set := map[string]any{}
	for _, word := range args[2:] {
		name, text, ok := strings.Cut(word, "=")
		need(ts, ok, usage)
		var value any
		switch {
		case strings.HasSuffix(name, "Users"):
			value = strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
		case json.Unmarshal([]byte(text), &value) != nil:
			value = text
		}
		set[name] = value
	}
	text, err := json.Marshal(set)
	ts.Check(err)
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	switch args[0] {
	case "tenant":
		p, err := e.TenantPolicy(args[1])
		ts.Check(err)
		ts.Check(strict.Decode(&p))
		ts.Check(e.SetTenantPolicy(args[1], p))
	case "org":
		p, err := e.OrgPolicy(args[1])
		ts.Check(err)
		ts.Check(strict.Decode(&p))
		ts.Check(e.SetOrgPolicy(args[1], p))
	default:
		ts.Fatalf("usage: %s", usage)
	}
}

// cmdUser does something to a user, as an administrator would.
func cmdUser(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	need(ts, !neg && len(args) >= 2 && s.emulator != nil, "user UPN ACTION [org=ORG] [password=SECRET]")
	o := options(ts, args[2:], map[string]string{"org": "", "password": ""})
	password, _ := s.canaries.get(o["password"])
	ts.Check(s.emulator.ChangeUser(emulator.UserChange{
		User: args[0], Action: emulator.UserAction(args[1]), Organization: o["org"], Password: password,
	}))
}

// cmdTokens asserts on the tokens that the emulator has.
func cmdTokens(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	want := -1
	if len(args) > 0 && strings.HasPrefix(args[0], "-count=") {
		want, args = number(ts, strings.TrimPrefix(args[0], "-count=")), args[1:]
	}
	await := len(args) == 2 && args[0] == "-await"
	if await {
		args = args[1:]
	}
	need(ts, s.emulator != nil && len(args) == 1 && (!neg || want < 0), "[!] tokens [-count=N | -await] PATTERN")
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(patience / 3); await && !re.MatchString(s.tokenList()) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	got := 0
	list := s.tokenList()
	for line := range strings.Lines(list) {
		if re.MatchString(line) {
			got++
		}
	}
	ts.Logf("[tokens]\n%s", list)
	if neg && got > 0 || !neg && want < 0 && got == 0 || want >= 0 && got != want {
		ts.Fatalf("%d tokens match %s", got, args[0])
	}
}

// tokenList has a line for each token on the server.
func (s *script) tokenList() string {
	var list strings.Builder
	for _, p := range s.emulator.State().PATs {
		fmt.Fprintf(&list, "%s %s scope=%s orgs=%s days=%.1f name=%q id=%s\n", statusOf(p, s.emulator.Now()), p.User, p.Scope,
			strings.Join(p.Organizations, ","), p.ValidTo.Sub(p.ValidFrom).Hours()/24, p.Name, p.ID)
	}
	return list.String()
}

func statusOf(p emulator.PAT, now time.Time) string {
	switch {
	case !p.Revoked.IsZero():
		return "revoked"
	case !now.Before(p.ValidTo):
		return "expired"
	}
	return "active"
}

// learn makes every password in the answers of a helper a secret of the script,
// so that it is redacted, and looked for from now on. The first new one is
// called name, the next ones name2, name3.
func (s *script) learn(name, text string) error {
	for _, m := range regexp.MustCompile(`(?m)^password=(.{8,})$`).FindAllStringSubmatch(text, -1) {
		if len(s.canaries.find([]byte(m[1]))) > 0 {
			continue
		}
		called := name
		for n := 2; ; n++ {
			if _, taken := s.canaries.get(called); !taken {
				break
			}
			called = fmt.Sprintf("%s%d", name, n)
		}
		if err := s.canaries.add(called, m[1]); err != nil {
			return err
		}
	}
	return nil
}

// cmdAnswered asks git-credential-patrol for a URL, as Git does, and prints the
// answer with [NAME] in the place of a secret that was not known before.
func cmdAnswered(ts *testscript.TestScript, neg bool, args []string) {
	most := patience
	if len(args) > 0 && strings.HasPrefix(args[0], "-within=") {
		most, args = time.Duration(duration(ts, strings.TrimPrefix(args[0], "-within="))), args[1:]
	}
	need(ts, len(args) == 2, "[!] answered [-within=10s] NAME URL")
	s := of(ts)
	begin := time.Now()
	cmd := exec.Command(find(ts, "git-credential-patrol"), "get")
	cmd.Dir, cmd.Env, cmd.WaitDelay = ts.MkAbs("."), environ(ts), time.Second
	cmd.Stdin = strings.NewReader(requestFor(ts, args[1]))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	took := time.Since(begin)
	ts.Check(s.learn(args[0], stdout.String()))
	_, _ = io.WriteString(ts.Stdout(), s.canaries.redact(stdout.String()))
	_, _ = io.WriteString(ts.Stderr(), stderr.String())
	switch {
	case (err != nil) != neg:
		ts.Fatalf("it ended with %v", err)
	case took > most:
		ts.Fatalf("it took %v, longer than %v", took.Round(time.Millisecond), most)
	}
	notOver(ts, stdout.String(), begin)
}

// notOver checks that an answer has no end in the past, by the clock that the
// program has: Git would not use it.
func notOver(ts *testscript.TestScript, answer string, asked time.Time) {
	m := regexp.MustCompile(`(?m)^password_expiry_utc=(.*)$`).FindStringSubmatch(answer)
	if m == nil {
		return
	}
	offset, _ := time.ParseDuration(ts.Getenv(clockVariable))
	if end := time.Unix(int64(number(ts, m[1])), 0); end.Before(asked.Add(offset)) {
		ts.Fatalf("the answer ended at %v, which is past at %v", end, asked.Add(offset))
	}
}

// requestFor is what Git asks for a URL with useHttpPath.
func requestFor(ts *testscript.TestScript, raw string) string {
	u, err := url.Parse(raw)
	ts.Check(err)
	text := fmt.Sprintf("protocol=%s\nhost=%s\npath=%s\n", u.Scheme, u.Host, strings.TrimPrefix(u.Path, "/"))
	if u.User != nil {
		text += "username=" + u.User.Username() + "\n"
	}
	return text + "\n"
}

// cmdFetchers asks git-credential-patrol for a URL from N processes at once,
// and prints what was the same of all, or how they differ, without what goes to
// people: who waits says so, who need not does not.
func cmdFetchers(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "fetchers N NAME URL")
	s := of(ts)
	c := &crowd{s: s, program: find(ts, "git-credential-patrol"), dir: ts.MkAbs("."), env: environ(ts)}
	input := requestFor(ts, args[2])
	results := make([]string, number(ts, args[0]))
	var all sync.WaitGroup
	begin := time.Now()
	for i := range results {
		all.Go(func() { results[i] = c.fetch(input) })
	}
	all.Wait()
	ts.Logf("[fetchers] all had ended after %v", time.Since(begin).Round(time.Millisecond))
	ts.Check(s.learn(args[1], strings.Join(results, "\n")))
	counts := map[string]int{}
	for _, one := range results {
		counts[s.canaries.redact(one)]++
	}
	for _, one := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	}) {
		fmt.Fprintf(ts.Stdout(), "%d times: %s\n", counts[one], one)
	}
}

// fetch is one process of fetchers.
func (c *crowd) fetch(input string) string {
	cmd := exec.Command(c.program, "get")
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.dir, c.env, time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Run(); cmd.ProcessState == nil {
		return err.Error()
	}
	said := ""
	if cmd.ProcessState.ExitCode() != 0 { // the last reason, and no addresses
		for line := range strings.Lines(stderr.String()) {
			if strings.HasPrefix(line, "patrol: ") && !strings.Contains(line, " ...") {
				said = line
			}
		}
	}
	return strings.TrimRight(fmt.Sprintf("exit %d\n%s%s", cmd.ProcessState.ExitCode(), stdout.String(), said), "\n")
}
