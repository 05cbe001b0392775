package oauth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Provider is an identity provider, and what we are to it. There is no client
// secret in it: a secret in a program that anybody can download is none
// (RFC 8252 section 8.5, https://www.rfc-editor.org/rfc/rfc8252#section-8.5).
type Provider struct {
	// Issuer is the provider's name for itself, a URL. It is compared, byte by
	// byte, with the iss of its answers and identity tokens. Empty: not known,
	// nothing is compared, and RedirectPath must be set.
	Issuer string
	// AuthorizeURL and TokenURL are its endpoints. They are https; http is for
	// a provider all of whose URLs are on loopback.
	AuthorizeURL, TokenURL string
	// IssuerInAnswer says that each of its answers names the issuer, as
	// authorization_response_iss_parameter_supported of its metadata announces:
	// one that does not is refused (RFC 9207 section 2.4).
	IssuerInAnswer bool
	ClientID       string
	Scopes         []string
	// RedirectHost is where the browser is sent with the answer: 127.0.0.1,
	// which is the default, ::1, or localhost where the provider demands that
	// name (RFC 8252 section 8.3 advises against it).
	RedirectHost string
	// RedirectPath is the path there. Empty: one of the issuer's own, so that no
	// other issuer's answer arrives there (RFC 9700 section 4.4.2.2).
	RedirectPath string
	// Params are sent to AuthorizeURL in addition to the protocol's own, which
	// they cannot replace.
	Params url.Values
}

// ownParams are the parameters of the authorize request that belong to the
// protocol or to one sign-in.
func ownParams() []string {
	return []string{
		"client_id", "response_type", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
		"login_hint", "domain_hint", "prompt", "claims", "request", "request_uri",
	}
}

// check fills in what was left out, and refuses what could not be meant.
func (p Provider) check() (Provider, error) {
	if err := secureURLs(p.Issuer, p.AuthorizeURL, p.TokenURL); err != nil {
		return p, err
	}
	if p.ClientID == "" || !visible(p.ClientID) {
		return p, fmt.Errorf("%w: no usable client id", ErrProvider)
	}
	for _, s := range p.Scopes {
		// scope-token of https://www.rfc-editor.org/rfc/rfc6749#section-3.3
		if s == "" || !visible(s) || strings.ContainsAny(s, `"\`) {
			return p, fmt.Errorf("%w: scope %q", ErrProvider, s)
		}
	}
	for name := range p.Params {
		if slices.Contains(ownParams(), name) {
			return p, fmt.Errorf("%w: parameter %q is not free to set", ErrProvider, name)
		}
	}
	if p.IssuerInAnswer && p.Issuer == "" {
		return p, fmt.Errorf("%w: no issuer to compare with", ErrProvider)
	}
	switch p.RedirectHost {
	case "":
		p.RedirectHost = loopback4
	case loopback4, loopback6, localhost:
	default:
		return p, fmt.Errorf("%w: redirect host %q is not loopback", ErrProvider, p.RedirectHost)
	}
	if p.RedirectPath == "" && p.Issuer != "" {
		sum := sha256.Sum256([]byte(p.Issuer))
		p.RedirectPath = "/signed-in/" + hex.EncodeToString(sum[:8])
	}
	if !strings.HasPrefix(p.RedirectPath, "/") || strings.ContainsFunc(p.RedirectPath, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("/-._~", r) }) {
		return p, fmt.Errorf("%w: redirect path %q", ErrProvider, p.RedirectPath)
	}
	p.Scopes = slices.Clone(p.Scopes)
	return p, nil
}

// secureURLs accepts https URLs, and http ones if all are on loopback. An
// empty issuer is not looked at.
func secureURLs(issuer, authorize, token string) error {
	urls := []string{authorize, token}
	if issuer != "" {
		urls = append(urls, issuer)
	}
	plain, away := false, false
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" || !visible(s) {
			return fmt.Errorf("%w: %q is not the URL of an endpoint", ErrProvider, s)
		}
		switch u.Scheme {
		case "https":
		case "http":
			plain = true
		default:
			return fmt.Errorf("%w: %q is not https", ErrProvider, s)
		}
		away = away || !isLoopback(u.Hostname())
	}
	if plain && away {
		return fmt.Errorf("%w: http is for a provider on this machine only", ErrProvider)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == localhost {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// visible reports whether s holds nothing but printing ASCII, without blanks.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
