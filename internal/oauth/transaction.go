package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// transaction is what one sign-in knows and nobody else may.
type transaction struct {
	redirect *url.URL    // where the browser brings the answer
	state    string      // binds the answer to us (RFC 6749 section 10.12)
	nonce    string      // binds the identity token to us; "" without openid
	verifier cred.Secret // binds the code to us (RFC 7636)
	page     string      // the path of the result page
}

// randomSize is the number of random bytes in each of state, nonce and
// verifier: 256 bits, 43 characters, the least that RFC 7636 section 4.1 allows.
const randomSize = 32

// newTransaction draws everything anew.
func newTransaction(random io.Reader, redirect *url.URL, openID bool) (*transaction, error) {
	var drawn [4]string
	for i := range drawn {
		var b [randomSize]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return nil, fmt.Errorf("no random numbers: %w", err)
		}
		drawn[i] = base64.RawURLEncoding.EncodeToString(b[:])
	}
	t := &transaction{redirect: redirect, state: drawn[0], verifier: cred.NewSecret(drawn[1]), page: "/result/" + drawn[2][:22]}
	if openID {
		t.nonce = drawn[3]
	}
	return t, nil
}

// authorizeURL is where the browser starts.
// See https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1.
func (t *transaction) authorizeURL(p Provider, s SignIn) (string, error) {
	u, err := url.Parse(p.AuthorizeURL)
	if err != nil {
		return "", err
	}
	challenge := sha256.Sum256([]byte(t.verifier.Reveal()))
	q := u.Query()
	maps.Copy(q, p.Params)
	for name, value := range map[string]string{
		"client_id":             p.ClientID,
		"response_type":         "code",
		"redirect_uri":          t.redirect.String(),
		"scope":                 strings.Join(p.Scopes, " "),
		"state":                 t.state,
		"nonce":                 t.nonce,
		"code_challenge":        base64.RawURLEncoding.EncodeToString(challenge[:]),
		"code_challenge_method": "S256", // plain proves nothing; there is no way to ask for it
		"login_hint":            s.hint(),
		"domain_hint":           s.DomainHint,
		"prompt":                s.Prompt,
		"claims":                s.Claims,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// response is what the browser brought, with the right state.
type response struct {
	code              cred.Secret
	issuer            string
	refused           string // error
	description, more string // error_description, error_subcode or suberror
}

// The answers that are not ours and do not end the wait.
var (
	errStray = errors.New("this is not the answer to the sign-in that is waiting")
	errTwice = errors.New("this answer has been used already")
)

// readResponse takes the query of a request for the redirect URL. Any error is
// errStray: a query that is not well formed, repeats a parameter (RFC 6749
// section 3.1), or has not the state. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2
func (t *transaction) readResponse(rawQuery string) (response, error) {
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return response{}, errStray
	}
	for _, name := range []string{"state", "code", "error", "iss", "error_description"} {
		if len(q[name]) > 1 {
			return response{}, errStray
		}
	}
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(t.state)) != 1 {
		return response{}, errStray
	}
	return response{
		code: cred.NewSecret(q.Get("code")), issuer: q.Get("iss"),
		refused: q.Get("error"), description: q.Get("error_description"), more: q.Get("error_subcode"),
	}, nil
}

// check judges a response whose state was right: whatever is wrong with it now
// ends the sign-in. The issuer comes first, for the error of another provider
// says nothing either. https://www.rfc-editor.org/rfc/rfc9207#section-2.4
func (r response) check(p Provider) error {
	fail := func(kind, err error) *Error { return &Error{Kind: kind, Op: "sign in", Err: err} }
	switch code := r.code.Reveal(); {
	case p.IssuerInAnswer && r.issuer == "":
		return fail(ErrIssuer, errors.New("it does not name its issuer"))
	case r.issuer != "" && p.Issuer != "" && r.issuer != p.Issuer:
		return fail(ErrIssuer, nil)
	case r.refused != "":
		e := fail(kindOf(r.refused), nil)
		scrub := call{confidential: []cred.Secret{r.code}}.scrub
		e.Code, e.Description, e.Suberror = scrub(r.refused), scrub(r.description), scrub(r.more)
		e.AADSTS, e.CorrelationID = numbers(nil, r.description), correlation(r.description)
		return e
	case code == "" || len(code) > maxToken || strings.ContainsFunc(code, func(r rune) bool { return r < ' ' || r > '~' }):
		return fail(ErrReply, errors.New("it holds no usable code"))
	}
	return nil
}

// wantsOpenID reports whether an identity token was asked for.
func wantsOpenID(p Provider) bool { return slices.Contains(p.Scopes, "openid") }
