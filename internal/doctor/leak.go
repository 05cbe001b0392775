package doctor

import (
	"net/url"
	"strings"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
)

// Leak is a secret that lies in clear where it need not be. It prints nothing
// of it.
type Leak struct {
	Secret cred.Secret
	// Proven says that it is a token of Azure DevOps, by its checksum.
	Proven bool
	// Org is the organisation it is good for, "" if that is not known.
	Org string
	// Place is the file and what in it, for people.
	Place string
	// Becomes is what stands there afterwards, in words, without the secret.
	Becomes string
	// Remove takes it out of there. It fails with nothing changed.
	Remove func() error
}

// Kind says what it is.
func (l *Leak) Kind() string {
	what := "a password"
	if l.Proven {
		what = "an Azure DevOps token"
	}
	if l.Org != "" {
		what += " of " + l.Org
	}
	if l.Proven {
		what += " (its checksum is right)"
	}
	return what
}

// Severity of finding it.
func (l *Leak) Severity() Severity {
	if l.Proven {
		return High
	}
	return Medium
}

// userinfo is what stands before the host in a URL, as written.
type userinfo struct {
	url            string // from the scheme to the end
	text           string // up to and without the @
	user, password string // decoded
	hasPassword    bool
}

// findUserinfo finds the first URL in text that has a user part.
func findUserinfo(text string) (u userinfo, ok bool) {
	colon := strings.Index(text, "://")
	if colon < 0 {
		return u, false
	}
	start := colon
	for start > 0 && (text[start-1] == '+' || text[start-1] == '-' || 'a' <= text[start-1]|0x20 && text[start-1]|0x20 <= 'z') {
		start--
	}
	u.url = text[start:]
	authority := text[colon+3:]
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return u, false
	}
	u.text = authority[:at]
	u.user, u.password, u.hasPassword = strings.Cut(u.text, ":")
	u.user, u.password = unescape(u.user), unescape(u.password)
	return u, true
}

func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// without is the URL with what may stay of its user part: the organisation, or
// an account.
func (u userinfo) without() (kept, url string) {
	org, _ := organisation(u.url)
	name, _, _ := strings.Cut(u.text, ":")
	if cred.EqualFold(u.user, org) && org != "" || strings.Contains(u.user, "@") {
		kept = name + "@"
	}
	return kept, strings.Replace(u.url, u.text+"@", kept, 1)
}

// organisation says which organisation a URL is about, and whether it is of
// Azure DevOps at all.
func organisation(raw string) (org string, azure bool) {
	req, err := cred.FromURL(raw)
	if err != nil {
		return "", false
	}
	req.Username, req.HasUsername = "", false
	t, err := helper.Identify(&req)
	return t.Org, t.Azure || req.Host == helper.AzureHost || err == nil && t.Azure
}

// secretOf says what is secret in the URL: the password, or a user name that is
// a token. A password is one only where Azure Repos is asked, or where its
// checksum says so: other hosts have managers of their own.
func (u userinfo) secretOf() (secret string, proven, ok bool) {
	for _, s := range []string{u.password, u.user} {
		if found := azdo.FindPATs([]byte(s)); len(found) == 1 && found[0].End-found[0].Start == len(s) && !found[0].Encoded {
			return s, true, true
		}
	}
	_, azure := organisation(u.url)
	return u.password, false, azure && u.password != ""
}

// inEntry finds the secret in the URL of an entry of Git's configuration: in
// its value, as of remote.origin.url, or in its key, as of url.<base>.insteadOf.
func inEntry(e git.Entry) (l Leak, u userinfo, found bool) {
	for _, text := range []string{e.Value, subsection(e.Key)} {
		u, ok := findUserinfo(text)
		if !ok {
			continue
		}
		secret, proven, ok := u.secretOf()
		if !ok {
			continue
		}
		org, _ := organisation(u.url)
		return Leak{Secret: cred.NewSecret(secret), Proven: proven, Org: org}, u, true
	}
	return Leak{}, u, false
}

// inHeader finds an Authorization header that Git sends with each request. What
// is secret in it is known only where it is a token of Azure DevOps.
// See https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpextraHeader.
func inHeader(e git.Entry) (l Leak, found bool) {
	name, _, ok := strings.Cut(e.Value, ":")
	if !strings.HasPrefix(e.Key, "http.") || !strings.HasSuffix(e.Key, ".extraheader") || !ok ||
		!strings.EqualFold(strings.TrimSpace(name), "Authorization") {
		return l, false
	}
	if tokens := azdo.FindPATs([]byte(e.Value)); len(tokens) > 0 {
		l.Secret, l.Proven = tokens[0].Secret, true
	}
	l.Org, _ = organisation(subsection(e.Key))
	return l, true
}

// subsection is what stands between the first and the last dot of a key.
func subsection(key string) string {
	first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	if first == last {
		return ""
	}
	return key[first+1 : last]
}

// SafeKey is a key without what may be secret in it.
func SafeKey(key string) string {
	u, ok := findUserinfo(subsection(key))
	if _, _, secret := u.secretOf(); !ok || !secret && !u.hasPassword {
		return key
	}
	kept, _ := u.without()
	return strings.Replace(key, u.text+"@", kept, 1)
}
