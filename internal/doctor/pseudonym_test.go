package doctor

import (
	"strings"
	"testing"
)

func TestPseudonyms(t *testing.T) {
	t.Parallel()
	p := &Pseudonyms{}
	p.KnowAs("~", "/home/ada")
	p.Know("USER", "ada")
	p.Know("ORG", "contoso")
	p.Know("ACCOUNT", "ada@contoso.com")
	for text, want := range map[string]string{
		"/home/ada/.gitconfig: the mode":                                       "~/.gitconfig: the mode",
		"/home/adam/x":                                                         "/home/adam/x",
		"token of ada@contoso.com for Contoso":                                 "token of ACCOUNT-1 for ORG-1",
		"Canada contosos":                                                      "Canada contosos",
		"https://dev.azure.com/contoso/shop/_git/web":                          "https://dev.azure.com/ORG-1",
		"https://contoso:" + token() + "@dev.azure.com/x1y/z":                  "https://dev.azure.com/ORG-2",
		"https://dev.azure.com":                                                "https://dev.azure.com",
		"https://contoso.visualstudio.com/a":                                   "https://ORG-1.visualstudio.com",
		"~/store/contoso2.visualstudio.com/ada":                                "~/store/ORG-3.visualstudio.com/USER-1",
		"reach https://git.internal.example/lib: refused":                      "reach https://HOST-1: refused",
		"dial 10.1.2.3:8080: refused":                                          "dial HOST-2: refused",
		"eve@other.example":                                                    "ACCOUNT-2",
		`the token "my secret project" (4ab5764f-4193-4f1d-b995-64144880b7d7)`: `the token "NAME-1" (ID-1)`,
		"again git.internal.example":                                           "again HOST-1",
		"with " + token() + " in it":                                           "with [token] in it",
	} {
		if strings.HasPrefix(text, "again") { // needs the one before, and maps have no order
			p.Know("HOST", "git.internal.example")
		}
		got := p.Hide(text)
		for _, kind := range []string{"ORG-", "HOST-", "ACCOUNT-", "ID-", "NAME-"} { // nor have numbers
			if i := strings.Index(want, kind); i >= 0 && strings.HasPrefix(got[min(i, len(got)):], kind) {
				got = want[:i+len(kind)+1] + got[min(i+len(kind)+1, len(got)):]
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, p.Hide(text), want)
		}
		if again := p.Hide(p.Hide(text)); again != p.Hide(text) {
			t.Errorf("%s: hidden twice it is %s", text, again)
		}
	}
}
