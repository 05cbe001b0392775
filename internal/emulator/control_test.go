package emulator

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// control makes a control call as a program on this machine does.
func control(t *testing.T, e *Emulator, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, e.ProxyURL()+controlPrefix+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got json.RawMessage
	_ = json.NewDecoder(res.Body).Decode(&got)
	return reply{res.StatusCode, res.Header, string(got)}
}

func TestControlCalls(t *testing.T) {
	t.Parallel()
	e := start(t)
	r := control(t, e, "POST", "mint", `{"user":"ada@contoso.com","organization":"contoso","scope":"vso.code","life":"2d"}`)
	var minted Minted
	if err := json.Unmarshal([]byte(r.body), &minted); err != nil || !ValidToken(minted.Token) {
		t.Fatalf("mint: %d %v", r.status, err)
	}
	if life := minted.PAT.ValidTo.Sub(minted.PAT.ValidFrom); life != 48*time.Hour {
		t.Errorf("life %s", life)
	}
	c := client(t, e)
	if r := get(t, c, "GET", connection, minted.Token); r.status != 200 {
		t.Errorf("minted: %d", r.status)
	}
	if r := control(t, e, "POST", "clock", `{"advance":"3d"}`); r.status != 200 || get(t, c, "GET", connection, minted.Token).status != 401 {
		t.Errorf("clock: %d %s", r.status, r.body)
	}
	if r := control(t, e, "POST", "clock", `{"set":"2026-01-02T03:04:05Z"}`); !strings.Contains(r.body, "2026-01-02T03:04:05") {
		t.Errorf("clock: %s", r.body)
	}
	if r := control(t, e, "POST", "revoke", `{"id":"`+minted.PAT.ID+`"}`); r.status != 200 || e.PATs()[0].Revoked.IsZero() {
		t.Errorf("revoke: %d %s", r.status, r.body)
	}
	if r := control(t, e, "POST", "faults", `{"kind":"503","path":"*","count":-1}`); r.body != `{"id":"f1"}` {
		t.Errorf("fault: %d %s", r.status, r.body)
	}
	if r := control(t, e, "GET", "faults", ""); !strings.Contains(r.body, `"count":-1`) {
		t.Errorf("faults: %s", r.body)
	}
	if r := control(t, e, "DELETE", "faults?id=f1", ""); r.body != `{"cleared":1}` {
		t.Errorf("clear: %s", r.body)
	}
	if r := control(t, e, "GET", "log", ""); strings.Count(r.body, `"path":"/contoso/_apis/connectionData"`) != 2 {
		t.Errorf("log: %s", r.body)
	}
	if control(t, e, "DELETE", "log", ""); len(e.Requests()) != 0 {
		t.Error("the log is not empty")
	}
	var s State
	if r := control(t, e, "GET", "state", ""); json.Unmarshal([]byte(r.body), &s) != nil || len(s.Organizations) != 4 || len(s.Users) != 3 || len(s.PATs) != 1 {
		t.Errorf("state: %s", r.body)
	}
	for call, body := range map[string]string{
		"POST mint": `{"user":"nobody@contoso.com"}`, "POST revoke": `{"id":"x"}`, "POST clock": `{"avance":"3d"}`,
		"POST faults": `{"kind":"none"}`, "GET nothing": "", "POST state": "{}",
	} {
		method, path, _ := strings.Cut(call, " ")
		if r := control(t, e, method, path, body); r.status/100 != 4 || !strings.Contains(r.body, `"error"`) {
			t.Errorf("%s: %d %s", call, r.status, r.body)
		}
	}
}

// A web page in a browser on this machine must not be able to mint.
func TestControlIsNotForWebPages(t *testing.T) {
	t.Parallel()
	e := start(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(e.ProxyURL(), "http://"), ":")
	const body = `{"user":"ada@contoso.com","organization":"contoso","scope":"vso.code"}`
	for _, headers := range [][]string{
		{"Host", "evil.example:" + port},
		{"Host", "127.0.0.1.evil.example:" + port},
		{"Host", "127.0.0.1:1"},
		{"Host", "127.0.0.1"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Content-Type", "text/plain"},
	} {
		if r := control(t, e, "POST", "mint", body, headers...); r.status != 403 {
			t.Errorf("%v: %d %s", headers, r.status, r.body)
		}
	}
	if r := control(t, e, "POST", "mint", body, "Host", "localhost:"+port); r.status != 200 {
		t.Errorf("localhost: %d", r.status)
	}
	if n := len(e.PATs()); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

// No secret may be in the log, the state, the echo or a file, whatever way
// it was presented.
func TestCanary(t *testing.T) {
	t.Parallel()
	var echo lockedBuffer
	seed, _ := ParseSeed([]byte(testSeed))
	e, err := New(Config{Seed: seed, Dir: filepath.Join(t.TempDir(), "emulator"), Clock: time.Now, Log: &echo})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	canaries := map[string]string{
		"minted": mint(t, e, "ada@contoso.com", "vso.code_write"), "password": "correct-horse-battery-staple", "bearer": "eyJ0eXAi.canary.canary",
	}
	classic, _, err := e.Mint(MintOptions{User: "ada@contoso.com", Organization: "contoso", Scope: "app_token", Format: FormatClassic})
	if err != nil {
		t.Fatal(err)
	}
	canaries["classic"] = classic
	c := client(t, e)
	for _, secret := range canaries {
		get(t, c, "GET", connection, secret)
		get(t, c, "GET", connection, "", "Authorization", "Bearer "+secret)
		get(t, c, "GET", connection+"?token="+secret, "")
		_, _ = gitIn(t, e, t.TempDir(), secret, "ls-remote", web)
	}
	get(t, c, "GET", "https://dev.azure.com/"+canaries["minted"]+"/x/"+canaries["classic"], "")
	dir := clone(t, e, canaries["minted"], web)
	commit(t, e, dir, "a.txt", "a\n")
	mustGit(t, e, dir, canaries["minted"], "push", "-q", "origin", "main")

	seen := map[string]string{
		"state": control(t, e, "GET", "state", "").body,
		"log":   control(t, e, "GET", "log", "").body,
		"echo":  echo.String(),
	}
	err = filepath.WalkDir(e.config.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		seen[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range seen {
		for name, secret := range canaries {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", name, where)
			}
		}
	}
	if !strings.Contains(seen["log"], "[token]") || !strings.Contains(seen["echo"], "credential=pat") {
		t.Error("the log is not what was looked at")
	}
}

// After Close nothing of the emulator may run. Not parallel: it looks at the
// goroutines of the whole process.
func TestCloseStopsEverything(t *testing.T) {
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	clone(t, e, token, web)
	get(t, client(t, e), "GET", connection, token)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	// Connection goroutines of net/http end on their own a moment later.
	var stacks string
	for range 500 {
		buf := make([]byte, 1<<20)
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "net/http.(*conn).serve") && !strings.Contains(stacks, "emulator.(*Emulator)") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("still running:\n%s", stacks)
}
