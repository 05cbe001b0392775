package browser

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

const repository = "https://dev.azure.com/contoso/shop/_git/web"

// A person clones, signs in with the keyboard alone, mistypes twice, and then
// sees the token that came of it on the page of tokens.
func TestSignIn(t *testing.T) {
	w := newWorld(t)
	b := openTab(t, w)
	clone := w.start("git", "clone", repository)
	b.signIn(w, w.address())
	if out, err := clone.end(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !exists(filepath.Join(w.home, "web", "README.md")) {
		t.Error("nothing was cloned")
	}
	w.run("git", "-C", "web", "fetch") // by the token, with no page
	if exists(w.opened()) {
		t.Error("a second page was opened")
	}
	b.usesTokens(w)
}

// signIn goes through the pages, from the address that patrol opens to the page
// that patrol shows at the end.
func (b *tab) signIn(w *world, address string) {
	b.t.Helper()
	b.open(address, "Sign in")
	b.walks()
	b.to("textbox", "Email")
	b.types(user)
	b.press("button", "Next")

	b.shows("Enter password")
	b.walks()
	b.to("textbox", "Password")
	b.types("hunter2")
	b.picture("signin-password")
	b.enter()
	b.shows("Error: Enter password")
	b.alert("Your account or password is incorrect.", "Password")
	b.types(password)
	b.press("button", "Sign in")

	b.shows("Enter code")
	b.walks()
	b.to("textbox", "Six-digit code")
	b.types(mistyped(w.code()))
	b.picture("signin-code")
	b.enter()
	b.shows("Error: Enter code")
	b.alert("You didn't enter the expected verification code.", "Six-digit code")
	b.types(w.code())
	b.press("button", "Verify")

	b.shows("Stay signed in?")
	b.walks()
	b.press("button", "Yes")

	b.shows("Signed in – patrol")
	if got := eval[string](b, "document.querySelector('main').innerText"); !strings.Contains(got, "You are signed in as "+user) {
		b.t.Errorf("patrol's page says %q", got)
	}
	if got := eval[string](b, "location.href"); !strings.HasPrefix(got, "http://localhost:") || strings.ContainsAny(got, "?#") {
		b.t.Errorf("the last address is %s", got)
	}
	b.picture("signed-in")
	b.scheme("dark")
	b.picture("signed-in-dark")
	b.scheme("light")
}

// mistyped is a code with another first digit.
func mistyped(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// token is what patrol knows of a token.
type token struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

// token is the only one that patrol has.
func (w *world) token() token {
	w.t.Helper()
	var list struct {
		Tokens []token `json:"tokens"`
	}
	out := w.run("patrol", "token", "list", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Tokens) != 1 || list.Tokens[0].Name == "" {
		w.t.Fatalf("%v: %s", err, out)
	}
	return list.Tokens[0]
}
