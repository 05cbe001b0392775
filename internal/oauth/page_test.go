package oauth

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestCleanPageO10: the page that stays in the history tells nothing, is not
// kept, and brings nothing in from elsewhere.
func TestCleanPageO10(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	w := p.begin(t.Context(), p.client(nil), SignIn{})
	done := make(chan visit, 1)
	go func() {
		v := w.do("GET", w.answer(nil), nil)
		done <- v
		done <- w.do("GET", "http://"+w.redirect.Host+v.header.Get("Location"), nil)
	}()
	answer, page := <-done, <-done
	if r := w.end(); r.err != nil {
		t.Fatal(r.err)
	}
	if location := answer.header.Get("Location"); answer.status != 302 || !regexp.MustCompile(`^/result/[A-Za-z0-9_-]{22}$`).MatchString(location) {
		t.Errorf("%d to %q", answer.status, location)
	}
	for what, s := range map[string]string{"redirect": answer.body + answer.header.Get("Location"), "page": page.body, "address": page.url} {
		clean(t, what, s)
		if strings.Contains(s, w.state) || strings.Contains(s, "state=") || strings.Contains(s, "code=") {
			t.Errorf("%s has the state: %s", what, s)
		}
	}
	stray := newIDP(t).begin(t.Context(), p.client(nil), SignIn{})
	for _, v := range []visit{answer, page, stray.do("GET", stray.redirect.String(), nil), stray.do("GET", "http://"+stray.redirect.Host+"/favicon.ico", nil)} {
		for name, value := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Content-Type": "text/html; charset=utf-8",
		} {
			if v.header.Get(name) != value {
				t.Errorf("%s: %s: %q", v.url, name, v.header.Get(name))
			}
		}
		csp := v.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none';") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", v.url, csp)
		}
		if len(v.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: a cookie", v.url)
		}
	}
}

// TestEscapedO11: nothing of a request or a provider is more than text.
func TestEscapedO11(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	p := newIDP(t)
	w := p.begin(t.Context(), p.client(nil), SignIn{})
	for _, at := range []string{
		w.redirect.String() + "?error=" + url.QueryEscape(evil), w.redirect.String() + "?state=" + url.QueryEscape(evil),
		"http://" + w.redirect.Host + "/" + url.PathEscape(evil),
	} {
		if v := w.do("GET", at, nil); strings.Contains(v.body, "script") || strings.Contains(v.body, "img") {
			t.Errorf("%s: %s", at, v.body)
		}
	}
	v := read(p.server.Client().Get(w.answer(url.Values{
		"code": nil, "error": {evil}, "error_description": {evil + "\x1b[2J\u202e"}, "error_subcode": {evil},
	})))
	want(t, w.end().err, ErrRefused)
	inert(t, v)
	if !strings.Contains(v.body, "&lt;script&gt;") {
		t.Error("what the provider says is not shown")
	}

	// An account and a message of the token endpoint.
	p.claims = map[string]any{"preferred_username": evil}
	w = p.begin(t.Context(), p.client(nil), SignIn{})
	v, _ = w.succeed()
	inert(t, v)
	p.setToken(func(w http.ResponseWriter, _ *http.Request) { oauthError(w, 400, "invalid_request", evil) })
	w = p.begin(t.Context(), p.client(nil), SignIn{})
	v = read(p.server.Client().Get(w.answer(nil)))
	want(t, w.end().err, ErrRefused)
	inert(t, v)
}

// inert reads a page as XML, which it is, and wants the elements we wrote.
func inert(t *testing.T, v visit) {
	t.Helper()
	if strings.ContainsAny(v.body, "\x1b\u202e") {
		t.Errorf("control characters: %q", v.body)
	}
	body := regexp.MustCompile(`(?i)<!DOCTYPE html>|<meta [^>]*>`).ReplaceAllString(v.body, "")
	d := xml.NewDecoder(strings.NewReader(body))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v in %s", err, v.body)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !strings.Contains(" html head title style body main div h1 p blockquote ", " "+e.Name.Local+" ") {
			t.Errorf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if !strings.Contains(" lang role class ", " "+a.Name.Local+" ") {
				t.Errorf("attribute %s of %s", a.Name.Local, e.Name.Local)
			}
		}
	}
}

// TestPageIsAccessible: language, title, one heading, a live region, a viewport
// that may be zoomed, light and dark, nothing from elsewhere.
func TestPageIsAccessible(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	good, _ := p.begin(t.Context(), p.client(nil), SignIn{}).succeed()
	w := p.begin(t.Context(), p.client(nil), SignIn{})
	bad := read(p.server.Client().Get(w.answer(url.Values{"code": nil, "error": {"access_denied"}, "error_description": {"AADSTS65001: no consent"}})))
	w.end()
	for _, v := range []visit{good, bad} {
		inert(t, v)
		for _, part := range []string{`<html lang="en">`, "<title>", "<h1 ", "<main>", "prefers-color-scheme:dark", `content="width=device-width, initial-scale=1"`, "close this tab"} {
			if strings.Count(v.body, part) != 1 {
				t.Errorf("%d times %s", strings.Count(v.body, part), part)
			}
		}
		for _, part := range []string{"http:", "https:", "url(", "src=", "href=", "user-scalable", "script"} {
			if strings.Contains(v.body, part) {
				t.Errorf("%s in %s", part, v.body)
			}
		}
	}
	if !strings.Contains(good.body, `role="status"`) || !strings.Contains(bad.body, `role="alert"`) || good.status != 200 || bad.status != 400 {
		t.Error("success and failure are not told apart")
	}
	for _, part := range []string{"<title>Not signed in", "AADSTS65001: no consent", "ask an administrator to grant it."} {
		if !strings.Contains(bad.body, part) {
			t.Errorf("no %q in %s", part, bad.body)
		}
	}
}

// TestNoPageBeforeTheEndO13: not even for who knows its path.
func TestNoPageBeforeTheEndO13(t *testing.T) {
	t.Parallel()
	r := &receiver{t: &transaction{redirect: &url.URL{Host: "localhost:1", Path: "/"}, page: "/result/x"}, done: make(chan struct{}), shown: make(chan struct{})}
	for _, status := range []int{http.StatusNotFound, http.StatusOK} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest("GET", "/result/x", nil)
		req.Host = "localhost:1"
		r.ServeHTTP(rec, req)
		if rec.Code != status {
			t.Errorf("%d, want %d", rec.Code, status)
		}
		if status == http.StatusNotFound {
			r.finish(t.Context(), outcome{}, 0)
		}
	}
}

// TestNoEarlySuccessO13: the browser learns of success after the tokens are
// here and not before, and of a failure as such.
func TestNoEarlySuccessO13(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	verdict := make(chan bool)
	p.setToken(func(w http.ResponseWriter, r *http.Request) {
		if <-verdict {
			p.redeem(w, r.PostForm)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	})
	for _, good := range []bool{true, false} {
		before := len(p.tokenPosts())
		w := p.begin(t.Context(), p.client(nil), SignIn{})
		shown := make(chan visit, 1)
		go func() { shown <- read(p.server.Client().Get(w.answer(nil))) }()
		for len(p.tokenPosts()) == before {
			time.Sleep(time.Millisecond)
		}
		select {
		case v := <-shown:
			t.Fatalf("shown before the exchange: %+v", v)
		case <-time.After(50 * time.Millisecond):
		}
		w.stillWaiting("the exchange")
		verdict <- good
		v, r := <-shown, w.end()
		if told := strings.Contains(v.body, "<h1 class=\"good\">Signed in"); told != good || (r.err == nil) != good || (v.status == 200) != good {
			t.Errorf("good: %t; %v; %d %s", good, r.err, v.status, v.body)
		}
	}
}
