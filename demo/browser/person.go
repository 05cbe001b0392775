package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// person is who sits at the browser.
type person struct {
	User     string `json:"user"`
	Password string `json:"password"`
	TOTP     string `json:"totp"` // the secret of the authenticator app, base32
	Do       string `json:"do"`
	After    string `json:"after"` // a duration, such as 3s
}

func readPerson(file string) (person, error) {
	var p person
	text, err := os.ReadFile(file)
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(text, &p)
}

// maxPages is how many pages a sign-in may take before we are lost.
const maxPages = 12

// visit opens an address and goes on until a page of this machine is shown, to
// which a sign-in returns.
func (p person) visit(address, emulator string, now func() time.Time) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	if p.After != "" {
		wait, err := time.ParseDuration(p.After)
		if err != nil {
			return err
		}
		time.Sleep(wait)
	}
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	resp, err := client.Get(address)
	for range maxPages {
		if err != nil {
			return err
		}
		page, where, perr := read(resp)
		switch {
		case perr != nil:
			return perr
		case where.Hostname() == "localhost" || where.Hostname() == "127.0.0.1" || p.Do == "close":
			return nil
		}
		f := p.choose(page)
		if f == nil {
			return fmt.Errorf("the page %q has nothing to fill in: %s", text(find(page, "title")), strings.Join(strings.Fields(text(find(page, "main"))), " "))
		}
		code := func() (string, error) { return p.code(emulator, now) }
		next, values, ferr := p.fill(f, where, code)
		if ferr != nil {
			return ferr
		}
		if strings.EqualFold(attr(f, "method"), "post") {
			resp, err = client.PostForm(next.String(), values)
		} else {
			next.RawQuery = values.Encode()
			resp, err = client.Get(next.String())
		}
	}
	return errors.New("the sign-in does not end")
}

func read(resp *http.Response) (*html.Node, *url.URL, error) {
	defer resp.Body.Close()
	page, err := html.Parse(io.LimitReader(resp.Body, 1<<20))
	return page, resp.Request.URL, err
}

// choose returns the form to use: the one with a button called Cancel for who
// cancels, else the first.
func (p person) choose(page *html.Node) *html.Node {
	forms := all(page, "form")
	for _, f := range forms {
		if p.Do == "cancel" && button(f, "cancel") != nil {
			return f
		}
	}
	for _, f := range forms {
		if p.Do != "cancel" && p.asks(f) {
			return f
		}
	}
	if len(forms) == 0 {
		return nil
	}
	return forms[0]
}

// asks reports whether a form has something only a person knows, or names us.
func (p person) asks(f *html.Node) bool {
	for _, in := range all(f, "input") {
		switch attr(in, "type") {
		case "email", "password", "text", "tel":
			return true
		}
	}
	return strings.Contains(text(f), p.User)
}

// fill gives the values of a form as a browser would send them.
func (p person) fill(f *html.Node, where *url.URL, code func() (string, error)) (*url.URL, url.Values, error) {
	next, err := where.Parse(attr(f, "action"))
	if err != nil {
		return nil, nil, err
	}
	values := url.Values{}
	for _, in := range all(f, "input") {
		name, value := attr(in, "name"), attr(in, "value")
		switch kind := attr(in, "type"); {
		case name == "" || kind == "submit" || kind == "button" || kind == "checkbox" || kind == "radio":
			continue
		case kind == "hidden":
		case attr(in, "autocomplete") == "one-time-code":
			if value, err = code(); err != nil {
				return nil, nil, err
			}
		case kind == "password":
			value = p.Password
		default:
			value = p.User
		}
		values.Add(name, value)
	}
	if b := p.press(f); b != nil && attr(b, "name") != "" {
		values.Add(attr(b, "name"), attr(b, "value"))
	}
	return next, values, nil
}

// press chooses the button: Cancel, our own name, or the first.
func (p person) press(f *html.Node) *html.Node {
	if p.Do == "cancel" {
		if b := button(f, "cancel"); b != nil {
			return b
		}
	}
	if b := button(f, p.User); b != nil && p.User != "" {
		return b
	}
	return button(f, "")
}

// button finds a submit button whose words contain label.
func button(f *html.Node, label string) *html.Node {
	for _, b := range all(f, "button") {
		if t := attr(b, "type"); (t == "" || t == "submit") && strings.Contains(strings.ToLower(text(b)), strings.ToLower(label)) {
			return b
		}
	}
	return nil
}

// code is the one-time code of now, by the emulator's clock.
// See https://www.rfc-editor.org/rfc/rfc6238.
func (p person) code(emulator string, now func() time.Time) (string, error) {
	if p.TOTP == "" {
		return p.askCode(emulator)
	}
	at := now()
	if emulator != "" {
		resp, err := http.Get(emulator + "/_emulator/clock")
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		var clock struct {
			Set time.Time `json:"set"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&clock); err != nil {
			return "", err
		}
		at = clock.Set
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.TrimRight(p.TOTP, "=")))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha1.New, key)
	if err := binary.Write(mac, binary.BigEndian, at.Unix()/30); err != nil {
		return "", err
	}
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1000000), nil
}

// askCode has the emulator look at the authenticator app of the person, as it
// must for one whose secret is not known. Of a code that was used it tells the
// next.
func (p person) askCode(emulator string) (string, error) {
	body, err := json.Marshal(map[string]string{"user": p.User})
	if err != nil {
		return "", err
	}
	resp, err := http.Post(emulator+"/_emulator/totp", "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		Code string `json:"code"`
	}
	return answer.Code, json.NewDecoder(resp.Body).Decode(&answer)
}
