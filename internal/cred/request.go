package cred

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Limits on what one request may hold, in bytes. Git documents 65,535 for a
// line but does not enforce it, so a long server header must not break us; the
// total bounds memory against an endless stream.
const (
	maxRequest = 1 << 20
	maxHost    = 253 + len(":65535") + len("[]")
	maxText    = 8 << 10 // a path or a user name
)

// Request is what Git asks or tells a helper.
// See https://git-scm.com/docs/git-credential#IOFMT.
type Request struct {
	Protocol string // lower case
	Host     string // canonical, see Canonical; empty only where Protocol needs none
	Path     string // without leading slash, as Git sent it
	HasPath  bool   // a present but empty path differs from an absent one

	Username    string
	HasUsername bool
	Password    Secret
	Expiry      time.Time // password_expiry_utc; zero when absent
	Refresh     Secret    // oauth_refresh_token

	AuthType   string
	Credential Secret
	Ephemeral  bool

	Capabilities []string
	State        []string
	WWWAuth      []string // unauthenticated text of the remote server
}

// ErrMalformed is wrapped by every error of Read that is the sender's fault.
var ErrMalformed = errors.New("malformed credential request")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Announces reports whether the caller listed the capability name.
func (r *Request) Announces(name string) bool {
	for _, c := range r.Capabilities {
		if c == name {
			return true
		}
	}
	return false
}

// Read parses one request, up to the first empty line or the end of r. It
// refuses what two readers could understand differently: control bytes, a
// single-valued key given twice with two values, a host outside the grammar of
// Canonical, a request without protocol or host.
func Read(r io.Reader) (Request, error) {
	p := parser{seen: map[string]string{}}
	lines := bufio.NewReaderSize(io.LimitReader(r, maxRequest+1), 4096)
	for total := 0; ; {
		line, err := lines.ReadString('\n')
		total += len(line)
		if total > maxRequest {
			return Request{}, malformed("longer than %d bytes", maxRequest)
		}
		if err != nil && err != io.EOF {
			return Request{}, fmt.Errorf("read credential request: %w", err)
		}
		if err == nil { // as Git does, take a CR for part of a line's end only before LF
			line = strings.TrimSuffix(line[:len(line)-1], "\r")
		}
		if line == "" {
			break
		}
		if e := p.line(line); e != nil {
			return Request{}, e
		}
		if err == io.EOF {
			break
		}
	}
	return p.finish()
}

// parser collects the lines of one request.
type parser struct {
	req  Request
	seen map[string]string
}

func (p *parser) line(line string) error {
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		return malformed("a line has no \"=\"")
	}
	// Git ends a value at NUL and some readers end a line at CR: whatever
	// follows would be read by one side only (CVE-2024-50338, CVE-2024-52006).
	if strings.ContainsAny(value, "\x00\r") || strings.ContainsAny(key, "\x00\r") {
		return malformed("a NUL or CR byte inside a line")
	}
	switch key {
	case "capability[]":
		appendValue(&p.req.Capabilities, value)
		return nil
	case "state[]":
		appendValue(&p.req.State, value)
		return nil
	case "wwwauth[]":
		appendValue(&p.req.WWWAuth, value)
		return nil
	case "url":
		return p.url(value)
	}
	return p.single(key, value)
}

// appendValue adds to a list; an empty value resets it, as Git's manual says.
func appendValue(list *[]string, value string) {
	if value == "" {
		*list = nil
		return
	}
	*list = append(*list, value)
}

// single sets a single-valued key. Git lets the last one win; a second,
// different value is what an injected line looks like (CVE-2020-5260).
func (p *parser) single(key, value string) error {
	if old, again := p.seen[key]; again {
		if old != value {
			return malformed("%s given twice with different values", key)
		}
		return nil
	}
	known, err := set(&p.req, key, value)
	if known {
		p.seen[key] = value
	}
	return err
}

// set stores a single-valued key; unknown keys are not ours to judge.
func set(r *Request, key, value string) (known bool, err error) {
	switch key {
	case "protocol":
		return true, setProtocol(r, value)
	case "host":
		return true, limit(key, value, maxHost, &r.Host)
	case "path":
		r.HasPath = true
		return true, limit(key, value, maxText, &r.Path)
	case "username":
		r.HasUsername = true
		return true, limit(key, value, maxText, &r.Username)
	case "password":
		r.Password = NewSecret(value)
	case "password_expiry_utc":
		return true, setExpiry(r, value)
	case "oauth_refresh_token":
		r.Refresh = NewSecret(value)
	case "authtype":
		return true, limit(key, value, maxText, &r.AuthType)
	case "credential":
		r.Credential = NewSecret(value)
	case "ephemeral":
		return true, setBool(&r.Ephemeral, value)
	default:
		return false, nil
	}
	return true, nil
}

func limit(key, value string, most int, to *string) error {
	if len(value) > most {
		return malformed("%s longer than %d bytes", key, most)
	}
	*to = value
	return nil
}

func setProtocol(r *Request, v string) error {
	if v == "" || len(v) > 32 {
		return malformed("protocol")
	}
	for _, c := range []byte(v) {
		if !isAlnum(c) && c != '+' && c != '-' && c != '.' {
			return malformed("protocol")
		}
	}
	r.Protocol = lower(v)
	return nil
}

// The last second of year 9999: what lies beyond, and anything at or before
// zero, Git itself would take for "never expires".
const maxExpiry = 253402300799

func setExpiry(r *Request, v string) error {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n == 0 || n > maxExpiry {
		return malformed("password_expiry_utc is not a time")
	}
	r.Expiry = time.Unix(int64(n), 0).UTC()
	return nil
}

// setBool takes the words of git-config(1).
func setBool(to *bool, v string) error {
	switch lower(v) {
	case "1", "true", "yes", "on":
		*to = true
	case "0", "false", "no", "off", "":
		*to = false
	default:
		return malformed("a boolean has no value of git-config")
	}
	return nil
}

func (p *parser) finish() (Request, error) {
	r := p.req
	_, hasHost := p.seen["host"]
	if r.Protocol == "" || !hasHost {
		return Request{}, malformed("protocol or host is missing")
	}
	if r.Host == "" {
		// cert:///path and file: URLs have an empty host; a network one may not.
		if r.Protocol == "https" || r.Protocol == "http" {
			return Request{}, malformed("host is empty")
		}
		return r, nil
	}
	host, err := Canonical(r.Protocol, r.Host)
	if err != nil {
		return Request{}, err
	}
	r.Host = host
	return r, nil
}

// Write sends the request on to another process of ours, without the server's
// text, which nothing may rest on.
func (r *Request) Write(w io.Writer) error {
	values := []string{r.Protocol, r.Host, r.Path, r.Username, r.Password.Reveal(), r.Refresh.Reveal(), r.AuthType, r.Credential.Reveal()}
	if !sayable(values...) || !sayable(r.Capabilities...) {
		return errUnsayable
	}
	var b strings.Builder
	line := func(key string, present bool, value string) {
		if present {
			b.WriteString(key + "=" + value + "\n")
		}
	}
	for _, c := range r.Capabilities {
		line("capability[]", true, c)
	}
	line("protocol", true, r.Protocol)
	line("host", true, r.Host)
	line("path", r.HasPath, r.Path)
	line("username", r.HasUsername, r.Username)
	line("password", r.Password.IsSet(), r.Password.Reveal())
	line("password_expiry_utc", !r.Expiry.IsZero(), strconv.FormatInt(r.Expiry.Unix(), 10))
	line("oauth_refresh_token", r.Refresh.IsSet(), r.Refresh.Reveal())
	line("authtype", r.AuthType != "", r.AuthType)
	line("credential", r.Credential.IsSet(), r.Credential.Reveal())
	line("ephemeral", r.Ephemeral, "1")
	_, err := io.WriteString(w, b.String())
	return err
}
