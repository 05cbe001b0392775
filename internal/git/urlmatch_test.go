package git

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// urlTable pairs patterns with URLs. What is expected is asked of git itself.
var urlTable = []struct{ pattern, url string }{
	{"https://dev.azure.com", "https://dev.azure.com/Org/p/_git/r"},
	{"HTTPS://DEV.azure.com", "https://dev.azure.com/Org/p/_git/r"},
	{"https://dev.azure.com", "HTTPS://Dev.Azure.COM/Org"},
	{"https://dev.azure.com:443", "https://dev.azure.com/Org"},
	{"https://dev.azure.com", "https://dev.azure.com:443/Org"},
	{"https://dev.azure.com:0443", "https://dev.azure.com/Org"},
	{"https://dev.azure.com:8443", "https://dev.azure.com/Org"},
	{"https://dev.azure.com:", "https://dev.azure.com/Org"},
	{"https://dev.azure.com:0", "https://dev.azure.com/Org"},
	{"https://dev.azure.com:99999", "https://dev.azure.com:99999/Org"},
	{"http://dev.azure.com", "https://dev.azure.com/Org"},
	{"http://dev.azure.com:80", "http://dev.azure.com/Org"},
	{"https://*.azure.com", "https://dev.azure.com/Org"},
	{"https://*.*.com", "https://dev.azure.com/Org"},
	{"https://*", "https://dev.azure.com/Org"},
	{"https://*", "https://localhost/Org"},
	{"https://*.visualstudio.com", "https://a.b.visualstudio.com/"},
	{"https://d*.azure.com", "https://dev.azure.com/Org"},
	{"https://dev.azure.com/Org", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/Org/", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/Org/", "https://dev.azure.com/Org"},
	{"https://dev.azure.com/org", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/Or", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/Org/p/x", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/a/../Org", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/../Org", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/./Org/.", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/Org", "https://dev.azure.com//Org/p"},
	{"https://dev.azure.com/Org", "https://dev.azure.com/x/%2e%2e/Org/p"},
	{"https://dev.azure.com/%4frg", "https://dev.azure.com/Org/p"},
	{"https://dev.azure.com/a b", "https://dev.azure.com/a%20b/p"},
	{"https://dev.azure.com/a%2fb", "https://dev.azure.com/a/b"},
	{"https://dev.azure.com/a%2fb", "https://dev.azure.com/a%2Fb"},
	{"https://dev.azure.com/a%zz", "https://dev.azure.com/a"},
	{"https://dev.azure.com/\u00e4", "https://dev.azure.com/%C3%A4/p"},
	{"https://dev.azure.com.", "https://dev.azure.com/Org"},
	{"https://dev.azure.com", "https://dev.azure.com./Org"},
	{"https://u@dev.azure.com", "https://u@dev.azure.com/Org"},
	{"https://u:pw@dev.azure.com", "https://u@dev.azure.com/Org"},
	{"https://u@dev.azure.com", "https://dev.azure.com/Org"},
	{"https://U@dev.azure.com", "https://u@dev.azure.com/Org"},
	{"https://dev.azure.com", "https://u@dev.azure.com/Org"},
	{"https://dev.azure.com", "https://dev.azure.com.evil.example/Org"},
	{"https://dev.azure.com", "https://dev.azure.com@evil.example/Org"},
	{"https://dev.azure.com", "https://evil.example/.dev.azure.com"},
	{"https://[::1]:8443", "https://[::1]:8443/x"},
	{"https://[::1]", "https://[::1]:8443/x"},
	{"https://dev.azure.com/x?y", "https://dev.azure.com/x?y"},
	{"https://dev.azure.com/x", "https://dev.azure.com/x?y"},
	{"ssh://dev.azure.com", "ssh://dev.azure.com/x"},
	{"dev.azure.com", "https://dev.azure.com/Org"},
	{"https://", "https://dev.azure.com/Org"},
	{"/Org", "https://dev.azure.com/Org"},
	{"u@dev.azure.com", "https://u@dev.azure.com/Org"},
	{"u@dev.azure.com", "https://dev.azure.com/Org"},
	{"azure.com", "https://dev.azure.com/Org"},
	{"@", "https://dev.azure.com/Org"},
	{"@dev.azure.com", "https://dev.azure.com/Org"},
	{"*", "https://dev.azure.com/Org"},
	{"*.azure.com", "https://dev.azure.com/Org"},
}

// quoted writes a subsection name as a configuration file has it.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func loadText(t *testing.T, text string) (*Config, []string, string) {
	t.Helper()
	env, home := sandbox(t)
	write(t, filepath.Join(home, ".gitconfig"), text)
	c, err := load(context.Background(), mustFind(t), env, home)
	if err != nil {
		t.Fatal(err)
	}
	return c, env, home
}

func TestHTTPAgainstGit(t *testing.T) {
	t.Parallel()
	for _, tt := range urlTable {
		c, env, home := loadText(t, fmt.Sprintf("[http %s]\n\tproxy = hit\n", quoted(tt.pattern)))
		_, want := run(t, env, home, "", "config", "--get-urlmatch", "http.proxy", tt.url)
		if _, got := c.HTTP(tt.url, "proxy"); got != want {
			t.Errorf("%s for %s: %t, git says %t", tt.pattern, tt.url, got, want)
		}
	}
}

// TestHTTPPrecedence compares which of several matches wins.
func TestHTTPPrecedence(t *testing.T) {
	t.Parallel()
	patterns := []string{"", "https://*.azure.com", "https://dev.azure.com", "https://dev.azure.com/Org", "https://dev.azure.com/Org/",
		"https://u@dev.azure.com", "https://u@dev.azure.com/Org", "https://*.azure.com/Org/p", "https://dev.azure.com.", "https://d.e"}
	for _, a := range patterns {
		for _, b := range patterns {
			section := func(p, v string) string {
				if p == "" {
					return "[http]\n\tproxy = " + v + "\n"
				}
				return fmt.Sprintf("[http %s]\n\tPROXY = %s\n", quoted(p), v)
			}
			c, env, home := loadText(t, section(a, "first")+section(b, "second"))
			const u = "https://u@dev.azure.com/Org/p"
			want, _ := run(t, env, home, "", "config", "--get-urlmatch", "http.proxy", u)
			if got, _ := c.HTTP(u, "Proxy"); got.Value != strings.TrimSpace(want) {
				t.Errorf("%q, %q: %q, git says %q", a, b, got.Value, want)
			}
		}
	}
}

func TestHTTPOfNonsense(t *testing.T) {
	t.Parallel()
	c, _, _ := loadText(t, "[http]\n\tproxy = plain\n[http \"https://a\"]\n\tproxy = a\n")
	for _, u := range []string{"", "a", "https://", "://", "https:///x", "https://a b", "https://a:x", "1https://a"} {
		if e, _ := c.HTTP(u, "proxy"); e.Value != "plain" {
			t.Errorf("%q: %q", u, e.Value)
		}
	}
}
