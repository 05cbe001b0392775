package emulator

import (
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
