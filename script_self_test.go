//go:build linux

package patrol_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// planted is a secret with letters that every encoding changes.
const planted = "pl4nted/canary+of the~tests=="

func selfScript(t *testing.T) *script {
	t.Helper()
	s := newScript(t.TempDir(), programs{traces: t.TempDir()})
	if _, err := traceEnv(s.traces); err != nil {
		t.Fatal(err)
	}
	if err := s.canaries.add("CANARY", planted); err != nil {
		t.Fatal(err)
	}
	return s
}

// The search must find a secret in each form in which it could leak.
func TestSearchFindsFormsS02(t *testing.T) {
	t.Parallel()
	s := selfScript(t)
	for name, text := range map[string]string{
		"plain":           "password=" + planted + "\n",
		"base64":          base64.StdEncoding.EncodeToString([]byte(planted)),
		"base64 of user":  base64.StdEncoding.EncodeToString([]byte("ada:" + planted)),
		"base64 no user":  base64.StdEncoding.EncodeToString([]byte(":" + planted)),
		"base64 of two":   base64.StdEncoding.EncodeToString([]byte("a:" + planted + "\n")),
		"base64 URL":      base64.URLEncoding.EncodeToString([]byte("ada:" + planted + "x")),
		"query":           "https://ada:" + url.QueryEscape(planted) + "@dev.azure.com",
		"path":            "https://ada:" + url.PathEscape(planted) + "@dev.azure.com",
		"percent":         escapeAll(planted, "%%%02x"),
		"hex":             hex.EncodeToString([]byte(planted)),
		"upper-case hex":  strings.ToUpper(hex.EncodeToString([]byte(planted))),
		"hex in a dump":   "0x" + hex.EncodeToString([]byte("x"+planted+"y")),
		"userinfo":        url.UserPassword("ada", planted).String(),
		"between letters": "x" + planted + "x",
	} {
		if len(s.searchLog(text)) == 0 {
			t.Errorf("%s: not found in %s", name, text)
		}
		if shown := s.canaries.redact(text); len(s.searchLog(shown)) > 0 {
			t.Errorf("%s: not redacted: %s", name, shown)
		}
	}
	if found := s.searchLog("an innocent text, [CANARY], " + planted[1:len(planted)-1]); len(found) > 0 {
		t.Errorf("found where it is not: %v", found)
	}
}

// A part of a token is found too.
func TestSearchFindsHalfAToken(t *testing.T) {
	t.Parallel()
	s := newScript(t.TempDir(), programs{traces: t.TempDir()})
	token := strings.Repeat("abcdefgh", 6)
	if err := s.canaries.add("TOKEN", token); err != nil {
		t.Fatal(err)
	}
	if len(s.searchLog("token "+token[:30]+"...")) == 0 {
		t.Error("not found")
	}
}

// The search must find a secret in each place where it could be left, also in
// the name of one (S13).
func TestSearchFindsPlacesS02X11(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"home/.gitconfig", "web/.git/config", "web/.git/logs/HEAD", ".tmp/x", "home/.local/share/patrol/vault.new"} {
		s := selfScript(t)
		path := filepath.Join(s.work, place)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("\x00\x01 "+planted), 0o600); err != nil {
			t.Fatal(err)
		}
		if len(s.searchFiles()) == 0 {
			t.Errorf("%s: not found", place)
		}
		s.exempt[path] = true
		if found := s.searchFiles(); len(found) > 0 {
			t.Errorf("%s is exempt: %v", place, found)
		}
	}
	s := selfScript(t)
	env, err := traceEnv(s.traces)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("git", "version", planted) // Git takes no notice of it, but notes it down
	for _, kv := range env {
		command.Env = append(command.Env, kv[0]+"="+kv[1])
	}
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	if found := s.searchFiles(); len(found) < 4 {
		t.Errorf("in traces found only %v", found)
	}
	s = selfScript(t)
	if err := os.Mkdir(filepath.Join(s.work, hex.EncodeToString([]byte(planted))), 0o700); err != nil {
		t.Fatal(err)
	}
	if len(s.searchFiles()) == 0 {
		t.Error("not found in a name")
	}
}

// The watcher must see the arguments and the environment of every descendant,
// whoever started it, and who is still there at the end.
func TestWatcherSeesS08S09(t *testing.T) {
	w := watch(t)
	for name, command := range map[string]*exec.Cmd{
		"argument":                exec.Command("sh", "-c", "sleep 0.3; :", planted),
		"argument of a child":     exec.Command("sh", "-c", "sh -c 'sleep 0.3; :' "+base64.StdEncoding.EncodeToString([]byte("ada:"+planted))+"; :"),
		"environment":             exec.Command("sleep", "0.3"),
		"environment of a child":  exec.Command("sh", "-c", "TOKEN='"+planted+"' sleep 0.3; :"),
		"environment of a orphan": exec.Command("sh", "-c", "TOKEN='"+planted+"' sleep 0.3 >&- 2>&- &"),
	} {
		s := selfScript(t)
		w.add(s)
		command.Env = append(os.Environ(), "WORK="+s.work)
		if name == "environment" {
			command.Env = append(command.Env, "GIT_CONFIG_VALUE_0="+url.QueryEscape(planted))
		}
		if err := command.Run(); err != nil {
			t.Fatal(err)
		}
		if len(w.end(s)) == 0 {
			t.Errorf("%s: not seen", name)
		}
	}
	s := selfScript(t)
	w.add(s)
	command := exec.Command("sh", "-c", "sleep 60 >&- 2>&- & sleep 60 >&- 2>&- & :")
	command.Env = append(os.Environ(), "WORK="+s.work)
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	if left := w.end(s); len(left) != 2 {
		t.Errorf("left are %v", left)
	}
	time.Sleep(100 * time.Millisecond)
	w.noneLeft(t)
}
