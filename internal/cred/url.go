package cred

import "strings"

// url takes a whole URL apart the way Git's credential_from_url does and sets
// its parts as if each had come on a line of its own. Git lets url reset what
// came before; here a part that contradicts another line is refused, and so is
// an earlier line that the URL does not repeat.
// See https://github.com/git/git/blob/master/credential.c.
func (p *parser) url(raw string) error {
	earlier := len(p.seen)
	protocol, rest, ok := strings.Cut(raw, "://")
	if !ok || strings.Contains(protocol, "%") { // Git decodes no escape there
		return malformed("url has no protocol")
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	type part struct{ key, value string }
	parts := []part{{"protocol", protocol}}
	host := authority
	// Git cuts at the first "@"; what then still holds one is no host.
	if user, after, ok := strings.Cut(authority, "@"); ok {
		host = after
		user, password, hasPassword := strings.Cut(user, ":")
		parts = append(parts, part{"username", user})
		if hasPassword {
			parts = append(parts, part{"password", password})
		}
	}
	parts = append(parts, part{"host", host})
	if path = strings.Trim(path, "/"); path != "" {
		parts = append(parts, part{"path", path})
	}
	for _, one := range parts {
		if _, again := p.seen[one.key]; again {
			earlier--
		}
		if err := p.decoded(one.key, one.value); err != nil {
			return err
		}
	}
	if earlier > 0 {
		return malformed("url after a line that it would take back")
	}
	return nil
}

// decoded percent-decodes value and sets key, refusing the control bytes that
// a line could not have carried.
func (p *parser) decoded(key, value string) error {
	text, ok := percentDecode(value)
	if !ok || strings.ContainsAny(text, "\x00\r\n") {
		return malformed("url holds an invalid escape")
	}
	return p.single(key, text)
}

func percentDecode(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// FromURL reads a URL a person typed, such as the argument of "patrol why".
func FromURL(raw string) (Request, error) {
	p := parser{seen: map[string]string{}}
	if strings.ContainsAny(raw, "\x00\r\n") {
		return Request{}, malformed("url holds control bytes")
	}
	if err := p.url(raw); err != nil {
		return Request{}, err
	}
	return p.finish()
}
