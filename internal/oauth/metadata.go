package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// metadata is what we read of a provider's description of itself. See
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
// and https://www.rfc-editor.org/rfc/rfc8414#section-2.
type metadata struct {
	Issuer           string   `json:"issuer"`
	AuthorizeURL     string   `json:"authorization_endpoint"`
	TokenURL         string   `json:"token_endpoint"`
	ChallengeMethods []string `json:"code_challenge_methods_supported"`
	IssuerInAnswer   bool     `json:"authorization_response_iss_parameter_supported"`
}

// Discover asks an issuer for its endpoints. The result lacks what only the
// caller knows: ClientID, Scopes, and the redirect if it is not the usual one. A
// provider that does not say that it knows S256 is ErrNoPKCE (RFC 9700
// section 4.8).
func Discover(ctx context.Context, c Config, issuer string) (Provider, error) {
	if err := secureURLs(issuer, issuer, issuer); err != nil {
		return Provider{}, err
	}
	if strings.Contains(issuer, "?") {
		return Provider{}, fmt.Errorf("%w: issuer %q", ErrProvider, issuer)
	}
	a, err := c.send(ctx, call{
		op: "ask the identity provider for its endpoints", url: strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration",
	})
	if err != nil {
		return Provider{}, err
	}
	var m metadata
	switch err := a.decode(&m); {
	case a.status != 200:
		return Provider{}, a.unusable(nil)
	case err != nil:
		return Provider{}, a.failure(ErrReply, err)
	case m.Issuer != issuer:
		return Provider{}, a.failure(ErrReply, errors.New("it describes another issuer"))
	case !slices.Contains(m.ChallengeMethods, "S256"):
		return Provider{}, a.failure(ErrNoPKCE, nil)
	}
	// A server must not make us open or call anything else than a web site.
	if err := secureURLs(m.Issuer, m.AuthorizeURL, m.TokenURL); err != nil {
		return Provider{}, a.failure(ErrReply, fmt.Errorf("endpoints: %w", err))
	}
	return Provider{Issuer: issuer, AuthorizeURL: m.AuthorizeURL, TokenURL: m.TokenURL, IssuerInAnswer: m.IssuerInAnswer}, nil
}
