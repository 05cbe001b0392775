package emulator

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// person plays somebody with a browser: it knows pages by their forms only.
type person struct {
	t *testing.T
	e *Emulator
	c *http.Client
	// page is what the browser shows, and at is its address.
	page   string
	status int
	header http.Header
	at     *url.URL
	// landed is the address outside of the emulator where a redirect led.
	landed *url.URL
}

func newPerson(t *testing.T, e *Emulator) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, e)
	c.Jar = jar
	return &person{t: t, e: e, c: c}
}

// visit opens an address and follows redirects as far as they stay here.
func (p *person) visit(address string) *person {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(r)
}

func (p *person) do(r *http.Request) *person {
	p.t.Helper()
	p.landed = nil
	for range 10 {
		if planeOf(r.URL.Hostname()) == planeNone {
			p.landed = r.URL
			return p
		}
		res, err := p.c.Do(r)
		if err != nil {
			p.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		p.page, p.status, p.header, p.at = string(body), res.StatusCode, res.Header, r.URL
		location := res.Header.Get("Location")
		if location == "" {
			return p
		}
		next, err := r.URL.Parse(location)
		if err != nil {
			p.t.Fatal(err)
		}
		if r, err = http.NewRequestWithContext(p.t.Context(), http.MethodGet, next.String(), nil); err != nil {
			p.t.Fatal(err)
		}
	}
	p.t.Fatal("redirected in circles")
	return p
}

// tag is one element of a page with its attributes.
type tag struct {
	name  string
	attrs map[string]string
	text  string // up to the next element
}

// tags takes a page apart; enough for pages that this package writes.
func tags(page string) []tag {
	element := regexp.MustCompile(`<([a-z0-9]+)((?:\s+[a-zA-Z-]+(?:="[^"]*")?)*)\s*/?>([^<]*)`)
	attribute := regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`)
	var out []tag
	for _, m := range element.FindAllStringSubmatch(page, -1) {
		x := tag{name: m[1], attrs: map[string]string{}, text: html.UnescapeString(m[3])}
		for _, a := range attribute.FindAllStringSubmatch(m[2], -1) {
			x.attrs[a[1]] = html.UnescapeString(a[2])
		}
		out = append(out, x)
	}
	return out
}

// title is the page's.
func (p *person) title() string {
	for _, x := range tags(p.page) {
		if x.name == "title" {
			return x.text
		}
	}
	return ""
}

// submit fills in the page's form and presses the button with the text.
func (p *person) submit(button string, fill ...string) *person {
	p.t.Helper()
	for _, part := range strings.Split(p.page, "<form")[1:] {
		part, _, _ = strings.Cut("<form"+part, "</form>")
		found := tags(part)
		values, pressed := url.Values{}, false
		for _, x := range found[1:] {
			switch {
			case x.attrs["type"] == "checkbox", x.attrs["type"] == "radio" && !strings.Contains(part, `value="`+x.attrs["value"]+`" checked`):
			case x.name == "input":
				values.Set(x.attrs["name"], x.attrs["value"])
			case x.name == "button" && (x.text == button || x.attrs["aria-label"] == button):
				pressed = true
				if x.attrs["name"] != "" {
					values.Set(x.attrs["name"], x.attrs["value"])
				}
			}
		}
		if !pressed {
			continue
		}
		for i := 0; i+1 < len(fill); i += 2 {
			values.Set(fill[i], fill[i+1])
		}
		return p.post(found[0].attrs["action"], values)
	}
	p.t.Fatalf("no button %q in %q\n%s", button, p.title(), p.page)
	return p
}

// post sends a form.
func (p *person) post(action string, values url.Values) *person {
	p.t.Helper()
	to, err := p.at.Parse(action)
	if err != nil {
		p.t.Fatal(err)
	}
	if planeOf(to.Hostname()) == planeNone {
		to.RawQuery = values.Encode() // for tests to see
		p.landed = to
		return p
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(r)
}

// code is the six digits on the person's telephone.
func (p *person) code(user string) string {
	p.t.Helper()
	code, err := p.e.TOTP(user)
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// signIn goes through all pages from e-mail to "stay signed in".
func (p *person) signIn(user string) *person {
	p.t.Helper()
	if strings.Contains(p.page, `name="loginfmt"`) {
		p.submit("Next", "loginfmt", user)
	}
	p.submit("Sign in", "passwd", DefaultPassword)
	if strings.Contains(p.page, `name="otc"`) {
		p.submit("Verify", "otc", p.code(user))
	}
	if strings.Contains(p.page, `value="accept"`) {
		p.submit("Accept")
	}
	if strings.Contains(p.page, "Stay signed in?") {
		p.submit("No")
	}
	return p
}

// app is a public client as anybody could write one.
type app struct {
	tenant, client, redirect, scope string
	verifier                        string
}

const visualStudio = "872cd9fa-d31f-45e0-9eab-6e460a02d1f1"

func newApp() app {
	return app{
		tenant: "11111111-2222-4333-8444-555555555555", client: visualStudio, redirect: "http://localhost:4711/",
		scope: azureDevOps + "/.default offline_access openid profile", verifier: strings.Repeat("v", 43),
	}
}

// url is the authorization request; extra are names and values in turn, an
// empty value takes a parameter away.
func (a app) url(extra ...string) string {
	sum := sha256.Sum256([]byte(a.verifier))
	q := url.Values{
		"client_id": {a.client}, "response_type": {"code"}, "redirect_uri": {a.redirect}, "scope": {a.scope}, "state": {"st&te"},
		"code_challenge": {b64(sum[:])}, "code_challenge_method": {"S256"}, "nonce": {"n1"},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		if q.Set(extra[i], extra[i+1]); extra[i+1] == "" {
			q.Del(extra[i])
		}
	}
	return "https://login.microsoftonline.com/" + a.tenant + "/oauth2/v2.0/authorize?" + q.Encode()
}

// tokenAnswer is a reply of the token endpoint, good or bad.
type tokenAnswer struct {
	status int
	tokenReply
	stsReply
}

// ask makes a token request.
func (a app) ask(t *testing.T, e *Emulator, fields ...string) tokenAnswer {
	t.Helper()
	q := url.Values{"client_id": {a.client}}
	for i := 0; i+1 < len(fields); i += 2 {
		q.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.microsoftonline.com/"+a.tenant+"/oauth2/v2.0/token", strings.NewReader(q.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client(t, e).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer := tokenAnswer{status: res.StatusCode}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &answer.tokenReply); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if err := json.Unmarshal(body, &answer.stsReply); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return answer
}

// code asks for the tokens of a code.
func (a app) code(t *testing.T, e *Emulator, code string) tokenAnswer {
	t.Helper()
	return a.ask(t, e, "grant_type", "authorization_code", "code", code, "redirect_uri", a.redirect, "code_verifier", a.verifier, "client_info", "1")
}

// renew asks for new tokens.
func (a app) renew(t *testing.T, e *Emulator, refresh string) tokenAnswer {
	t.Helper()
	return a.ask(t, e, "grant_type", "refresh_token", "refresh_token", refresh)
}

// tokens signs a user in from the first page to the tokens.
func (a app) tokens(t *testing.T, e *Emulator, user string) tokenAnswer {
	t.Helper()
	p := newPerson(t, e).visit(a.url()).signIn(user)
	if p.landed == nil {
		t.Fatalf("%s is not signed in: %s\n%s", user, p.title(), p.page)
	}
	answer := a.code(t, e, p.landed.Query().Get("code"))
	if answer.status != 200 {
		t.Fatalf("no tokens for %s: %+v", user, answer.stsReply)
	}
	return answer
}

// api makes a JSON request with an access token.
func api(t *testing.T, e *Emulator, method, address, token, body string, extra ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(extra); i += 2 {
		r.Header.Set(extra[i], extra[i+1])
	}
	res, err := client(t, e).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(data)}
}

// query is an address with a query made of names and values in turn.
func query(address string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return fmt.Sprintf("%s?%s", address, q.Encode())
}
