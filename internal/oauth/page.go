package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// page is what the browser shows. Its fields are text.
type page struct {
	title   string
	good    bool
	lines   []string
	details string // in the provider's own words
}

// outcome is how a sign-in ended.
type outcome struct {
	account string
	err     error
}

// style is the only style of the page: system fonts, light or dark as the
// person has it, contrast above 7:1 (WCAG 2.2, 1.4.6).
const style = `:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--good:#0b5c33;--bad:#8f1414;--quiet:#4a525c}` +
	`@media(prefers-color-scheme:dark){:root{--ink:#eef1f4;--paper:#15181c;--good:#7fdca8;--bad:#ffb4ab;--quiet:#b9c1ca}}` +
	`body{margin:0;background:var(--paper);color:var(--ink);font:1.125rem/1.6 system-ui,sans-serif}` +
	`main{max-width:34rem;margin:14vh auto;padding:0 1.5rem}` +
	`h1{font-size:1.75rem;line-height:1.25;margin:0 0 1rem}.good{color:var(--good)}.bad{color:var(--bad)}` +
	`p,blockquote{margin:0 0 1rem;overflow-wrap:anywhere}` +
	`.from{color:var(--quiet);font-size:1rem;margin-top:2.5rem}` +
	`blockquote{color:var(--quiet);border-inline-start:.25rem solid;padding-inline-start:1rem}`

// setHeaders is for every answer of the listener: nothing is kept, framed,
// guessed at, told to other sites or loaded from anywhere.
func setHeaders(h http.Header) {
	sum := sha256.Sum256([]byte(style))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Type", "text/html; charset=utf-8")
}

// writePage sends p, every text of it escaped.
func writePage(w http.ResponseWriter, status int, p page) {
	class, role := "good", "status"
	if !p.good {
		class, role = "bad", "alert"
	}
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">` +
		`<meta name="viewport" content="width=device-width, initial-scale=1"><title>` + html.EscapeString(p.title) + ` – patrol</title>` +
		`<style>` + style + `</style></head><body><main><div role="` + role + `"><h1 class="` + class + `">` +
		html.EscapeString(p.title) + `</h1>`)
	for _, line := range p.lines {
		b.WriteString(`<p>` + html.EscapeString(line) + `</p>`)
	}
	b.WriteString(`</div>`)
	if p.details != "" {
		b.WriteString(`<p>The identity provider says:</p><blockquote>` + html.EscapeString(p.details) + `</blockquote>`)
	}
	b.WriteString(`<p class="from">This page comes from patrol, the credential manager.</p></main></body></html>` + "\n")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, b.String())
}

// stray is the page for requests that are not the one waited for. It repeats
// nothing of them.
func stray(lines ...string) page { return page{title: "Not this way", lines: lines} }

func (o outcome) status() int {
	if o.err != nil {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// page says success only when there is nothing left that could fail.
func (o outcome) page() page {
	const back = "You can close this tab and go back to where you started."
	if o.err == nil {
		p := page{title: "Signed in", good: true, lines: []string{back}}
		if o.account != "" {
			p.lines = []string{"You are signed in as " + cred.Escape(o.account) + ".", back}
		}
		return p
	}
	p := page{title: "Not signed in", lines: []string{"Something went wrong."}}
	var e *Error
	if errors.As(o.err, &e) {
		p.lines = []string{sentence(e.Kind.Error())}
		p.details = cred.Escape(e.Description)
		if e.Err != nil {
			p.lines = []string{sentence(e.Kind.Error() + ": " + cred.Escape(e.Err.Error()))}
		}
		if advice := e.Advice(); advice != "" {
			p.lines = append(p.lines, sentence(advice))
		}
	}
	p.lines = append(p.lines, back)
	return p
}

// sentence begins s with a capital letter and ends it with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
