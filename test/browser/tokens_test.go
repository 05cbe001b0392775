package browser

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"time"
)

const tokensPage = "https://dev.azure.com/contoso/_usersSettings/tokens"

// form of a token since July 2024.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}$`)

// usesTokens is what a person does on the page of tokens.
func (b *tab) usesTokens(w *world) {
	b.t.Helper()
	const title, name = "Personal Access Tokens", "by hand"
	made := w.token()
	b.open(tokensPage, title) // without a sign-in: the browser stayed signed in
	b.lists(made.Name, "vso.code_write", true)
	b.picture("tokens")
	b.walks()

	b.to("textbox", "Name")
	b.types(name)
	b.to("checkbox", "Code: Read")
	b.types(" ")
	b.press("button", "Create")
	b.says("The token " + name + " was created.")
	first := b.newToken()
	b.lists(name, "vso.code", true)
	w.accepts(first, true)
	b.open(tokensPage, title)
	if eval[bool](b, `!!document.querySelector('#token') || document.documentElement.outerHTML.includes(`+quote(first)+`)`) {
		b.t.Error("the token is shown twice")
	}

	b.press("button", "Regenerate "+name)
	b.says("The token " + name + " was regenerated.")
	second := b.newToken()
	w.accepts(first, false)
	w.accepts(second, true)

	b.press("button", "Revoke "+name)
	b.until(`document.body.innerText.includes(` + quote("Revoke "+name+"?") + `)`)
	b.isAccessible()
	b.press("link", "No, keep it")
	b.until(`document.querySelector('table') !== null`)
	w.accepts(second, true)
	b.press("button", "Revoke "+name)
	b.press("button", "Yes, revoke "+name)
	b.says("The token " + name + " was revoked.")
	w.accepts(second, false)
	b.lists(name, "", false)
	b.lists(made.Name, "vso.code_write", true)

	w.run("patrol", "logout", "contoso")
	b.open(tokensPage, title)
	b.lists(made.Name, "", false)
	b.press("link", "revoked")
	b.until(`location.search === '?filter=revoked' && document.readyState === 'complete'`)
	b.lists(made.Name, "vso.code_write", true)
	b.lists(name, "vso.code,vso.code", true) // and the one before it was regenerated
}

// lists says whether the table should have a row of a token.
func (b *tab) lists(name, scopes string, want bool) {
	b.t.Helper()
	got := eval[string](b, `[...document.querySelectorAll('tbody tr')].filter(r => r.cells[0].innerText === `+quote(name)+`).map(r => r.cells[1].innerText).join()`)
	if want && got != scopes || !want && got != "" {
		b.t.Errorf("the table has the scopes %q for the token %q, not %q", got, name, scopes)
	}
}

// newToken is the token that is shown.
func (b *tab) newToken() string {
	b.t.Helper()
	token := eval[string](b, `document.querySelector('#token').value`)
	if !tokenForm.MatchString(token) {
		b.t.Fatal("no token is shown")
	}
	return token
}

// accepts says whether the service should take a token.
func (w *world) accepts(token string, want bool) {
	w.t.Helper()
	status := w.asks(token)
	if want && status != http.StatusOK || !want && status != http.StatusNonAuthoritativeInfo && status != http.StatusUnauthorized {
		w.t.Errorf("the service answers %d to a token; it should work: %v", status, want)
	}
}

// asks is the status that the service answers to a token.
func (w *world) asks(token string) int {
	t := w.t
	t.Helper()
	ca, err := os.ReadFile(w.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	proxy, err := url.Parse(w.get("HTTPS_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 20 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://dev.azure.com/contoso/_apis/git/repositories", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("", token)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
