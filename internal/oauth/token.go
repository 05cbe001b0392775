package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// maxToken is the longest token we take, in bytes.
const maxToken = 64 << 10

// maxLife is the longest life of an access token that we believe in.
const maxLife = 366 * 24 * time.Hour

// Tokens is what a sign-in or a refresh gives.
type Tokens struct {
	Access cred.Secret
	// Refresh is the refresh token to use next: the new one, or the one that was
	// used when there is no new one. Not set when there is none at all.
	Refresh cred.Secret
	// Rotated says that Refresh is not the one that was used: store it before
	// anything else, for the old one may be dead.
	Rotated bool
	// Expires is the end of Access by our own clock. Zero: not known.
	Expires time.Time
	// Skew is how far the provider's clock is ahead of ours; 0 also when it does
	// not say. A large one explains certificates and tokens that do not work.
	Skew time.Duration
	// Scopes are those granted.
	Scopes []string
	// Identity is who signed in, as far as the provider says.
	Identity Identity
}

// tokenReply is the answer of a token endpoint, good or bad: RFC 6749 sections
// 5.1 and 5.2, and what Entra adds.
type tokenReply struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken string          `json:"refresh_token"`
	IDToken      string          `json:"id_token"`
	TokenType    string          `json:"token_type"`
	Scope        string          `json:"scope"`
	ExpiresIn    json.RawMessage `json:"expires_in"` // a number; in some dialects a string

	Error         string          `json:"error"`
	Description   string          `json:"error_description"`
	ErrorCodes    json.RawMessage `json:"error_codes"` // a list of numbers
	Suberror      string          `json:"suberror"`
	Claims        string          `json:"claims"`
	CorrelationID string          `json:"correlation_id"`
}

// expected is what an answer of the token endpoint is held against.
type expected struct {
	provider Provider
	nonce    string      // that the identity token must hold; "" for a refresh
	refresh  cred.Secret // that was used, if any
}

// tokens judges an answer of the token endpoint.
func (a *answer) tokens(want expected) (Tokens, error) {
	var r tokenReply
	err := a.decode(&r)
	switch {
	case err == nil && r.Error != "" && a.status/100 != 3:
		return Tokens{}, a.refusal(r)
	case a.status != 200:
		return Tokens{}, a.unusable(err)
	case err != nil:
		return Tokens{}, a.failure(ErrReply, err)
	}
	t, err := r.tokens(a, want)
	if err != nil {
		return Tokens{}, a.failure(ErrReply, err)
	}
	return t, nil
}

func (r tokenReply) tokens(a *answer, want expected) (Tokens, error) {
	t := Tokens{Access: cred.NewSecret(r.AccessToken), Refresh: want.refresh, Skew: a.skew, Scopes: strings.Fields(r.Scope)}
	if err := checkToken("access token", r.AccessToken); err != nil {
		return t, err
	}
	// RFC 6749 section 7.1: a type that is not understood must not be used.
	if !strings.EqualFold(r.TokenType, "Bearer") {
		return t, fmt.Errorf("its tokens are of type %q, not Bearer", cut(r.TokenType))
	}
	if r.RefreshToken != "" {
		if err := checkToken("refresh token", r.RefreshToken); err != nil {
			return t, err
		}
		t.Refresh = cred.NewSecret(r.RefreshToken)
		t.Rotated = !t.Refresh.Equal(want.refresh)
	}
	if len(t.Scopes) == 0 { // RFC 6749 section 5.1: as asked
		t.Scopes = slices.Clone(want.provider.Scopes)
	}
	life, err := lifetime(r.ExpiresIn)
	if err != nil {
		return t, err
	}
	if life >= 0 {
		t.Expires = a.asked.Add(life)
	}
	if r.IDToken != "" {
		t.Identity, err = readIdentity(r.IDToken, want, a.asked.Add(a.skew))
	}
	return t, err
}

// checkToken refuses what could be taken for something else once it is in a
// header, in Git's protocol or in the vault. It never quotes the value.
func checkToken(name, s string) error {
	switch {
	case s == "":
		return errors.New("it holds no " + name)
	case len(s) > maxToken:
		return fmt.Errorf("its %s is longer than %d KiB", name, maxToken>>10)
	case !visible(s):
		return errors.New("its " + name + " holds characters that tokens do not have")
	}
	return nil
}

// lifetime reads expires_in, seconds. -1: it does not say.
func lifetime(raw json.RawMessage) (time.Duration, error) {
	s := strings.Trim(string(raw), `"`)
	if s == "" || s == "null" {
		return -1, nil
	}
	seconds, err := strconv.ParseFloat(s, 64)
	if err != nil || seconds < 0 || math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return 0, errors.New("its expires_in is not a number of seconds")
	}
	return time.Duration(min(seconds, maxLife.Seconds())) * time.Second, nil
}

// refusal is the error of an answer that says what is wrong.
func (a *answer) refusal(r tokenReply) *Error {
	e := a.failure(kindOf(r.Error), nil)
	if a.busy() {
		e.Kind = ErrTemporary
	}
	e.Code, e.Suberror, e.Description = a.scrub(r.Error), a.scrub(r.Suberror), a.scrub(r.Description)
	var codes []int
	_ = json.Unmarshal(r.ErrorCodes, &codes) // only advice hangs on them
	e.AADSTS = numbers(codes, r.Description)
	e.Claims, e.CorrelationID = validClaims(a.scrub(r.Claims)), guid(r.CorrelationID)
	if e.CorrelationID == "" {
		e.CorrelationID = correlation(r.Description)
	}
	return e
}

// numbers collects AADSTS numbers, those of the text first: the text's first is
// the reason, the list can have it and what lies behind it.
func numbers(codes []int, text string) []int {
	const most = 8
	var all []int
	add := func(n int) {
		if n > 0 && len(all) < most && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	for _, m := range regexp.MustCompile(`\bAADSTS([0-9]{2,9})\b`).FindAllStringSubmatch(text, most) {
		n, _ := strconv.Atoi(m[1]) // nine digits fit
		add(n)
	}
	for _, n := range codes {
		add(n)
	}
	return all
}

// correlation finds "Correlation ID: <GUID>" in the text of an error that came
// through the browser.
func correlation(text string) string {
	m := regexp.MustCompile(`(?i)correlation id: ([0-9a-f-]{36})`).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return guid(m[1])
}

// guid returns s in lower case if it is one, else "".
func guid(s string) string {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	s = cred.Lower(s)
	if len(s) != len(form) {
		return ""
	}
	for i := range len(s) {
		hex := strings.IndexByte("0123456789abcdef", s[i]) >= 0
		if hex != (form[i] == 'x') || !hex && s[i] != '-' {
			return ""
		}
	}
	return s
}
