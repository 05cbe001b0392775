package doctor

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/git"
)

// token is made up, and put together at run time so that a secret scanner has
// nothing to report.
func token() string {
	return strings.Repeat("0", 52) + "JQQ" + "J99CF" + "ACAAAAAAAAAA" + "AAAS" + "AZ" + "DO" + "1aVt"
}

func classic() string { return "aaatoaqdaqc3cyiga4eascqlbq" + "gq4dyqcejhaeyuculbogazdinq" }

// Every check says all there is to say, under a name of its own.
func TestChecks(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, c := range Checks() {
		if c.ID == "" || slices.Contains(ids, c.ID) || strings.Trim(c.ID, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("the id %q", c.ID)
		}
		ids = append(ids, c.ID)
		if c.Title == "" || strings.HasSuffix(c.Title, ".") || !strings.HasSuffix(c.Why, ".") || c.Severity.rank() < 0 || c.Find == nil {
			t.Errorf("%s: it lacks something: %q, %q, %q", c.ID, c.Title, c.Why, c.Severity)
		}
	}
}

func TestEnvTokens(t *testing.T) {
	t.Parallel()
	askpass := filepath.Join(t.TempDir(), "askpass")
	if err := os.WriteFile(askpass, []byte("#!/bin/sh\necho "+token()+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	m := &Machine{Environ: []string{
		"GIT_ASKPASS=" + askpass, "SSH_ASKPASS=/nowhere",
		"AZURE_DEVOPS_EXT_PAT=" + token(), "X=a:" + classic() + ";", "LIKE=" + token()[:83] + "u", "EMPTY=", "SYSTEM_ACCESSTOKEN=" + token(),
	}}
	found, err := findEnvTokens(context.Background(), m)
	var got []string
	for _, f := range found {
		got = append(got, f.Where+string(f.Severity))
		if text := fmt.Sprintf("%+v", f); strings.Contains(text, token()[:20]) || strings.Contains(text, classic()[:20]) {
			t.Errorf("it shows the token: %s", f.Where)
		}
	}
	if want := []string{"the variable AZURE_DEVOPS_EXT_PAT", "the variable X", "the variable SYSTEM_ACCESSTOKENmedium", askpass + ", which GIT_ASKPASS names"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// What is secret in an entry, whose it is, and what stays of the URL.
func TestLeaks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key, value string
		secret     string // "" where there is none
		proven     bool
		org        string
		kept       string
	}{
		{"remote.origin.url", "https://contoso:" + token() + "@dev.azure.com/contoso/shop/_git/web", token(), true, "contoso", "https://contoso@dev.azure.com/contoso/shop/_git/web"},
		{"remote.origin.url", "https://x:" + token() + "@dev.azure.com/contoso/shop/_git/web", token(), true, "contoso", "https://dev.azure.com/contoso/shop/_git/web"},
		{"remote.origin.url", "https://" + classic() + "@dev.azure.com/contoso/shop", classic(), true, "contoso", "https://dev.azure.com/contoso/shop"},
		{"remote.origin.url", "https://:" + token() + "@contoso.visualstudio.com/shop/_git/web", token(), true, "contoso", "https://contoso.visualstudio.com/shop/_git/web"},
		{"remote.origin.url", "https://ada%40contoso.com:" + token() + "@dev.azure.com/contoso/shop", token(), true, "contoso", "https://ada%40contoso.com@dev.azure.com/contoso/shop"},
		{"remote.origin.url", "https://me:" + token() + "@git.example/lib.git", token(), true, "", "https://git.example/lib.git"},
		{"remote.origin.url", "https://me:p%40ss@dev.azure.com/contoso/shop", "p@ss", false, "contoso", "https://dev.azure.com/contoso/shop"},
		{"remote.origin.url", "https://me:pass@git.example/lib.git", "", false, "", ""},
		{"remote.origin.url", "https://contoso@dev.azure.com/contoso/shop", "", false, "", ""},
		{"remote.origin.url", "https://me:" + token()[:83] + "u@git.example/lib.git", "", false, "", ""},
		{"remote.origin.url", "git@ssh.dev.azure.com:v3/contoso/shop/web", "", false, "", ""},
		{"remote.origin.url", "/srv/git/web.git", "", false, "", ""},
		{"branch.main.remote", "https://x:" + token() + "@dev.azure.com/contoso/shop", token(), true, "contoso", "https://dev.azure.com/contoso/shop"},
		{"url.https://" + token() + "@dev.azure.com/.insteadof", "az:", token(), true, "", "https://dev.azure.com/"},
		{"url.https://dev.azure.com/.insteadof", "az:", "", false, "", ""},
	} {
		l, u, ok := inEntry(git.Entry{Key: test.key, Value: test.value})
		if ok != (test.secret != "") || l.Proven != test.proven || l.Org != test.org {
			t.Errorf("%s: %t, %+v", test.key, ok, l)
			continue
		}
		if !ok {
			continue
		}
		if l.Secret.Reveal() != test.secret {
			t.Errorf("%s: another secret", test.key)
		}
		if _, kept := u.without(); kept != test.kept {
			t.Errorf("%s: %s stays, want %s", test.key, kept, test.kept)
		}
		if key := SafeKey(test.key); strings.Contains(key, test.secret) {
			t.Errorf("%s: the key is shown", test.key)
		}
	}
}

// Tokens elsewhere in the configuration: in a header, base64 included, and in a
// helper of one line. Each is found once, and shown nowhere.
func TestLeaksElsewhere(t *testing.T) {
	t.Parallel()
	basic := base64.StdEncoding.EncodeToString([]byte(":" + token()))
	entries := []git.Entry{
		{Key: "http.https://dev.azure.com/contoso.extraheader", Value: "AUTHORIZATION: Basic " + basic, Origin: "file:/c"},
		{Key: "http.extraheader", Value: "Authorization: bearer something", Origin: "file:/c"},
		{Key: "http.extraheader", Value: "X-Other: something", Origin: "file:/c"},
		{Key: "credential.helper", Value: "!f() { echo password=" + token() + "; }; f", Origin: "file:/c"},
		{Key: "alias." + classic(), Value: "status", Origin: "file:/c"},
		{Key: "http.proxy", Value: "http://me:secret@proxy.example", Origin: "file:/c"},
	}
	want := []string{
		"http.https://dev.azure.com/contoso.extraheader: an Azure DevOps token of contoso (its checksum is right)", "http.extraheader: a password",
		"credential.helper: an Azure DevOps token (its checksum is right)", "alias: an Azure DevOps token (its checksum is right)",
	}
	var got []string
	for _, f := range (&Machine{}).leaks(entries) {
		got = append(got, f.What)
		if text := fmt.Sprintf("%+v", f); strings.Contains(text, basic[20:40]) || strings.Contains(text, token()[:20]) || strings.Contains(text, classic()[:20]) {
			t.Errorf("it shows the token: %s", f.What)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzUserinfo: whatever is in a URL, what stays has no secret, and nothing
// else is lost.
func FuzzUserinfo(f *testing.F) {
	f.Add("https://", "x", "@dev.azure.com/contoso")
	f.Add("az: https://a@", "", "?@#:/")
	f.Fuzz(func(t *testing.T, before, user, after string) {
		l, u, ok := inEntry(git.Entry{Key: "remote.origin.url", Value: before + user + ":" + token() + "@" + after})
		if !ok {
			return
		}
		kept, clean := u.without()
		if l.Proven && l.Secret.Reveal() == token() && strings.Count(u.url, token()) == 1 && strings.Contains(clean, token()) {
			t.Fatalf("%q stays", kept)
		}
		if !strings.HasSuffix(u.url, strings.TrimPrefix(clean, clean[:strings.Index(clean, "://")+3]+kept)) {
			t.Fatal("more than the user part has changed")
		}
	})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	fixed := []string{"2.40.4", "2.41.3", "2.48.1"}
	for text, want := range map[string]bool{
		"2.40.3": false, "2.40.4": true, "2.40.10": true, "2.41.2": false, "2.41.3": true, "2.48.0": false, "2.48.1.windows.1": true, "2.49.0": true,
		"2.39.5": false, "2.39.5 (Apple Git-154)": false, "2.56.0.rc2.338.gcaacf6bdf7": true, "3.0.0": true, "2.45.0": false, "1.9.1": false,
	} {
		v, ok := parseVersion(text)
		if got := v.has(fixed); !ok || got != want {
			t.Errorf("%s: %v, %t, want %t", text, v, got, want)
		}
	}
	for _, text := range []string{"", "git", "2", "from.here"} {
		if v, ok := parseVersion(text); ok {
			t.Errorf("%q is %v", text, v)
		}
	}
}
