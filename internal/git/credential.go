package git

import (
	"fmt"
	"net/url"
	"strings"
)

// Target is what Git asks a credential for: the fields of its request, as they
// came. They are not joined to a URL by the caller because Git's parser hands
// over hosts that would be read differently the second time.
type Target struct{ Protocol, Host, Path, Username string }

// Credential returns the value of credential.<name> that Git uses for t: the
// last in file order of all that match, whether they name a URL or not. name is
// in any case.
// See https://git-scm.com/docs/gitcredentials#_credential_contexts
func (c *Config) Credential(t Target, name string) (e Entry, ok bool) {
	all := c.CredentialAll(t, name)
	if len(all) == 0 {
		return Entry{}, false
	}
	return all[len(all)-1], true
}

// CredentialAll returns every value of credential.<name> that matches t, in
// file order.
func (c *Config) CredentialAll(t Target, name string) []Entry {
	u, valid := normalize(t.format(), false)
	var found []Entry
	for _, candidate := range c.entries {
		pattern, is := subsection(candidate.Key, "credential", name)
		if is && (pattern == nil || t.matches(*pattern, u, valid)) {
			found = append(found, candidate)
		}
	}
	return found
}

// Helpers returns the credential helpers that Git runs for t, in order: an
// empty value drops those before it.
func (c *Config) Helpers(t Target) []Entry {
	var helpers []Entry
	for _, e := range c.CredentialAll(t, "helper") {
		if e.Value == "" {
			helpers = nil
		} else {
			helpers = append(helpers, e)
		}
	}
	return helpers
}

// format builds the URL that Git's credential.c matches patterns against.
func (t Target) format() string {
	var b strings.Builder
	b.WriteString(t.Protocol + "://")
	if t.Username != "" {
		b.WriteString(percent(t.Username, unsafeInUser) + "@")
	}
	b.WriteString(percentHost(t.Host))
	if t.Path != "" {
		b.WriteString("/" + percent(t.Path, unsafeInPath))
	}
	return b.String()
}

const (
	unsafeInPath = unsafeChars + ":?#[]@!$&'()*+,;="
	unsafeInUser = unsafeInPath + "/"
)

// percentHost encodes what a host cannot have, so that a host with a delimiter
// in it matches no URL at all.
func percentHost(host string) string {
	var set strings.Builder
	for _, ch := range []byte(host) {
		if !only(string(ch), alphaDigit+"-.:[]") {
			set.WriteByte(ch)
		}
	}
	return percent(host, set.String())
}

// percent encodes the bytes of set and those outside printable ASCII.
func percent(s, set string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if ch := s[i]; ch <= 0x1f || ch >= 0x7f || strings.IndexByte(set, ch) >= 0 {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// matches compares as a URL where the pattern is one, else part by part.
func (t Target) matches(pattern string, u parts, valid bool) bool {
	if p, ok := normalize(pattern, true); ok {
		return valid && p.matches(u)
	}
	return t.matchesPartial(pattern)
}

// matchesPartial handles patterns such as "example.com", "https://" or "/path":
// what the pattern leaves out matches anything, the rest byte for byte.
func (t Target) matchesPartial(pattern string) bool {
	protocol, rest, ok := strings.Cut(pattern, "://")
	if !ok {
		protocol, rest = "", pattern
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, path := rest[:end], strings.TrimLeft(rest[end:], "/")
	user, hasUser := "", false
	if i := strings.IndexByte(host, '@'); i >= 0 {
		user, host, hasUser = host[:i], host[i+1:], true
		user, _, _ = strings.Cut(user, ":")
	}
	if path != "" {
		path = path[:1] + strings.TrimRight(path[1:], "/")
	}
	decoded := [...]struct {
		set        bool
		want, have string
	}{
		{protocol != "", protocol, t.Protocol},
		{host != "", decode(host), t.Host},
		{path != "", decode(path), t.Path},
		{hasUser, decode(user), t.Username},
	}
	for _, d := range decoded {
		// An empty user name ("@host") asks for one that is present and empty.
		if d.set && (d.want != d.have || d.have == "") || strings.Contains(d.want, "\n") {
			return false
		}
	}
	return true
}

// decode undoes percent-escapes. An invalid one stays as it is, as in Git.
func decode(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}
