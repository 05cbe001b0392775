package foreign

import (
	"encoding/hex"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// gitURL takes a URL apart as Git's credential_from_url does, which is also what
// reads the lines of git-credential-store. ok is false for what Git skips.
// See https://github.com/git/git/blob/master/credential.c.
func gitURL(url string) (e Entry, ok bool) {
	protocol, rest, found := strings.Cut(url, "://")
	if !found || protocol == "" {
		return e, false
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	e.Protocol = protocol
	host := authority
	// Git looks for "@" in all of the rest and then whether it lies before the
	// path, and for ":" before that "@": the first of each.
	if before, after, found := strings.Cut(authority, "@"); found {
		host = after
		user, password, has := strings.Cut(before, ":")
		e.User, e.HasUser = gitDecode(user), true
		if has {
			e.Secret = cred.NewSecret(gitDecode(password))
		}
	}
	e.Host = gitDecode(host)
	if path = strings.TrimLeft(path, "/"); path != "" {
		path = gitDecode(path)
		for len(path) > 1 && strings.HasSuffix(path, "/") {
			path = path[:len(path)-1]
		}
		e.Path = path
	}
	for _, part := range []string{e.User, e.Secret.Reveal(), e.Protocol, e.Host, e.Path} {
		if strings.Contains(part, "\n") {
			return e, false
		}
	}
	return e, true
}

// gitDecode undoes percent-encoding as Git's url_decode_mem: %00 and what is no
// escape stay as they are, and so does all before a colon that is not first.
// See https://github.com/git/git/blob/master/url.c.
func gitDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	if colon := strings.IndexByte(s, ':'); colon > 0 {
		b.WriteString(s[:colon])
		s = s[colon:]
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil && c[0] != 0 {
				b.Write(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// userInfo finds the URLs of a text that hold a password. The cut of each is
// the user part alone: the address stays.
func userInfo(text string, offset int) []Entry {
	var found []Entry
	for at := 0; ; {
		n := strings.Index(text[at:], "://")
		if n < 0 {
			return found
		}
		mark := at + n
		begin := mark
		for begin > at && isScheme(text[begin-1]) {
			begin--
		}
		end := mark + 3
		for end < len(text) && text[end] > ' ' && strings.IndexByte("\"'<>`", text[end]) < 0 {
			end++
		}
		at = end
		e, ok := gitURL(text[begin:end])
		if !ok || !e.Secret.IsSet() || e.Secret.Reveal() == "" || isReference(e.Secret.Reveal()) {
			continue
		}
		authority := text[mark+3 : end]
		userEnd := strings.IndexByte(authority, '@')
		colon := strings.IndexByte(authority, ':')
		from := offset + mark + 3
		e.cut, e.value = span{from, from + userEnd + 1}, span{from + colon + 1, from + userEnd}
		found = append(found, e)
	}
}

func isScheme(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
}
