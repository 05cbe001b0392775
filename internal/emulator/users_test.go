package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestChangesAreChecked(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	for name, err := range map[string]error{
		"action":       e.ChangeUser(UserChange{User: "ada@contoso.com", Action: "praise"}),
		"user":         e.ChangeUser(UserChange{User: "x@contoso.com", Action: UserLock}),
		"password":     e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserPassword}),
		"organization": e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserRemove, Organization: "x"}),
		"no access":    e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserAdd, Organization: "fabrikam"}),
		"org policy":   e.SetOrgPolicy("x", OrgPolicy{}),
		"status":       e.SetOrgPolicy("contoso", OrgPolicy{DeleteStatus: 500}),
		"page":         e.SetOrgPolicy("contoso", OrgPolicy{PageSize: -1}),
		"tenant":       e.SetTenantPolicy("x", TenantPolicy{}),
		"conditional":  e.SetTenantPolicy("contoso", TenantPolicy{ConditionalAccess: "moon"}),
		"days":         e.SetTenantPolicy("contoso", TenantPolicy{MaxPATDays: -1}),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, user := range []string{"x@contoso.com", "nate@contoso.com"} {
		if code, err := e.TOTP(user); err == nil {
			t.Errorf("%s has the code %s", user, code)
		}
	}
	for _, o := range []BearerOptions{{User: "x", Organization: "contoso"}, {User: "ada@contoso.com", Organization: "x"}, {User: "ada@contoso.com", Organization: "contoso", Client: "x"}} {
		if _, err := e.MintBearer(o); err == nil {
			t.Errorf("%+v: accepted", o)
		}
	}
}

// A seed that means nothing is refused, with the name of what is wrong.
func TestSeedOfEntraIsChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"tenants":[{"name":"t","policy":{"conditionalAccess":"x"}}]}`:               "conditionalAccess",
		`{"organizations":[{"name":"o","policy":{"deleteStatus":1}}]}`:                "deleteStatus",
		`{"users":[{"upn":"a@b.example","tenant":"x"}]}`:                              `tenant "x"`,
		`{"users":[{"upn":"a@b.example","guestOf":["x"]}]}`:                           `guestOf "x"`,
		`{"users":[{"upn":"a@b.example","totp":"x"}]}`:                                "totp",
		`{"applications":[{"name":"a","id":"x"}]}`:                                    "GUID",
		`{"applications":[{"name":"a","audience":"all"}]}`:                            "audience",
		`{"applications":[{"name":"a","audience":"AzureADMyOrg"}]}`:                   "tenant",
		`{"applications":[{"name":"a","redirects":["localhost"]}]}`:                   "redirect",
		`{"applications":[{"name":"a"},{"name":"a"}]}`:                                "twice",
		`{"applications":[{"name":"a","id":"872cd9fa-d31f-45e0-9eab-6e460a02d1f1"}]}`: "twice",
	} {
		seed, err := ParseSeed([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = New(Config{Seed: seed, Dir: t.TempDir(), Clock: time.Now}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Removed from an organization, and back: tokens of both kinds follow.
func TestRemoveFromOrganization(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	pat := mint(t, e, "ada@contoso.com", "vso.code")
	refs := web + "/info/refs?service=git-upload-pack"
	for _, tt := range []struct {
		action UserAction
		want   int
	}{{UserRemove, 401}, {UserAdd, 200}} {
		if err := e.ChangeUser(UserChange{User: "ada@contoso.com", Action: tt.action, Organization: "Contoso"}); err != nil {
			t.Fatal(err)
		}
		if r := get(t, client(t, e), "GET", refs, pat); r.status != tt.want {
			t.Errorf("%s: %d", tt.action, r.status)
		}
	}
}

// What client libraries ask before they trust an authority.
func TestEntraDiscovery(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	c := client(t, e)
	for realm, issuer := range map[string]string{
		"common": "https://login.microsoftonline.com/{tenantid}/v2.0", "organizations": "https://login.microsoftonline.com/{tenantid}/v2.0",
		"consumers": "https://login.microsoftonline.com/" + consumerTenant + "/v2.0", "contoso.com": "https://login.microsoftonline.com/" + contosoTID + "/v2.0",
		contosoTID: "https://login.microsoftonline.com/" + contosoTID + "/v2.0",
	} {
		var got openIDConfiguration
		r := get(t, c, "GET", "https://login.microsoftonline.com/"+realm+"/v2.0/.well-known/openid-configuration", "")
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || got.Issuer != issuer || !strings.HasSuffix(got.TokenEndpoint, "/oauth2/v2.0/token") {
			t.Errorf("%s: %d %s", realm, r.status, r.body)
		}
	}
	r := get(t, c, "GET", "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint=https://login.microsoftonline.com/common/oauth2/v2.0/authorize", "")
	if r.status != 200 || !strings.Contains(r.body, `"preferred_network":"login.microsoftonline.com"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	for path, want := range map[string]int{
		"common/discovery/instance": 400, "nobody.example/v2.0/.well-known/openid-configuration": 400, "common/oauth2/v2.0/token": 400,
		"common/oauth2/token": 404, "common/login": 405, "": 404,
	} {
		if r := get(t, c, "GET", "https://login.microsoftonline.com/"+path, ""); r.status != want {
			t.Errorf("%s: %d, want %d", path, r.status, want)
		}
	}
}

// Single fields of a policy change by the control call, strictly.
func TestControlPolicy(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	for _, tt := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"organization":"contoso","set":{"restrictPats":true}}`, 200, `{"restrictPats":true}`},
		{`{"organization":"contoso","set":{"pageSize":2}}`, 200, `{"restrictPats":true,"pageSize":2}`},
		{`{"organization":"contoso"}`, 200, `{"restrictPats":true,"pageSize":2}`},
		{`{"tenant":"contoso","set":{"lockFor":"2m","patUsers":["ada@contoso.com"]}}`, 200, `{"patUsers":["ada@contoso.com"],"lockFor":"2m0s"}`},
		{`{"tenant":"contoso","set":{"restrictPats":true}}`, 400, "unknown field"},
		{`{"organization":"contoso","tenant":"contoso"}`, 400, "is needed"},
		{`{"organization":"x"}`, 400, "no organization"},
	} {
		if r := control(t, e, "POST", "policy", tt.body); r.status != tt.status || !strings.Contains(r.body, tt.want) {
			t.Errorf("%s: %d %s", tt.body, r.status, r.body)
		}
	}
}

// A client that never finishes its request holds up nobody else.
func TestSlowBodyHoldsUpNobody(t *testing.T) {
	t.Parallel()
	e := startEntra(t)
	body, end := io.Pipe()
	t.Cleanup(func() { end.Close() })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.microsoftonline.com/common/oauth2/v2.0/token", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c := client(t, e)
	go func() {
		if res, err := c.Do(r); err == nil {
			res.Body.Close()
		}
	}()
	if _, err := end.Write([]byte("client_id=")); err != nil { // returns when it is on its way
		t.Fatal(err)
	}
	if got := newApp().tokens(t, e, "ada@contoso.com"); got.AccessToken == "" {
		t.Error("no token")
	}
	if r := get(t, c, "POST", "https://login.microsoftonline.com/common/oauth2/v2.0/token?%zz", ""); r.status != 400 {
		t.Errorf("a query that is none: %d", r.status)
	}
}
