package emulator

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// decodePart reads one part of a token.
func decodePart(t *testing.T, part string, into any) {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// publishedKey reads the metadata of contoso and the key it leads to.
func publishedKey(t *testing.T, e *Emulator) (key *rsa.PublicKey, keyID, issuer string) {
	t.Helper()
	c := client(t, e)
	var meta openIDConfiguration
	if err := json.Unmarshal([]byte(get(t, c, "GET", "https://login.microsoftonline.com/"+contosoTID+"/v2.0/.well-known/openid-configuration", "").body), &meta); err != nil {
		t.Fatal(err)
	}
	var keys struct{ Keys []jwk }
	if err := json.Unmarshal([]byte(get(t, c, "GET", meta.JWKSURI, "").body), &keys); err != nil || len(keys.Keys) != 1 {
		t.Fatalf("%v %v", keys, err)
	}
	number := func(s string) *big.Int {
		data, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(data)
	}
	return &rsa.PublicKey{N: number(keys.Keys[0].N), E: int(number(keys.Keys[0].E).Int64())}, keys.Keys[0].KeyID, meta.Issuer
}

// Tokens are verified here as a stranger would: by the published key, the
// published issuer, and the documented claims.
func TestTokensByThePublishedKey(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	got := a.tokens(t, e, "ada@contoso.com")
	public, keyID, issuer := publishedKey(t, e)
	for _, token := range []string{got.AccessToken, got.IDToken} {
		parts := strings.Split(token, ".")
		var header jwtHeader
		decodePart(t, parts[0], &header)
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil || header.KeyID != keyID || header.Algorithm != "RS256" || header.Type != "JWT" {
			t.Errorf("%v %+v", err, header)
		}
	}
	var access, id map[string]any
	decodePart(t, strings.Split(got.AccessToken, ".")[1], &access)
	decodePart(t, strings.Split(got.IDToken, ".")[1], &id)
	for claims, want := range map[*map[string]any]map[string]any{
		&access: {
			"aud": azureDevOps, "iss": "https://sts.windows.net/" + contosoTID + "/", "tid": contosoTID, "upn": "ada@contoso.com",
			"unique_name": "ada@contoso.com", "scp": "user_impersonation", "appid": visualStudio, "ver": "1.0", "appidacr": "0", "name": "Ada",
		},
		&id: {
			"aud": visualStudio, "iss": issuer, "tid": contosoTID, "preferred_username": "ada@contoso.com", "nonce": "n1", "ver": "2.0", "name": "Ada",
		},
	} {
		for name, value := range want {
			if (*claims)[name] != value {
				t.Errorf("%s: %v, want %v", name, (*claims)[name], value)
			}
		}
		if life := (*claims)["exp"].(float64) - (*claims)["iat"].(float64); life != 3600 || !isGUID((*claims)["oid"].(string)) {
			t.Errorf("life %v, oid %v", life, (*claims)["oid"])
		}
	}
	if amr := access["amr"].([]any); len(amr) != 2 || amr[1] != "mfa" || access["xms_cc"] != nil {
		t.Errorf("amr %v, xms_cc %v", amr, access["xms_cc"])
	}
	var info map[string]string
	decodePart(t, got.ClientInfo, &info)
	if info["uid"] != access["oid"] || info["utid"] != contosoTID {
		t.Errorf("client_info %v", info)
	}
	if words := strings.Fields(got.Scope); !slices.Contains(words, azureDevOps+"/.default") || slices.Contains(words, "offline_access") {
		t.Errorf("scope %q", got.Scope)
	}
}

// What comes back depends on what was asked for.
func TestWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	a.scope = azureDevOps + "/.default"
	if got := a.tokens(t, e, "ada@contoso.com"); got.RefreshToken != "" || got.IDToken != "" {
		t.Error("tokens that nobody asked for")
	}
	a = newApp()
	a.tenant = "common"
	guest := a.tokens(t, e, "gwen@northwind.com")
	var claims accessClaims
	decodePart(t, strings.Split(guest.AccessToken, ".")[1], &claims)
	if claims.TenantID != northwind || claims.Provider != "" {
		t.Errorf("at home: %+v", claims)
	}
	a.tenant = contosoTID
	inContoso := a.renew(t, e, guest.RefreshToken)
	decodePart(t, strings.Split(inContoso.AccessToken, ".")[1], &claims)
	if claims.TenantID != contosoTID || claims.Provider != "https://sts.windows.net/"+northwind+"/" {
		t.Errorf("as a guest: %+v", claims)
	}
	checkRefusal(t, "no guest", a.renew(t, e, func() string {
		b := newApp()
		b.tenant = northwind
		return b.tokens(t, e, "nina@northwind.com").RefreshToken
	}()), 400, 50020, "invalid_grant")
	a.tenant = "consumers"
	decodePart(t, strings.Split(a.tokens(t, e, "carol@outlook.com").AccessToken, ".")[1], &claims)
	if claims.TenantID != consumerTenant || claims.Provider != "live.com" {
		t.Errorf("personal: %+v", claims)
	}
	p := newPerson(t, e)
	b := newApp()
	b.tenant = "organizations"
	p.visit(b.url("msal_request_type", "consumer_passthrough")).signIn("carol@outlook.com")
	decodePart(t, strings.Split(b.code(t, e, p.landed.Query().Get("code")).AccessToken, ".")[1], &claims)
	if claims.TenantID != transferTenant {
		t.Errorf("passed through: %+v", claims)
	}
}

// Entra keeps the old refresh token alive.
func TestRefreshTokensOfEntra(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	first := a.tokens(t, e, "ada@contoso.com")
	second := a.renew(t, e, first.RefreshToken)
	if second.RefreshToken == "" || second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken || second.IDToken == "" {
		t.Errorf("%+v", second)
	}
	if again := a.renew(t, e, first.RefreshToken); again.status != 200 {
		t.Errorf("the old token: %+v", again.stsReply)
	}
	e.Advance(89 * 24 * time.Hour)
	third := a.renew(t, e, second.RefreshToken)
	checkRefusal(t, "used within 90 days", third, 200, 0, "")
	e.Advance(2 * 24 * time.Hour)
	checkRefusal(t, "not used for 90 days", a.renew(t, e, second.RefreshToken), 400, 700082, "invalid_grant")
	checkRefusal(t, "its successor", a.renew(t, e, third.RefreshToken), 200, 0, "")
}

// As a knob: single use, and the second use of one ends the whole family.
func TestSingleUseRefreshTokens(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	if err := e.SetTenantPolicy("contoso", TenantPolicy{RefreshOnce: true}); err != nil {
		t.Fatal(err)
	}
	a := newApp()
	first, other := a.tokens(t, e, "ada@contoso.com"), a.tokens(t, e, "gwen@northwind.com")
	second := a.renew(t, e, first.RefreshToken)
	third := a.renew(t, e, second.RefreshToken)
	checkRefusal(t, "in turn", third, 200, 0, "")
	checkRefusal(t, "the first one again", a.renew(t, e, first.RefreshToken), 400, 70000, "invalid_grant")
	checkRefusal(t, "the newest after that", a.renew(t, e, third.RefreshToken), 400, 70000, "invalid_grant")
	checkRefusal(t, "another sign-in", a.renew(t, e, other.RefreshToken), 200, 0, "")
}

// A code that comes twice was stolen: with the knob, what it gave ends too
// (RFC 6749, 4.1.2).
func TestCodeTwice(t *testing.T) {
	t.Parallel()
	for once, code := range map[bool]int{false: 0, true: 70000} {
		e := startEntra(t)
		if err := e.SetTenantPolicy("contoso", TenantPolicy{RefreshOnce: once}); err != nil {
			t.Fatal(err)
		}
		a := newApp()
		value := newPerson(t, e).visit(a.url()).signIn("ada@contoso.com").landed.Query().Get("code")
		first := a.code(t, e, value)
		checkRefusal(t, "twice", a.code(t, e, value), 400, 54005, "invalid_grant")
		checkRefusal(t, "the refresh token", a.renew(t, e, first.RefreshToken), 400, code, "invalid_grant")
	}
}

// Twenty at once: all of them with Entra's own tokens, one with the knob.
func TestParallelRefreshes(t *testing.T) {
	t.Parallel()
	for once, want := range map[bool]int{false: 20, true: 1} {
		e := startEntra(t)
		if err := e.SetTenantPolicy("contoso", TenantPolicy{RefreshOnce: once}); err != nil {
			t.Fatal(err)
		}
		a := newApp()
		first := a.tokens(t, e, "ada@contoso.com")
		var group sync.WaitGroup
		good := make(chan tokenAnswer, 20)
		for range 20 {
			group.Go(func() { good <- a.renew(t, e, first.RefreshToken) })
		}
		group.Wait()
		close(good)
		n, seen := 0, map[string]bool{}
		for got := range good {
			if got.status == 200 {
				n++
				seen[got.RefreshToken] = true
			}
		}
		if n != want || len(seen) != n {
			t.Errorf("single use %v: %d succeeded with %d tokens, want %d", once, n, len(seen), want)
		}
	}
}

// What an administrator does afterwards ends refresh tokens.
func TestRefreshAfterChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		action   UserAction
		policy   TenantPolicy
		code     int
		suberror string
		claims   bool
	}{
		{"sign-ins ended", UserRevoke, TenantPolicy{}, 50173, "bad_token", false},
		{"password changed", UserPassword, TenantPolicy{}, 50133, "bad_token", false},
		{"disabled", UserDisable, TenantPolicy{}, 50057, "", false},
		{"blocked", "", TenantPolicy{ConditionalAccess: "block"}, 53003, "message_only", true},
		{"device", "", TenantPolicy{ConditionalAccess: "device"}, 53000, "message_only", false},
		{"sign-in frequency", "", TenantPolicy{SignInFrequency: Duration(time.Minute)}, 70043, "token_expired", false},
		{"nothing", "", TenantPolicy{}, 0, "", false},
	} {
		e := startEntra(t)
		a := newApp()
		first := a.tokens(t, e, "ada@contoso.com")
		if tt.action != "" {
			if err := e.ChangeUser(UserChange{User: "ada@contoso.com", Action: tt.action, Password: "another"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.SetTenantPolicy("contoso", tt.policy); err != nil {
			t.Fatal(err)
		}
		e.Advance(2 * time.Minute)
		got := a.renew(t, e, first.RefreshToken)
		checkRefusal(t, tt.name, got, 400, tt.code, "invalid_grant")
		if got.Suberror != tt.suberror || (got.Claims != "") != tt.claims || got.Claims != "" && !json.Valid([]byte(got.Claims)) {
			t.Errorf("%s: suberror %q, claims %q", tt.name, got.Suberror, got.Claims)
		}
	}
	e := startEntra(t)
	if err := e.SetTenantPolicy("contoso", TenantPolicy{MFAOff: true}); err != nil {
		t.Fatal(err)
	}
	a := newApp()
	first := a.tokens(t, e, "nate@contoso.com")
	if err := e.SetTenantPolicy("contoso", TenantPolicy{}); err != nil {
		t.Fatal(err)
	}
	got := a.renew(t, e, first.RefreshToken)
	checkRefusal(t, "a second factor since", got, 400, 50076, "invalid_grant")
	if got.Suberror != "basic_action" || !json.Valid([]byte(got.Claims)) {
		t.Errorf("suberror %q, claims %q", got.Suberror, got.Claims)
	}
}

// PKCE is optional, and checked where it is used; plain is a method too.
func TestPKCE(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	p := newPerson(t, e).visit(a.url("code_challenge", "", "code_challenge_method", "")).signIn("ada@contoso.com")
	checkRefusal(t, "a verifier without a challenge", a.code(t, e, p.landed.Query().Get("code")), 400, 501481, "invalid_grant")
	without := a.ask(t, e, "grant_type", "authorization_code", "code", p.landed.Query().Get("code"), "redirect_uri", a.redirect)
	checkRefusal(t, "without", without, 200, 0, "")
	p.visit(a.url("code_challenge", a.verifier, "code_challenge_method", "plain"))
	checkRefusal(t, "plain", a.code(t, e, p.landed.Query().Get("code")), 200, 0, "")
}
