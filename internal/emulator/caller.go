package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credential is what kind of thing a request presented.
type Credential string

// The kinds, as the request log names them.
const (
	CredentialNone   Credential = "none"
	CredentialPAT    Credential = "pat"    // a secret the emulator issued
	CredentialBasic  Credential = "basic"  // some other user name and password
	CredentialBearer Credential = "bearer" // an OAuth access token
	CredentialCookie Credential = "cookie" // a person's browser
	CredentialSSHKey Credential = "sshkey" // the signature of an SSH key
	CredentialOther  Credential = "other"
)

// verdict is what became of it.
type verdict int

const (
	anonymous  verdict = iota // nothing presented
	rejected                  // presented, and worthless here
	expired                   // a token of this organization, too old
	challenged                // a bearer token that must be renewed with claims
	stranger                  // a good bearer token of somebody who is not a member
	signedIn
)

// caller is who makes a request.
type caller struct {
	credential Credential
	verdict    verdict
	user       *user  // set if signedIn, and perhaps of a stranger
	scope      string // of the token, if signedIn
	patID      string // set for every known token, also a refused one
	service    bool   // a service principal
}

// authenticate decides who makes a request to an organization. A password is
// never accepted unless it is a token: alternate credentials were removed in
// January 2024, see
// https://learn.microsoft.com/en-us/azure/devops/repos/git/auth-overview
func (e *Emulator) authenticate(r *http.Request, o *organization) caller {
	header := r.Header.Get("Authorization")
	kind, value, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return e.authenticateCookie(r, o)
	case strings.EqualFold(kind, "Bearer"):
		return e.authenticateBearer(strings.TrimSpace(value), o)
	case !strings.EqualFold(kind, "Basic"):
		return caller{credential: CredentialOther, verdict: rejected}
	}
	_, password, ok := r.BasicAuth()
	if looksLikeJWT(password) {
		// An access token is taken for a password as well: Git has no better way
		// before 2.46, see https://learn.microsoft.com/azure/devops/repos/git/auth-overview
		if c := e.authenticateBearer(password, o); c.verdict != rejected {
			return c
		}
	}
	pat, known := e.pats.find(password)
	if !ok || !known {
		return caller{credential: CredentialBasic, verdict: rejected}
	}
	c := caller{credential: CredentialPAT, patID: pat.ID, verdict: e.judge(pat, o)}
	if c.verdict == signedIn {
		c.user, c.scope = e.world.user(pat.User), pat.Scope
		e.pats.used(pat.ID)
	}
	return c
}

// judge says whether a known token is good for the organization now. Only
// expiry is told apart, and only to those the token was good for.
func (e *Emulator) judge(p PAT, o *organization) verdict {
	now := e.Now()
	u := e.world.user(p.User)
	global := p.Organizations == nil
	policy := e.policies.org(o.name)
	switch {
	case !p.Revoked.IsZero() && !now.Before(p.Revoked.Add(time.Duration(policy.RevocationDelay))), now.Before(p.ValidFrom.Add(-clockSkew)):
		return rejected
	case !global && !slices.Contains(p.Organizations, o.name):
		return rejected
	case global && !now.Before(e.globalPATsEnd), global && policy.RestrictPATs && !containsFold(policy.PATUsers, p.User):
		return rejected
	case !e.isMember(u, o):
		return rejected
	case !now.Before(p.ValidTo):
		return expired
	}
	return signedIn
}

// clockSkew lets a token be used whose start is a moment ahead of a clock
// that a test has moved back.
const clockSkew = 5 * time.Minute
