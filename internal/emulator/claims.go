package emulator

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// accessClaims are the claims of an access token of version 1.0, which Azure
// DevOps gets: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
type accessClaims struct {
	Audience   string   `json:"aud"`
	Issuer     string   `json:"iss"`
	IssuedAt   int64    `json:"iat"`
	NotBefore  int64    `json:"nbf"`
	Expires    int64    `json:"exp"`
	ACR        string   `json:"acr"`
	Methods    []string `json:"amr"`
	AppID      string   `json:"appid"`
	AppACR     string   `json:"appidacr"` // 0: a public client
	Provider   string   `json:"idp,omitempty"`
	IDType     string   `json:"idtyp,omitempty"` // app: a service principal
	IPAddress  string   `json:"ipaddr,omitempty"`
	Name       string   `json:"name,omitempty"`
	ObjectID   string   `json:"oid"`
	Scopes     string   `json:"scp,omitempty"`
	Subject    string   `json:"sub"`
	TenantID   string   `json:"tid"`
	UniqueName string   `json:"unique_name,omitempty"`
	UPN        string   `json:"upn,omitempty"`
	UTI        string   `json:"uti"`
	Version    string   `json:"ver"`
	Continuous []string `json:"xms_cc,omitempty"` // cp1: the client takes claims challenges
}

// accessToken makes the access token of a grant.
func (s *entra) accessToken(g signInGrant) (string, error) {
	a, now := g.account, s.now()
	c := accessClaims{
		Audience: g.scopes.resource, Issuer: issuerV1(g.tenant),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(accessTokenLife).Unix(),
		ACR: "1", Methods: []string{"pwd"}, AppID: g.app.id, AppACR: "0", IPAddress: "127.0.0.1", Name: a.displayName,
		ObjectID: a.oidIn(g.tenant), Scopes: strings.Join(g.scopes.names, " "), Subject: subjectOf(g),
		TenantID: g.tenant, UniqueName: a.upn, UPN: a.upn, UTI: newUTI(s.serial.Add(1)), Version: "1.0",
	}
	if g.mfa {
		c.Methods = append(c.Methods, "mfa")
	}
	if a.home != g.tenant {
		c.Provider = issuerV1(a.home)
	}
	if a.personal() {
		c.Provider, c.UniqueName, c.UPN = "live.com", "live.com#"+a.upn, ""
	}
	if g.continuous {
		c.Continuous = []string{"cp1"}
	}
	return s.signer.sign(c)
}

// appToken makes the access token of a service principal: an application by
// itself, which the claim idtyp tells.
func (s *entra) appToken(app *application, tenant string) (string, error) {
	now, oid := s.now(), derivedGUID("service principal", app.id, tenant)
	return s.signer.sign(accessClaims{
		Audience: azureDevOps, Issuer: issuerV1(tenant), IssuedAt: now.Unix(), NotBefore: now.Unix(),
		Expires: now.Add(accessTokenLife).Unix(), AppID: app.id, AppACR: "1", IDType: "app", Provider: issuerV1(tenant),
		ObjectID: oid, Subject: oid, TenantID: tenant, UTI: newUTI(s.serial.Add(1)), Version: "1.0",
	})
}

// subjectOf is the user's id for one application only.
func subjectOf(g signInGrant) string {
	hash := hashSecret("subject\x00" + g.app.id + "\x00" + g.tenant + "\x00" + g.account.oid)
	return b64(hash[:])
}

// idClaims are the claims of an id token of version 2.0:
// https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
type idClaims struct {
	Audience  string `json:"aud"`
	Issuer    string `json:"iss"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
	Provider  string `json:"idp,omitempty"`
	Email     string `json:"email,omitempty"`
	Name      string `json:"name,omitempty"`
	Nonce     string `json:"nonce,omitempty"`
	ObjectID  string `json:"oid,omitempty"`
	Username  string `json:"preferred_username,omitempty"`
	Subject   string `json:"sub"`
	TenantID  string `json:"tid"`
	UTI       string `json:"uti"`
	Version   string `json:"ver"`
}

// idToken makes the id token of a grant. Names need the scope profile.
func (s *entra) idToken(g signInGrant, nonce string) (string, error) {
	now := s.now()
	c := idClaims{
		Audience: g.app.id, Issuer: issuerV2(g.tenant), IssuedAt: now.Unix(), NotBefore: now.Unix(),
		Expires: now.Add(accessTokenLife).Unix(), Nonce: nonce, Subject: subjectOf(g), TenantID: g.tenant,
		UTI: newUTI(s.serial.Add(1)), Version: "2.0",
	}
	if g.scopes.has("profile") {
		c.Name, c.Username, c.ObjectID = g.account.displayName, g.account.upn, g.account.oidIn(g.tenant)
	}
	if g.scopes.has("email") {
		c.Email = g.account.upn
	}
	if g.account.home != g.tenant {
		c.Provider = issuerV1(g.account.home)
	}
	return s.signer.sign(c)
}

// bearer is an access token that a resource has checked.
type bearer struct {
	claims  accessClaims
	account *account
	serial  uint64
	// ended says that the account's sign-ins were ended after the token was
	// issued, and that the client can be told. A token of a client without
	// "cp1" lives on until it expires:
	// https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation
	ended bool
}

// checkBearer checks an access token as Azure DevOps does: signature,
// audience, issuer, validity, and that the account is still good.
func (s *entra) checkBearer(token string) (bearer, bool) {
	var b bearer
	if s.signer.verify(token, &b.claims) != nil {
		return b, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.serial = serialOf(b.claims.UTI)
	for _, a := range s.dir.accounts {
		if a.oidIn(b.claims.TenantID) == b.claims.ObjectID {
			b.account = a
		}
	}
	now := s.now()
	known := b.claims.IDType == "app" || b.account != nil && !b.account.disabled
	good := known && b.claims.Audience == azureDevOps && b.claims.Version == "1.0" &&
		b.claims.Issuer == issuerV1(b.claims.TenantID) &&
		now.Unix() < b.claims.Expires && now.Add(clockSkew).Unix() >= b.claims.NotBefore
	b.ended = good && b.account != nil && containsFold(b.claims.Continuous, "cp1") && b.serial < b.account.validFrom
	return b, good
}

// claimsChallenge is the claims that a new token must satisfy, as the
// resource sends them.
func claimsChallenge(now time.Time) string {
	data, _ := json.Marshal(map[string]any{"access_token": map[string]any{"nbf": map[string]any{
		"essential": true, "value": strconv.FormatInt(now.Unix(), 10),
	}}}) // of strings: cannot fail
	return string(data)
}
