package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gitpatrol/patrol/internal/cred"
)

// leeway is how far clocks may differ when an identity token is judged.
const leeway = 5 * time.Minute

// Identity is who signed in, from the identity token. Fields that the provider
// left out are empty. None of them holds control characters.
type Identity struct {
	Issuer  string
	Subject string
	// Account is the sign-in name (preferred_username, else upn, else email). It
	// is for the eye and for comparing; Subject and ObjectID stay when it changes.
	Account string
	Name    string
	// ObjectID and Tenant are Entra's oid and tid.
	ObjectID, Tenant string
}

// audience is aud, a string or a list of them.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// claims is what we read of an identity token. See
// https://openid.net/specs/openid-connect-core-1_0.html#IDToken and
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
type claims struct {
	Issuer            string   `json:"iss"`
	Subject           string   `json:"sub"`
	Audience          audience `json:"aud"`
	Expires           float64  `json:"exp"`
	Nonce             string   `json:"nonce"`
	PreferredUsername string   `json:"preferred_username"`
	UPN               string   `json:"upn"`
	Email             string   `json:"email"`
	Name              string   `json:"name"`
	ObjectID          string   `json:"oid"`
	Tenant            string   `json:"tid"`
}

// readIdentity reads an identity token that the token endpoint has just handed
// over. Its signature is not checked, because TLS says who sent it: OpenID
// Connect Core 3.1.3.7, number 6, allows that, and the other numbers hold.
// https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
func readIdentity(token string, want expected, now time.Time) (Identity, error) {
	c, err := decodeJWT(token)
	if err != nil {
		return Identity{}, err
	}
	switch p := want.provider; {
	case p.Issuer != "" && c.Issuer != p.Issuer:
		return Identity{}, errors.New("its identity token is of another issuer")
	case !slices.Contains(c.Audience, p.ClientID):
		return Identity{}, errors.New("its identity token is for another application")
	case want.nonce != "" && c.Nonce != want.nonce:
		return Identity{}, errors.New("its identity token is of another sign-in")
	case time.Unix(int64(max(0, min(c.Expires, 1<<40))), 0).Add(leeway).Before(now):
		return Identity{}, errors.New("its identity token has expired")
	}
	id := Identity{Issuer: c.Issuer, Subject: c.Subject, Account: c.PreferredUsername, Name: c.Name, ObjectID: c.ObjectID, Tenant: c.Tenant}
	for _, other := range []string{c.UPN, c.Email} {
		if id.Account == "" {
			id.Account = other
		}
	}
	id.Name = strings.ToValidUTF8(strings.Map(shown, cut(id.Name)), "")
	for _, s := range []string{id.Issuer, id.Subject, id.Account, id.ObjectID, id.Tenant} {
		if !printable(s) {
			return Identity{}, errors.New("its identity token holds names that cannot be shown")
		}
	}
	return id, nil
}

// decodeJWT reads the claims of a JWT (RFC 7519 section 3).
func decodeJWT(token string) (claims, error) {
	var c claims
	if err := checkToken("identity token", token); err != nil {
		return c, err
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, errors.New("its identity token is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return c, errors.New("its identity token cannot be read")
	}
	return c, nil
}

// printable keeps out of what we store and show all that a terminal or Git's
// protocol would take for something else.
func printable(s string) bool {
	const most = 1 << 10
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// shown drops what does not print. Names hold such characters for good reasons,
// as the joiners of Persian, so that is no reason to turn a person away.
func shown(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// isAccount checks that the account that was asked for is the one that signed in.
func (id Identity) isAccount(account string) error {
	switch {
	case account == "" || cred.EqualFold(account, id.Account):
		return nil
	case id.Account == "":
		return fmt.Errorf("%s was asked for, and the provider does not say who signed in", account)
	}
	return fmt.Errorf("%s was asked for, %s signed in", account, id.Account)
}
