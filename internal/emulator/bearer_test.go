package emulator

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// bearerOf makes an access token or fails the test.
func bearerOf(t *testing.T, e *Emulator, o BearerOptions) string {
	t.Helper()
	token, err := e.MintBearer(o)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Which access tokens are good where.
func TestBearer(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	ada := bearerOf(t, e, BearerOptions{User: "ada@contoso.com", Organization: "contoso"})
	elsewhere := bearerOf(t, e, BearerOptions{User: "nina@northwind.com", Organization: "northwind"})
	outsider := bearerOf(t, e, BearerOptions{User: "lou@contoso.com", Organization: "contoso"})
	carol := bearerOf(t, e, BearerOptions{User: "carol@outlook.com", Organization: "personal"})
	parts := strings.Split(ada, ".")
	none := b64([]byte(`{"typ":"JWT","alg":"none"}`)) + "." + parts[1] + "."
	changed := parts[0] + "." + b64([]byte(`{"aud":"`+azureDevOps+`","upn":"ada@contoso.com"}`)) + "." + parts[2]
	graph, err := e.entra.accessToken(signInGrant{account: e.entra.dir.account("ada@contoso.com"), app: e.entra.dir.apps[visualStudio], tenant: contosoTID, scopes: authScopes{resource: graphID, names: []string{"User.Read"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, org, token string
		rest, git        int
	}{
		{"good", "contoso", ada, 200, 200},
		{"of another tenant", "contoso", elsewhere, 203, 401},
		{"a personal account in a tenant", "contoso", carol, 203, 401},
		{"a personal account", "personal", carol, 200, 404},
		{"a tenant's in a personal organization", "personal", ada, 203, 401},
		{"not a member", "contoso", outsider, 401, 401},
		{"a member elsewhere in the tenant", "fabrikam", ada, 401, 401},
		{"for another resource", "contoso", graph, 203, 401},
		{"without a signature", "contoso", none, 203, 401},
		{"changed", "contoso", changed, 203, 401},
		{"no token", "contoso", "x", 203, 401},
	} {
		r := api(t, e, "GET", "https://dev.azure.com/"+tt.org+"/_apis/connectionData", tt.token, "", suppress()...)
		if r.status != tt.rest {
			t.Errorf("%s: REST %d, want %d: %s", tt.name, r.status, tt.rest, r.body)
		}
		if tt.rest == 203 && !strings.Contains(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %s", tt.name, r.header.Get("Content-Type"))
		}
		refs := "https://dev.azure.com/" + tt.org + "/shop/_git/web/info/refs?service=git-upload-pack"
		if r := api(t, e, "GET", refs, tt.token, ""); r.status != tt.git {
			t.Errorf("%s: Git %d, want %d", tt.name, r.status, tt.git)
		}
		if r := get(t, client(t, e), "GET", refs, tt.token); r.status != tt.git {
			t.Errorf("%s as a password: Git %d, want %d", tt.name, r.status, tt.git)
		}
	}
	r := api(t, e, "PATCH", "https://dev.azure.com/contoso/_apis/projects/x?api-version=7.1", "x", "{}")
	if r.status != 401 || !strings.Contains(r.body, "TF400813") {
		t.Errorf("PATCH: %d %s", r.status, r.body)
	}
	e.Advance(accessTokenLife)
	if r := api(t, e, "GET", "https://dev.azure.com/contoso/_apis/connectionData", ada, ""); r.status != 203 {
		t.Errorf("expired: %d", r.status)
	}
}

// What happens to users reaches their access tokens.
func TestBearerAfterChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change     UserChange
		continuous bool
		want       int
	}{
		{UserChange{Action: UserDisable}, false, 203},
		{UserChange{Action: UserRevoke}, false, 200}, // it lives on until it expires
		{UserChange{Action: UserRevoke}, true, 401},  // a claims challenge
		{UserChange{Action: UserPassword, Password: "another"}, true, 401},
		{UserChange{Action: UserRemove, Organization: "contoso"}, true, 401},
	} {
		e := startEntra(t)
		token := bearerOf(t, e, BearerOptions{User: "ada@contoso.com", Organization: "contoso", Continuous: tt.continuous})
		tt.change.User = "ada@contoso.com"
		if err := e.ChangeUser(tt.change); err != nil {
			t.Fatal(err)
		}
		if r := api(t, e, "GET", "https://dev.azure.com/contoso/_apis/connectionData", token, ""); r.status != tt.want {
			t.Errorf("%+v: %d, want %d", tt.change, r.status, tt.want)
		}
	}
}

func TestScopesOfBearer(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	for scope, want := range map[string][3]int{ // repositories, push, tokens
		"":                               {200, 200, 200},
		"vso.code":                       {200, 403, 401},
		"vso.code_write":                 {200, 200, 401},
		"vso.pats":                       {401, 403, 200},
		"vso.pats_manage vso.code_write": {200, 200, 200},
		"vso.profile":                    {401, 403, 401},
	} {
		token := bearerOf(t, e, BearerOptions{User: "ada@contoso.com", Organization: "contoso", Scope: scope, Client: ownApp})
		got := [3]int{
			api(t, e, "GET", "https://dev.azure.com/contoso/_apis/git/repositories?api-version=7.1", token, "").status,
			api(t, e, "GET", web+"/info/refs?service=git-receive-pack", token, "").status,
			api(t, e, "GET", patsURL, token, "").status,
		}
		if got != want {
			t.Errorf("%q: %v, want %v", scope, got, want)
		}
	}
}

// The knob: tokens from before are challenged, new ones are not.
func TestClaimsChallenge(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	a := newApp()
	first := a.tokens(t, e, "ada@contoso.com")
	if err := e.SetOrgPolicy("contoso", OrgPolicy{ClaimsChallenge: true}); err != nil {
		t.Fatal(err)
	}
	r := api(t, e, "GET", "https://dev.azure.com/contoso/_apis/connectionData", first.AccessToken, "")
	challenge := r.header.Get("WWW-Authenticate")
	_, rest, _ := strings.Cut(challenge, `claims="`)
	encoded, _, _ := strings.Cut(rest, `"`)
	claims, err := base64.StdEncoding.DecodeString(encoded)
	if r.status != 401 || err != nil || !json.Valid(claims) || !strings.Contains(challenge, `error="insufficient_claims"`) {
		t.Fatalf("%d %q", r.status, challenge)
	}
	second := a.ask(t, e, "grant_type", "refresh_token", "refresh_token", first.RefreshToken, "claims", string(claims))
	if r := api(t, e, "GET", "https://dev.azure.com/contoso/_apis/connectionData", second.AccessToken, ""); r.status != 200 {
		t.Errorf("a new token: %d %s", r.status, r.body)
	}
}
