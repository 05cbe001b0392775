package git

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// targetOf splits a URL as Git does before it asks a helper.
func targetOf(t *testing.T, raw string) (Target, bool) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		return Target{}, false
	}
	path := strings.Trim(u.Path, "/")
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	scheme, _, _ := strings.Cut(raw, "://")
	return Target{Protocol: scheme, Host: u.Host, Path: path, Username: u.User.Username()}, true
}

// TestCredentialAgainstGit lets git credential fill choose a user name.
func TestCredentialAgainstGit(t *testing.T) {
	t.Parallel()
	for _, tt := range urlTable {
		target, ok := targetOf(t, tt.url)
		if !ok {
			continue
		}
		const helper = "[credential]\n\thelper = \"!f() { echo password=p; }; f\"\n"
		c, env, home := loadText(t, fmt.Sprintf("[credential %s]\n\thelper = \"!f() { echo username=hit; echo password=p; }; f\"\n", quoted(tt.pattern))+helper)
		in := fmt.Sprintf("protocol=%s\nhost=%s\npath=%s\n", target.Protocol, target.Host, target.Path)
		if target.Username != "" {
			in += "username=" + target.Username + "\n"
		}
		out, _ := run(t, env, home, in+"\n", "credential", "fill")
		want := strings.Contains(out, "username=hit\n")
		if got := len(c.Helpers(target)) == 2; got != want {
			t.Errorf("%s for %+v: %t, git says %t (%q)", tt.pattern, target, got, want, out)
		}
	}
}

// TestCredentialOrder compares which values win, and which hosts match, with
// what git credential fill runs: every helper names itself on stderr.
func TestCredentialOrder(t *testing.T) {
	t.Parallel()
	text := `
[credential "https://dev.azure.com/Org"]
	useHttpPath = true
	username = specific
[credential]
	useHttpPath = false
	username = plain
	helper = "!echo quit=0; echo one >>ran; true"
[credential "https://dev.azure.com"]
	helper =
	helper = "!echo two >>ran; true"
	helper = "!echo three >>ran; true"
[credential "https://github.com"]
	helper = "!echo four >>ran; true"
`
	c, env, _ := loadText(t, text)
	azure := Target{Protocol: "https", Host: "dev.azure.com", Path: "Org/p/_git/r"}
	if e, _ := c.Credential(azure, "USERNAME"); e.Value != "plain" {
		t.Errorf("the last in file order wins: %q", e.Value)
	}
	for _, target := range []Target{
		azure,
		{Protocol: "https", Host: "github.com"},
		{Protocol: "https", Host: "GitHub.com"},
		{Protocol: "https", Host: "dev.azure.com@evil.example"},
		{Protocol: "https", Host: "evil.example@dev.azure.com"},
		{Protocol: "https", Host: "dev.azure.com#.evil.example"},
		{Protocol: "https", Host: "dev.azure.com/x"},
		{Protocol: "https", Host: "dev.azure.com:443"},
		{Protocol: "https", Host: "dev.azure.com."},
		{Protocol: "https", Host: "dev_azure.com"},
	} {
		var got []string
		for _, e := range c.Helpers(target) {
			_, name, _ := strings.Cut(e.Value, "echo ")
			got = append(got, strings.Fields(strings.TrimPrefix(name, "quit=0; echo "))[0])
		}
		dir := t.TempDir()
		run(t, env, dir, fmt.Sprintf("protocol=%s\nhost=%s\npath=%s\n\n", target.Protocol, target.Host, target.Path), "credential", "fill")
		ran, _ := os.ReadFile(filepath.Join(dir, "ran"))
		if want := strings.Fields(string(ran)); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, git runs %q", target, got, want)
		}
	}
}
