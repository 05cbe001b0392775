package emulator

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// authenticateBearer decides about an access token of Entra for an
// organization: the token must be good, of the organization's tenant, and its
// user a member.
func (e *Emulator) authenticateBearer(token string, o *organization) caller {
	c := caller{credential: CredentialBearer, verdict: rejected}
	b, ok := e.entra.checkBearer(token)
	if !ok || !o.takes(b.claims.TenantID) {
		return c
	}
	if b.account == nil {
		c.verdict, c.service = stranger, true // of whom only the token calls know
		return c
	}
	u := e.world.user(b.account.upn)
	switch {
	case b.ended || e.policies.challenges(o, b.serial):
		c.verdict = challenged
	case u == nil || !e.isMember(u, o):
		c.verdict, c.user = stranger, u
	default:
		c.verdict, c.user, c.scope = signedIn, u, bearerScope(b.claims.Scopes)
	}
	return c
}

// takes reports whether tokens of a tenant are good here. An organization
// without a tenant is for personal accounts.
func (o *organization) takes(tenant string) bool {
	if o.msa() {
		return tenant == consumerTenant || tenant == transferTenant
	}
	return tenant == o.tenant
}

// bearerScope turns the scopes of an access token into those that resources
// ask for: user_impersonation is everything.
func bearerScope(scp string) string {
	if hasWord(scp, scopeUser) {
		return scopeFull
	}
	return scp
}

// hasWord reports whether a list of words has one.
func hasWord(list, word string) bool {
	return containsFold(strings.Fields(list), word)
}

// challenges reports whether an organization wants a newer token.
func (p *policies) challenges(o *organization, serial uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := strings.ToLower(o.name)
	return p.orgs[name].ClaimsChallenge && serial <= p.challenged[name]
}

// isMember reports whether a user is in an organization, now.
func (e *Emulator) isMember(u *user, o *organization) bool {
	e.policies.mu.Lock()
	defer e.policies.mu.Unlock()
	return belongs(u.grants, o.name) && !e.policies.removed[membership(u.upn, o.name)]
}

// membership is the key of policies.removed.
func membership(upn, org string) string { return strings.ToLower(org + "\x00" + upn) }

// refuseStranger answers somebody who is known but not a member: 401 with the
// user's id, see
// https://learn.microsoft.com/azure/devops/organizations/security/troubleshoot-permissions
func (e *Emulator) refuseStranger(w http.ResponseWriter, r *http.Request, o *organization, c caller) {
	id := anonymousID
	if c.user != nil {
		id = c.user.vsid
	}
	text := "TF400813: The user '" + id + "' is not authorized to access this resource."
	setChallenges(w, o)
	if isGit(r) {
		writePlain(w, http.StatusUnauthorized, text)
		return
	}
	writeException(w, http.StatusUnauthorized, exceptionIn("Microsoft.TeamFoundation.Framework.Server", "UnauthorizedRequestException"), text)
}

// refuseClaims answers a token that is good but not good enough:
// https://learn.microsoft.com/entra/identity-platform/claims-challenge#claims-challenge-header-format
func (e *Emulator) refuseClaims(w http.ResponseWriter, o *organization) {
	claims := base64.StdEncoding.EncodeToString([]byte(claimsChallenge(e.Now())))
	w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://`+hostEntra+`/`+o.tenant+
		`/oauth2/authorize", error="insufficient_claims", claims="`+claims+`"`)
	writeException(w, http.StatusUnauthorized, exceptionIn("Microsoft.TeamFoundation.Framework.Server", "UnauthorizedRequestException"),
		"TF400813: Continuous access evaluation resulted in a challenge.")
}
