package helper_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	org := func(name string) helper.Target {
		return helper.Target{Azure: true, Host: helper.AzureHost, Org: name}
	}
	account := func(t helper.Target, name string) helper.Target { t.Account, t.HasAccount = name, true; return t }
	for _, test := range []struct {
		url  string
		want helper.Target
		err  error
	}{
		{"https://dev.azure.com/contoso/shop/_git/web", org("contoso"), nil},
		{"https://contoso@dev.azure.com/contoso/shop/_git/web", org("contoso"), nil},
		{"https://CONTOSO@dev.azure.com/contoso/shop/_git/web", org("contoso"), nil},
		{"https://me%40corp@dev.azure.com/contoso/shop/_git/web", account(org("contoso"), "me@corp"), nil},
		{"https://fabrikam@dev.azure.com/contoso/shop/_git/web", org("contoso"), nil},
		{"https://dev.azure.com/Contoso", org("contoso"), nil},
		{"https://dev.azure.com/contoso/my%20shop/_git/b%C3%BCro", org("contoso"), nil},
		{"https://contoso@dev.azure.com", org("contoso"), nil},
		{"https://dev.azure.com", helper.Target{}, helper.ErrNoOrg},
		{"https://me%40corp@dev.azure.com", helper.Target{}, helper.ErrNoOrg},
		{"https://dev.azure.com/contoso%2Fshop", org("contoso"), nil}, // Git decodes before it asks
		{"https://dev.azure.com/contoso%252Fshop", helper.Target{}, helper.ErrBadPath},
		{"https://dev.azure.com/contoso/%2e%2e/fabrikam", helper.Target{}, helper.ErrBadPath},
		{"https://dev.azure.com/_git/contoso", helper.Target{}, helper.ErrBadPath},
		{"https://dev.azure.com/-contoso", helper.Target{}, helper.ErrBadPath},
		{"https://dev.azure.com/?contoso", helper.Target{}, helper.ErrBadPath},
		{"https://contoso.visualstudio.com", org("contoso"), nil},
		{"https://contoso.visualstudio.com/DefaultCollection/shop/_git/web", org("contoso"), nil},
		{"https://me%40corp@Contoso.VisualStudio.com/shop/_git/web", account(org("contoso"), "me@corp"), nil},
		{"https://me@contoso.visualstudio.com/shop/_git/web", org("contoso"), nil}, // no sign-in name
		{"https://x@dev.azure.com/contoso/shop/_git/web", org("contoso"), nil},
		{"https://PersonalAccessToken@dev.azure.com/contoso/shop/_git/web", org("contoso"), nil},
		{"https://contoso.visualstudio.com/../fabrikam", org("contoso"), nil}, // the host says it all
		{"https://visualstudio.com", helper.Target{Host: "visualstudio.com"}, nil},
		{"https://contoso.pkgs.visualstudio.com", helper.Target{Host: "contoso.pkgs.visualstudio.com"}, nil},
		{"https://app.vssps.visualstudio.com", helper.Target{Host: "app.vssps.visualstudio.com"}, nil},
		{"https://contoso.visualstudio.com:8443", helper.Target{Host: "contoso.visualstudio.com:8443"}, nil},
		{"https://con_toso.visualstudio.com", helper.Target{Host: "con_toso.visualstudio.com"}, nil},
		{"https://vssps.dev.azure.com/contoso", helper.Target{Host: "vssps.dev.azure.com", Path: "contoso", HasPath: true}, nil},
		{"https://dev.azure.com:8443/contoso", helper.Target{Host: "dev.azure.com:8443", Path: "contoso", HasPath: true}, nil},
		{"https://u@git.example/a.git", account(helper.Target{Host: "git.example", Path: "a.git", HasPath: true}, "u"), nil},
		{"https://@git.example", account(helper.Target{Host: "git.example"}, ""), nil},
		{"http://dev.azure.com/contoso", helper.Target{}, helper.ErrPlain},
		{"http://contoso.visualstudio.com", helper.Target{}, helper.ErrPlain},
		{"http://git.example", helper.Target{}, helper.ErrNotMine},
		{"ssh://dev.azure.com/contoso", helper.Target{}, helper.ErrNotMine},
		{"cert:///etc/x", helper.Target{}, helper.ErrNotMine},
	} {
		req, err := cred.FromURL(test.url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := helper.Identify(&req)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: got %+v, %v; want %+v, %v", test.url, got, err, test.want, test.err)
		}
	}
}

func TestValidOrg(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "7", "contoso", "Contoso-2", "a--b", strings.Repeat("a", 50)} {
		if !helper.ValidOrg(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", "-", "-a", "a-", "a b", "a.b", "a_b", "_git", "a/b", `a\b`, "a%", "ä", "a\x00", "a@b", ".", "..", strings.Repeat("a", 51), "a\n"} {
		if helper.ValidOrg(name) {
			t.Errorf("%q is taken", name)
		}
	}
}

// FuzzIdentify: an organisation comes out only where the request spells it, as
// the first label of its host, the first segment of its path, or its user.
func FuzzIdentify(f *testing.F) {
	f.Add("https", "dev.azure.com", "contoso/shop/_git/web", "contoso")
	f.Add("https", "Contoso.visualstudio.com", "", "me@corp")
	f.Add("https", "dev.azure.com", "contoso/../fabrikam", "")
	f.Add("http", "git.example:8443", "%2e", "\x00")
	f.Fuzz(func(t *testing.T, protocol, host, path, user string) {
		req, err := cred.Read(strings.NewReader("protocol=" + protocol + "\nhost=" + host + "\npath=" + path + "\nusername=" + user + "\n"))
		if err != nil {
			return
		}
		target, err := helper.Identify(&req)
		if err != nil {
			if target != (helper.Target{}) {
				t.Fatalf("an error, and %+v", target)
			}
			return
		}
		if req.Protocol != "https" {
			t.Fatalf("%s is answered", req.Protocol)
		}
		if !target.Azure {
			if target.Host != req.Host || target.Org != "" || target.Path != req.Path || target.Account != req.Username {
				t.Fatalf("%+v became %+v", req, target)
			}
			return
		}
		first, _, _ := strings.Cut(req.Path, "/")
		spelt := req.Host == target.Org+".visualstudio.com" ||
			req.Host == helper.AzureHost && (cred.EqualFold(first, target.Org) || req.Path == "" && cred.EqualFold(req.Username, target.Org))
		if !spelt || !helper.ValidOrg(target.Org) || target.Org != strings.ToLower(target.Org) || target.Host != helper.AzureHost {
			t.Fatalf("%+v became %+v", req, target)
		}
		if target.HasAccount && (target.Account != req.Username || !strings.Contains(target.Account, "@")) {
			t.Fatalf("account %q of %q", target.Account, req.Username)
		}
	})
}
