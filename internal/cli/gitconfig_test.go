//go:build unix

package cli

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/git"
)

// editor is a person's configuration in a home of a test.
type editor struct {
	t    *testing.T
	git  string
	env  []string
	path string
	own  string
}

func newEditor(t *testing.T) *editor {
	t.Helper()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"}
	exe, err := git.Find(env)
	if err != nil {
		t.Fatal(err)
	}
	home := env[1][len("HOME="):]
	return &editor{t, exe, env, filepath.Join(home, ".gitconfig"), "/opt/my\\ bin/git-credential-patrol"}
}

func (e *editor) write(text string) {
	e.t.Helper()
	if err := os.WriteFile(e.path, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) read() string {
	e.t.Helper()
	text, err := os.ReadFile(e.path)
	if err != nil && !os.IsNotExist(err) {
		e.t.Fatal(err)
	}
	return string(text)
}

// apply changes the file and returns what was changed.
func (e *editor) apply(dry bool, change func(context.Context, *configEdit) error) []string {
	e.t.Helper()
	edit := &configEdit{git: e.git, env: e.env, own: e.own}
	changes, err := edit.apply(e.t.Context(), e.path, dry, func(ctx context.Context) error { return change(ctx, edit) })
	if err != nil {
		e.t.Fatalf("%v in\n%s", err, e.read())
	}
	if _, err := os.Lstat(e.path + ".lock"); err == nil {
		e.t.Fatal("Git's lock is left behind")
	}
	return changes
}

func add(allHosts bool) func(context.Context, *configEdit) error {
	return func(ctx context.Context, e *configEdit) error { return e.add(ctx, allHosts) }
}

func remove(ctx context.Context, e *configEdit) error { return e.remove(ctx) }

// values are those of a key, as Git reads the file.
func (e *editor) values(key string) []string {
	e.t.Helper()
	cmd := exec.CommandContext(e.t.Context(), e.git, "config", "--file", e.path, "-z", "--get-all", key)
	cmd.Env = e.env
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 {
		e.t.Fatalf("%s: %v", key, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// foreign is all of the file that setup has nothing to do with.
func (e *editor) foreign() string {
	e.t.Helper()
	cmd := exec.CommandContext(e.t.Context(), e.git, "config", "--file", e.path, "-z", "--list")
	cmd.Env = e.env
	out, err := cmd.Output()
	if err != nil {
		e.t.Fatalf("%v in\n%s", err, e.read())
	}
	var kept []string
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if !strings.Contains(entry, "git-credential-patrol") && !strings.HasSuffix(entry, ".helper\n") && !strings.Contains(strings.ToLower(entry), ".usehttppath\n") &&
			!strings.Contains(strings.ToLower(entry), ".patrolsetup\n") {
			kept = append(kept, entry)
		}
	}
	return strings.Join(kept, "\n")
}

// randomConfig is a file as people have them.
func randomConfig(r *rand.Rand) string {
	sections := []string{`[credential]`, `[credential "https://dev.azure.com"]`, `[credential "https://*.visualstudio.com"]`, `[user]`,
		`[Credential "https://dev.azure.com"]`, `[credential "https://DEV.azure.com"]`, `[alias] st = status`, `[credential "https://dev.azure.com/contoso"]`}
	lines := []string{"\thelper = store", "  helper=cache --timeout 900", "helper = ", "\thelper", "\thelper = \"!f() { echo 'a; b'; }; f\" # mine", "\tuseHttpPath = true",
		"\tuseHttpPath = false", "\tusehttppath", "\tusername = ada", "\thelper = /usr/bin/\\\n\tlong", "\tname = \"Ada \\\"x\\\"\"",
		"\thelper = C:\\\\x\\\\git-credential-other.exe", "\tpatrolSetup = mine"}
	comments := []string{"# a comment", "; another", "", "\t# one more"}
	var b strings.Builder
	newline := "\n"
	if r.IntN(8) == 0 {
		newline = "\r\n"
	}
	for range r.IntN(6) {
		b.WriteString(sections[r.IntN(len(sections))] + newline)
		// Git removes a section without a key along with the last one of ours.
		b.WriteString(lines[r.IntN(len(lines))] + newline)
		for range r.IntN(5) {
			some := [][]string{lines, comments}[r.IntN(2)]
			b.WriteString(some[r.IntN(len(some))] + newline)
		}
	}
	return b.String()
}

// Whatever is in the file: setup makes Git ask patrol, and nobody configured
// before it; a second one changes nothing; nothing else changes; --remove
// restores every byte; --dry-run says what would be done.
func TestSetupAndRemoveRestoreEveryByte(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	e := newEditor(t)
	for n := range 40 {
		text, all := randomConfig(r), r.IntN(2) == 0
		e.write(text)
		context := fmt.Sprintf("seed %d, file %d, all hosts %t:\n%s", seed, n, all, text)
		foreign := e.foreign()
		planned := e.apply(true, add(all))
		if e.read() != text {
			t.Fatalf("--dry-run wrote; %s", context)
		}
		if done := e.apply(false, add(all)); !slices.Equal(planned, done) {
			t.Fatalf("--dry-run said %q, done was %q; %s", planned, done, context)
		}
		for _, url := range azureURLs() {
			helpers, path := e.values("credential."+url+".helper"), e.values("credential."+url+".useHttpPath")
			if !slices.Equal(helpers[max(0, len(helpers)-2):], []string{"", e.own}) || !slices.Contains([]string{"true", ""}, path[len(path)-1]) {
				t.Fatalf("%s: helpers %q, useHttpPath %q; %s", url, helpers, path, context)
			}
		}
		if got := e.foreign(); got != foreign {
			t.Fatalf("something else changed:\n%s\nwas\n%s\n%s", got, foreign, context)
		}
		after := e.read()
		if again := e.apply(false, add(all)); len(again) > 0 || e.read() != after {
			t.Fatalf("a second time: %q; %s", again, context)
		}
		e.apply(false, remove)
		if got := e.read(); got != text {
			t.Fatalf("--remove left\n%q\nof\n%q\n%s", got, text, context)
		}
		if again := e.apply(false, remove); len(again) > 0 {
			t.Fatalf("a second --remove: %q; %s", again, context)
		}
	}
}

// A file whose last line has no end is as good as any.
func TestSetupWithoutLastNewline(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	e.write("[user]\n\tname = Ada")
	e.apply(false, add(false))
	e.apply(false, remove)
	if got := e.read(); strings.TrimRight(got, "\n") != "[user]\n\tname = Ada" {
		t.Errorf("%q", got)
	}
}

// A link stays a link, also one to a file that is not there yet, and through
// another link.
func TestSetupFollowsLinks(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	home := filepath.Dir(e.path)
	if err := os.Mkdir(filepath.Join(home, "dotfiles"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{".gitconfig": "dotfiles/link", "dotfiles/link": "gitconfig"} {
		if err := os.Symlink(to, filepath.Join(home, link)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		e.apply(false, add(false))
		if info, err := os.Lstat(e.path); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Fatalf("the link is %v %v", info.Mode(), err)
		}
		text, err := os.ReadFile(filepath.Join(home, "dotfiles", "gitconfig"))
		if err != nil || !bytes.Contains(text, []byte("git-credential-patrol")) {
			t.Fatalf("%s %v", text, err)
		}
		e.apply(false, remove)
	}
}

// Git must run exactly the file that the value names, whatever is in its path.
func TestHelperValueIsOneWordForAnyPath(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	root := t.TempDir()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	letters := []rune(" \t'\"\\$`&|;<>()[]{}*?!#~%^=+-_.,:@aZ9é日\x01\x7f")
	for n := range 60 {
		var name strings.Builder
		for range 1 + r.IntN(12) {
			name.WriteRune(letters[r.IntN(len(letters))])
		}
		dir := filepath.Join(root, fmt.Sprint(n), name.String()+"x")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		program := "#!/bin/sh\necho username=ada\necho password=$1\n"
		if err := os.WriteFile(filepath.Join(dir, "git-credential-patrol"), []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
		e.own = helperValue(filepath.Join(dir, "patrol"))
		e.write("")
		e.apply(false, add(false))
		cmd := exec.CommandContext(t.Context(), e.git, "credential", "fill")
		cmd.Env, cmd.Dir, cmd.Stdin = append(e.env, "GIT_TERMINAL_PROMPT=0"), root, strings.NewReader("protocol=https\nhost=dev.azure.com\npath=contoso\n\n")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "password=get") {
			t.Errorf("seed %d, %q as %s: %v\n%s", seed, dir, e.own, err, out)
		}
		if got := withoutOurs([]string{"", e.own}); len(got) > 0 {
			t.Errorf("%q is not known for ours", e.own)
		}
	}
}

// Git puts the second line of a pair behind a blank one that ends in CR LF.
func TestRemoveBehindBlankLine(t *testing.T) {
	t.Parallel()
	e := newEditor(t)
	text := "[credential \"https://DEV.azure.com\"]\r\n\thelper = a\r\n[Credential \"https://dev.azure.com\"]\r\n\thelper = b # mine\r\n\r\n\r\n# a comment\r\n"
	e.write(text)
	e.apply(false, add(true))
	e.apply(false, remove)
	if got := e.read(); got != text {
		t.Errorf("--remove left\n%q\nof\n%q", got, text)
	}
}
