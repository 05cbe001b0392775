package azdo

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// A claims challenge is how a resource says that an access token, though valid,
// was signed in for too weakly or too long ago. See
// https://learn.microsoft.com/entra/identity-platform/claims-challenge

// maxClaims bounds the challenge, in bytes. Real ones are below 200.
const maxClaims = 8 << 10

// insufficient reports whether the answer is a claims challenge.
func (a *answer) insufficient() bool { return claimsChallenge(a.header) != nil }

// claimsOf decodes the claims of a challenge to JSON. "" when there are none
// that Entra would understand.
func claimsOf(h http.Header) string {
	encoded := claimsChallenge(h)["claims"]
	if len(encoded) > maxClaims {
		return ""
	}
	alphabet := base64.RawStdEncoding
	if strings.ContainsAny(encoded, "-_") {
		alphabet = base64.RawURLEncoding
	}
	decoded, err := alphabet.DecodeString(strings.TrimRight(encoded, "="))
	var claims bytes.Buffer
	if err != nil || json.Compact(&claims, decoded) != nil || !bytes.HasPrefix(claims.Bytes(), []byte("{")) {
		return ""
	}
	return claims.String()
}

// claimsChallenge returns the parameters of the first challenge that asks for
// claims; nil: there is none.
func claimsChallenge(h http.Header) map[string]string {
	for _, value := range h.Values("WWW-Authenticate") {
		for _, c := range challenges(value) {
			if strings.EqualFold(c.scheme, bearer) && c.params["error"] == "insufficient_claims" {
				return c.params
			}
		}
	}
	return nil
}

// challenge is one way to authenticate that WWW-Authenticate offers.
type challenge struct {
	scheme string
	params map[string]string // names in lower case
}

// challenges takes one value of WWW-Authenticate apart. It is more tolerant than
// RFC 9110, 11.6.1: Azure DevOps leaves authorization_uri unquoted.
func challenges(s string) []challenge {
	const blank = " \t"
	var all []challenge
	for {
		s = strings.TrimLeft(s, blank+",")
		if s == "" {
			return all
		}
		end := strings.IndexAny(s+" ", blank+",=")
		name, rest := s[:end], strings.TrimLeft(s[end:], blank)
		if !strings.HasPrefix(rest, "=") {
			all = append(all, challenge{name, map[string]string{}})
			s = rest
			continue
		}
		var value string
		value, s = parameter(strings.TrimLeft(rest[1:], blank))
		if len(all) > 0 {
			all[len(all)-1].params[strings.ToLower(name)] = value
		}
	}
}

// parameter takes a value, quoted or not, off the beginning of s.
func parameter(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s+",", ", \t")
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			if i++; i == len(s) {
				return b.String(), ""
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
