package azdo

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Auth is how a request is authenticated. A call with the zero Auth, or an empty
// secret, fails with ErrNoCredential; one about personal access tokens with
// ErrNotBearer unless it is Bearer.
type Auth struct {
	scheme string
	secret cred.Secret
}

const (
	basic  = "Basic"
	bearer = "Bearer"
)

// PAT authenticates with a personal access token: Basic with an empty user.
// See https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
func PAT(token cred.Secret) Auth { return Auth{basic, token} }

// Bearer authenticates with an access token of Microsoft Entra.
func Bearer(token cred.Secret) Auth { return Auth{bearer, token} }

// set writes the header. It returns ErrNoCredential for a secret that would go
// out as something else than it is, or as nothing.
func (a Auth) set(h http.Header) error {
	secret := a.secret.Reveal()
	if secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ErrNoCredential
	}
	h.Set("Authorization", a.scheme+" "+a.encoded(secret))
	return nil
}

// managesPATs returns ErrNotBearer for what the service answers with a sign-in
// page: anything but a bearer token, also a personal access token posing as one.
func (a Auth) managesPATs() error {
	if _, isPAT := InspectPAT(a.secret); a.scheme != bearer || isPAT {
		return ErrNotBearer
	}
	return nil
}

func (a Auth) encoded(secret string) string {
	if a.scheme == basic {
		return base64.StdEncoding.EncodeToString([]byte(":" + secret))
	}
	return secret
}

// scrub takes the credential out of what the server says, should it quote it.
func (a Auth) scrub(s string) string {
	secret := a.secret.Reveal()
	if secret == "" {
		return s
	}
	const gone = "[secret]"
	return strings.NewReplacer(secret, gone, a.encoded(secret), gone).Replace(s)
}
