//go:build linux

package patrol_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// canary is a secret of a script, in all the forms in which it could leak.
type canary struct {
	name, secret string
	needles      []string // longest first
}

// canaries are the secrets of one script. Any secret that a script makes or
// types is one, and none may be seen where secrets do not belong.
type canaries struct {
	mu   sync.Mutex
	list []canary
}

// shortest is the least length of a secret that is looked for: shorter ones
// would be found by chance.
const shortest = 8

func (c *canaries) add(name, secret string) error {
	if len(secret) < shortest {
		return fmt.Errorf("the secret %s has fewer than %d bytes", name, shortest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, canary{name, secret, needles(secret)})
	return nil
}

// get returns the newest secret of a name.
func (c *canaries) get(name string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range slices.Backward(c.list) {
		if one.name == name {
			return one.secret, true
		}
	}
	return "", false
}

// find names the canaries in data, in whatever form.
func (c *canaries) find(data []byte) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for _, one := range c.list {
		if slices.ContainsFunc(one.needles, func(n string) bool { return bytes.Contains(data, []byte(n)) }) {
			found = append(found, one.name)
		}
	}
	return found
}

// redact puts [NAME] in the place of each secret.
func (c *canaries) redact(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.list {
		for _, n := range one.needles {
			text = strings.ReplaceAll(text, n, "["+one.name+"]")
		}
	}
	return text
}

// fill puts each secret, or else variable, in the place of its [NAME].
func (c *canaries) fill(text string, getenv func(string) string) string {
	return regexp.MustCompile(`\[\w+\]`).ReplaceAllStringFunc(text, func(word string) string {
		name := word[1 : len(word)-1]
		if secret, ok := c.get(name); ok {
			return secret
		}
		return cmp.Or(getenv(name), word)
	})
}

// needles lists the forms of a secret that are searched for.
func needles(secret string) []string {
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), escapeAll(secret, "%%%02X"), escapeAll(secret, "%%%02x"),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))), strings.Trim(strconv.Quote(secret), `"`),
	}
	if len(secret) >= 6*shortest { // a part of a token is one too many
		forms = append(forms, secret[:len(secret)/2])
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			forms = append(forms, base64Middle(encoding, secret, before))
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(forms)
}

// base64Middle is what base64 makes of secret behind any text of a length that
// leaves before after division by three, such as a user name and a colon.
func base64Middle(e *base64.Encoding, secret string, before int) string {
	text := e.EncodeToString(append(make([]byte, before), secret...))
	return text[(8*before+5)/6 : 8*(before+len(secret))/6]
}

func escapeAll(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}
