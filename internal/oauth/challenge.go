package oauth

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// challenge is one of the ways to authenticate that a server offers.
type challenge struct {
	scheme string
	params map[string]string // names in lower case
}

// ClaimsChallenge returns the claims that a 401 asks a new token to hold
// (Conditional Access, a revoked session), to be passed on as the claims of
// Refresh and, when that ends in ErrSignIn, of SignIn. See
// https://learn.microsoft.com/entra/identity-platform/claims-challenge.
func ClaimsChallenge(h http.Header) (claims string, ok bool) {
	for _, c := range challenges(h.Values("WWW-Authenticate")) {
		if !strings.EqualFold(c.scheme, "Bearer") || c.params["error"] != "insufficient_claims" {
			continue
		}
		// Seen with and without padding, in either alphabet.
		s := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(c.params["claims"])
		decoded, err := base64.RawStdEncoding.DecodeString(s)
		if err != nil {
			continue
		}
		if claims = validClaims(string(decoded)); claims != "" {
			return claims, true
		}
	}
	return "", false
}

// validClaims returns s if it can be sent as a claims parameter: a JSON object
// of sane size (OpenID Connect Core 5.5). Else "".
func validClaims(s string) string {
	const most = 16 << 10
	s = strings.TrimSpace(s)
	if len(s) > most || !strings.HasPrefix(s, "{") || !json.Valid([]byte(s)) {
		return ""
	}
	return s
}

// challenges reads WWW-Authenticate (RFC 9110 section 11.6.1): challenges, each
// a scheme with parameters, separated by commas as the parameters are. More than
// the grammar allows is taken: Azure DevOps sends URLs without quotes. A
// parameter that is given twice counts as the first.
func challenges(values []string) []challenge {
	var all []challenge
	for _, v := range values {
		var current *challenge
		for v = strings.TrimLeft(v, " \t,"); v != ""; v = strings.TrimLeft(v, " \t,") {
			word, rest := cutWord(v)
			if value, after, ok := cutValue(rest); ok && word != "" && current != nil {
				if name := strings.ToLower(word); current.params[name] == "" {
					current.params[name] = value
				}
				v = after
				continue
			}
			if word == "" {
				v = v[1:] // a stray = or "
				continue
			}
			all = append(all, challenge{word, map[string]string{}})
			current, v = &all[len(all)-1], rest
		}
	}
	return all
}

// cutWord cuts what stands before a blank, comma, quote or equals sign.
func cutWord(s string) (word, rest string) {
	if i := strings.IndexAny(s, " \t,=\""); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// cutValue cuts ="quoted" or =unquoted; an unquoted value ends at a blank or
// comma.
func cutValue(s string) (value, rest string, ok bool) {
	s, ok = strings.CutPrefix(strings.TrimLeft(s, " \t"), "=")
	if !ok {
		return "", "", false
	}
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, " \t,"); i >= 0 {
			return s[:i], s[i:], true
		}
		return s, "", true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), "", true // never closed
}
