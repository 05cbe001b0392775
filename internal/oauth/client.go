package oauth

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Client signs people in at one provider. It is safe for concurrent use.
type Client struct {
	provider Provider
	config   Config
	// pageTime is how long the listener waits, once all is done, for the browser
	// to fetch the page that says so.
	pageTime time.Duration
}

// New returns a Client. The error wraps ErrProvider.
func New(p Provider, c Config) (*Client, error) {
	p, err := p.check()
	if err != nil {
		return nil, err
	}
	if c.Transport == nil || c.Now == nil || c.Rand == nil {
		return nil, fmt.Errorf("%w: no transport, clock or randomness to work with", ErrProvider)
	}
	return &Client{provider: p, config: c, pageTime: 3 * time.Second}, nil
}

// Refresh trades a refresh token for new tokens. claims is what a challenge or
// an earlier error asked to be proved, usually "". It is sent once and never
// again: a provider that rotates its refresh tokens takes a second use of one
// for theft and revokes the family (RFC 9700 section 4.14.2,
// https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2). So the caller holds
// the lock of the account, stores Tokens.Refresh before anything else, and
// after ErrSignIn looks whether another process has stored a newer one.
func (c *Client) Refresh(ctx context.Context, refresh cred.Secret, claims string) (Tokens, error) {
	const op = "renew the sign-in"
	if err := checkToken("refresh token", refresh.Reveal()); err != nil {
		return Tokens{}, &Error{Kind: ErrSignIn, Op: op, Err: fmt.Errorf("what is stored is no refresh token: %w", err)}
	}
	form := url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {refresh.Reveal()},
		"client_id":     {c.provider.ClientID},
	}
	if len(c.provider.Scopes) > 0 {
		form.Set("scope", strings.Join(c.provider.Scopes, " "))
	}
	if claims = validClaims(claims); claims != "" {
		form.Set("claims", claims)
	}
	a, err := c.config.send(ctx, call{op: op, url: c.provider.TokenURL, form: form, confidential: []cred.Secret{refresh}})
	if err != nil {
		return Tokens{}, err
	}
	return a.tokens(expected{provider: c.provider, refresh: refresh})
}

// redeem trades the code that the browser brought for tokens.
// See https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3
// and https://www.rfc-editor.org/rfc/rfc7636#section-4.5
func (c *Client) redeem(ctx context.Context, t *transaction, code cred.Secret, claims string) (Tokens, error) {
	form := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code.Reveal()},
		"redirect_uri":  {t.redirect.String()},
		"client_id":     {c.provider.ClientID},
		"code_verifier": {t.verifier.Reveal()},
	}
	if claims != "" {
		form.Set("claims", claims)
	}
	req := call{op: "finish the sign-in", url: c.provider.TokenURL, form: form, confidential: []cred.Secret{code, t.verifier}}
	a, err := c.config.send(ctx, req)
	if err != nil {
		return Tokens{}, err
	}
	return a.tokens(expected{provider: c.provider, nonce: t.nonce})
}
