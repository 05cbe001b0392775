package emulator

import (
	"fmt"
	"net/url"
	"time"
)

// refreshToken is a refresh token, kept by its hash.
type refreshToken struct {
	signInGrant
	issued time.Time
	used   bool
}

// newRefreshToken makes a refresh token for a grant.
func (s *entra) newRefreshToken(g signInGrant) string {
	if len(s.refresh) >= maxGrants {
		clear(s.refresh)
	}
	token := newSecret("1.A", 96)
	s.refresh[hashSecret(token)] = &refreshToken{signInGrant: g, issued: s.now()}
	return token
}

// renew gives tokens for a refresh token (RFC 6749, 6).
func (s *entra) renew(app *application, rlm realm, form url.Values) (tokenReply, *stsError) {
	if form.Get("refresh_token") == "" {
		return tokenReply{}, missing("refresh_token")
	}
	t := s.refresh[hashSecret(form.Get("refresh_token"))]
	if t == nil || t.app != app {
		return tokenReply{}, badGrant()
	}
	g := t.signInGrant
	if problem := s.stillGood(t, rlm); problem != nil {
		return tokenReply{}, problem
	}
	if rlm.single() {
		if !g.account.in(rlm.tenant) {
			_, problem := s.admit(&authRequest{realm: rlm, app: app}, g.account)
			problem.kind = errInvalidGrant
			return tokenReply{}, problem
		}
		g.tenant = rlm.tenant
	}
	if problem := g.narrow(form); problem != nil {
		return tokenReply{}, problem
	}
	if problem := s.stillAllowed(g); problem != nil {
		return tokenReply{}, problem
	}
	t.used = true
	return s.issue(g, "", form.Get("client_info") == "1")
}

// stillGood checks the token itself.
func (s *entra) stillGood(t *refreshToken, rlm realm) *stsError {
	p := s.policies.tenant(cmpOr(rlm.tenant, t.tenant))
	now, stamp := s.now(), t.issued.Format("2006-01-02T15:04:05.0000000Z")
	switch {
	case t.used && p.RefreshOnce, t.family.revoked:
		t.family.revoked = true
		return badGrant()
	case now.Sub(t.issued) >= refreshTokenLife:
		return sts(700082, errInvalidGrant, "The refresh token has expired due to inactivity. The token was issued on %s and was inactive for 90.00:00:00.", stamp).sub("token_expired")
	case p.SignInFrequency > 0 && now.Sub(t.at) >= time.Duration(p.SignInFrequency):
		return sts(70043, errInvalidGrant, "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on %s and the maximum allowed lifetime for this request is %d.", stamp, int(time.Duration(p.SignInFrequency)/time.Second)).sub("token_expired")
	}
	return s.revoked(t.signInGrant, t.issued)
}

// revoked says whether an account has been disabled, or its sign-ins ended,
// since a grant was given.
func (s *entra) revoked(g signInGrant, issued time.Time) *stsError {
	a := g.account
	switch {
	case a.disabled:
		return sts(50057, errInvalidGrant, "The user account is disabled.")
	case g.serial < a.validFrom && a.passwordChanged:
		return sts(50133, errInvalidGrant, "The session is not valid due to password expiration or recent password change.").sub("bad_token")
	case g.serial < a.validFrom:
		return sts(50173, errInvalidGrant, "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '%s' and the TokensValidFrom date (before which tokens are not valid) for this user is '%s'.",
			issued.Format("2006-01-02T15:04:05.0000000Z"), a.validFromTime.Format("2006-01-02T15:04:05.0000000Z")).sub("bad_token")
	}
	return nil
}

// stillAllowed checks what may have changed since the sign-in.
func (s *entra) stillAllowed(g signInGrant) *stsError {
	if !g.mfa && s.wantsFactor(g.account, g.tenant) {
		problem := needFactor(g.scopes.resource)
		problem.kind = errInvalidGrant
		problem.claims = fmt.Sprintf(`{"access_token":{"polids":{"essential":true,"values":["%s"]}}}`, derivedGUID("mfa", g.tenant))
		return problem
	}
	if problem := s.conditional(g.account, g.tenant); problem != nil {
		return problem
	}
	if !g.app.consentGiven(g.account, g.scopes.names) {
		problem := noConsent(g.app)
		problem.kind = errInvalidGrant
		return problem
	}
	return nil
}
