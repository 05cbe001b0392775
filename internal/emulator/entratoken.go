package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Lives of tokens: https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime
// and https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime.
// The service varies the first between 60 and 90 minutes.
const (
	accessTokenLife  = time.Hour
	refreshTokenLife = 90 * 24 * time.Hour // without use
)

// tokenReply is a successful reply of the token endpoint:
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#successful-response-2
type tokenReply struct {
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in"`
	ExtExpiresIn int    `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

// serveToken answers the token endpoint.
func (s *entra) serveToken(w http.ResponseWriter, r *http.Request, rlm realm) {
	if r.Method != http.MethodPost {
		sts(900561, errInvalidRequest, "The endpoint only accepts POST requests. Received a %s request.", r.Method).write(w, r, s.now())
		return
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		malformed().write(w, r, s.now())
		return
	}
	reply, problem := s.token(r.PostForm, rlm)
	if problem != nil {
		problem.write(w, r, s.now())
		return
	}
	writeJSON(w, http.StatusOK, "", reply)
}

// token carries out a token request.
func (s *entra) token(form url.Values, rlm realm) (tokenReply, *stsError) {
	id := strings.ToLower(form.Get("client_id"))
	if id == "" {
		return tokenReply{}, missing("client_id")
	}
	app, problem := s.client(id, rlm)
	switch {
	case problem != nil:
		return tokenReply{}, problem
	case form.Get("client_secret") != "" || form.Get("client_assertion") != "":
		return tokenReply{}, sts(700025, errInvalidClient, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
	}
	switch grant := form.Get("grant_type"); grant {
	case "":
		return tokenReply{}, missing("grant_type")
	case "authorization_code":
		return s.redeem(app, rlm, form)
	case "refresh_token":
		return s.renew(app, rlm, form)
	default:
		return tokenReply{}, sts(70003, errUnsupportedGrant, "The app requested an unsupported grant type '%s'.", printable(grant))
	}
}

// redeem gives tokens for an authorization code (RFC 6749, 4.1.3; RFC 7636, 4.6).
func (s *entra) redeem(app *application, rlm realm, form url.Values) (tokenReply, *stsError) {
	if form.Get("code") == "" {
		return tokenReply{}, missing("code")
	}
	c := s.codes[hashSecret(form.Get("code"))]
	switch {
	case c == nil || c.app != app:
		return tokenReply{}, badGrant()
	case rlm.single() && rlm.tenant != c.tenant:
		return tokenReply{}, sts(700005, errInvalidGrant, "Provided Authorization Code is intended to use against other tenant, thus rejected.")
	case c.used:
		c.family.revoked = c.family.revoked || s.policies.tenant(c.tenant).RefreshOnce
		return tokenReply{}, sts(54005, errInvalidGrant, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
	case s.now().Sub(c.issued) > codeLife:
		return tokenReply{}, sts(70008, errInvalidGrant, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.")
	case form.Get("redirect_uri") == "":
		return tokenReply{}, missing("redirect_uri")
	case form.Get("redirect_uri") != c.redirect:
		return tokenReply{}, sts(500112, errInvalidClient, "The reply address '%s' does not match the reply address '%s' provided when requesting Authorization code.", printable(form.Get("redirect_uri")), c.redirect)
	}
	if problem := c.checkVerifier(form.Get("code_verifier")); problem != nil {
		return tokenReply{}, problem
	}
	if problem := s.revoked(c.signInGrant, c.issued); problem != nil {
		return tokenReply{}, problem
	}
	g := c.signInGrant
	if problem := g.narrow(form); problem != nil {
		return tokenReply{}, problem
	}
	c.used = true
	return s.issue(g, c.nonce, c.clientInfo || form.Get("client_info") == "1")
}

// checkVerifier compares PKCE's verifier with its challenge.
func (c *grantedCode) checkVerifier(verifier string) *stsError {
	switch {
	case c.challenge == "" && verifier == "":
		return nil
	case verifier == "":
		return sts(50148, errInvalidGrant, "The code_verifier does not match the code_challenge supplied in the authorization request for PKCE.")
	case len(verifier) < 43 || len(verifier) > 128:
		return sts(501491, errInvalidGrant, "Invalid size of Code_Verifier parameter.")
	}
	got := verifier
	if c.method == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		got = b64(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(got), []byte(c.challenge)) != 1 {
		return sts(501481, errInvalidGrant, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	return nil
}

// narrow replaces the scopes by those of a token request, if it has any.
func (g *signInGrant) narrow(form url.Values) *stsError {
	if form.Get("scope") != "" {
		asked, problem := parseScopes(form.Get("scope"), g.app, g.tenant)
		if problem != nil {
			return problem
		}
		oidc := g.scopes.oidc
		if len(asked.asked) > 0 {
			g.scopes = asked
		}
		g.scopes.oidc = oidc
	}
	if form.Get("claims") == "" {
		return nil
	}
	var problem *stsError
	g.continuous, problem = readClaims(form.Get("claims"))
	return problem
}

// issue makes the tokens of a grant.
func (s *entra) issue(g signInGrant, nonce string, wantsInfo bool) (tokenReply, *stsError) {
	access, err := s.accessToken(g)
	if err != nil {
		return tokenReply{}, sts(50000, "server_error", "%s", err.Error())
	}
	reply := tokenReply{
		TokenType: "Bearer", Scope: g.scopes.reply(), AccessToken: access,
		ExpiresIn: int(accessTokenLife/time.Second) - 1, ExtExpiresIn: int(accessTokenLife/time.Second) - 1,
	}
	if g.scopes.has("openid") {
		if reply.IDToken, err = s.idToken(g, nonce); err != nil {
			return tokenReply{}, sts(50000, "server_error", "%s", err.Error())
		}
	}
	if g.scopes.has("offline_access") {
		reply.RefreshToken = s.newRefreshToken(g)
	}
	if wantsInfo {
		reply.ClientInfo = clientInfo(g.account)
	}
	return reply, nil
}
