package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// pats calls the token API of contoso as Ada.
type pats struct {
	t     *testing.T
	e     *Emulator
	token string
}

func startPATs(t *testing.T) pats {
	t.Helper()
	e := startEntra(t)
	return pats{t, e, bearerOf(t, e, BearerOptions{User: "ada@contoso.com", Organization: "contoso"})}
}

// call makes one call; query begins with & or is empty.
func (p pats) call(method, query, body string) (patResult, reply) {
	p.t.Helper()
	r := api(p.t, p.e, method, patsURL+query, p.token, body)
	var got patResult
	_ = json.Unmarshal([]byte(strings.TrimPrefix(r.body, "\ufeff")), &got)
	return got, r
}

// create makes a token with a life.
func (p pats) create(name, scope string, life time.Duration) *patToken {
	p.t.Helper()
	got, r := p.call("POST", "", `{"displayName":"`+name+`","scope":"`+scope+`","validTo":"`+p.e.Now().Add(life).Format(time.RFC3339Nano)+`","allOrgs":false}`)
	if got.Error != patNone || got.PATToken == nil || got.PATToken.Token == nil || !ValidToken(*got.PATToken.Token) {
		p.t.Fatalf("%d %s", r.status, r.body)
	}
	return got.PATToken
}

// What a request must be like.
func TestCreateInput(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	in := func(d time.Duration) string { return p.e.Now().Add(d).Format(time.RFC3339) }
	for _, tt := range []struct {
		body string
		want patError
	}{
		{`{"displayName":"n","scope":"vso.code"}`, patNone},
		{`{"displayName":"n","scope":"app_token"}`, patNone},
		{`{"displayName":"n","scope":" vso.code_write  vso.packaging "}`, patNone},
		{`{"DisplayName":"n","Scope":"vso.code","unknown":1}`, patNone},
		{`{"displayName":"n","scope":"vso.code","allOrgs":true}`, patNone},
		{`{"scope":"vso.code"}`, patNameRequired},
		{`{"displayName":"  ","scope":"vso.code"}`, patNameRequired},
		{`{"displayName":"a\u0007b","scope":"vso.code"}`, patInvalidName},
		{`{"displayName":"` + strings.Repeat("n", 256) + `","scope":"vso.code"}`, patInvalidName},
		{`{"displayName":"n"}`, patInvalidScope},
		{`{"displayName":"n","scope":""}`, patInvalidScope},
		{`{"displayName":"n","scope":"vso.nothing"}`, patInvalidScope},
		{`{"displayName":"n","scope":"vso.pats_manage"}`, patInvalidScope},
		{`{"displayName":"n","scope":"user_impersonation"}`, patInvalidScope},
		{`{"displayName":"n","scope":"app_token vso.code"}`, patInvalidScope},
		{`{"displayName":"n","scope":"vso.code","validTo":"` + in(-time.Hour) + `"}`, patInvalidValidTo},
		{`{"displayName":"n","scope":"vso.code","validTo":"` + in(370*24*time.Hour) + `"}`, patInvalidValidTo},
		{`{"displayName":"n","scope":"vso.code","validTo":"` + in(365*24*time.Hour) + `"}`, patNone},
	} {
		got, r := p.call("POST", "", tt.body)
		if r.status != 200 || got.Error != tt.want || (got.PATToken == nil) != (tt.want != patNone) || (got.Message == "") != (tt.want == patNone) {
			t.Errorf("%s: %d %s", tt.body, r.status, r.body)
		}
	}
	for _, body := range []string{"", "[", `{"validTo":"tomorrow"}`, `"x"`} {
		if _, r := p.call("POST", "", body); r.status != 400 {
			t.Errorf("%q: %d", body, r.status)
		}
	}
}

// The reply of the specification's example, to the letter of its forms.
func TestCreateReply(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	at, err := time.Parse(time.RFC3339, "2020-11-02T22:56:52Z")
	if err != nil {
		t.Fatal(err)
	}
	p.e.SetClock(at.AddDate(5, 0, 0))
	p.token = bearerOf(t, p.e, BearerOptions{User: "ada@contoso.com", Organization: "contoso"})
	_, r := p.call("POST", "", `{"displayName":"new_token","scope":"app_token","validTo":"2025-12-01T23:46:23.319Z","allOrgs":false}`)
	var got map[string]any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatal(err)
	}
	token := got["patToken"].(map[string]any)
	if token["validTo"] != "2025-12-01T23:46:23.32Z" || got["patTokenError"] != "none" || token["scope"] != "app_token" || len(token) != 7 || len(got) != 2 {
		t.Errorf("%s", r.body)
	}
	if accounts := token["targetAccounts"].([]any); len(accounts) != 1 || accounts[0] != p.e.world.org("contoso").instanceID {
		t.Errorf("targetAccounts %v", accounts)
	}
	if r.header.Get("Content-Type") != "application/json; charset=utf-8; api-version=7.1-preview.1" {
		t.Errorf("%s", r.header.Get("Content-Type"))
	}
	for in, want := range map[string]string{
		"2020-11-02T22:56:52.104Z": "2020-11-02T22:56:52.1033333Z", "2020-10-29T17:26:46.72Z": "2020-10-29T17:26:46.72Z",
		"2020-10-29T17:26:46Z": "2020-10-29T17:26:46Z", "2020-12-31T23:59:59.9999Z": "2021-01-01T00:00:00Z",
	} {
		if at, _ := time.Parse(time.RFC3339Nano, in); sqlTime(at) != want {
			t.Errorf("%s: %s, want %s", in, sqlTime(at), want)
		}
	}
}

func TestUpdateAndRevoke(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	made, short := p.create("n", "vso.code", 48*time.Hour), p.create("s", "vso.code", time.Minute)
	id := made.AuthorizationID
	got, _ := p.call("PUT", "", `{"authorizationId":"`+strings.ToUpper(id)+`","displayName":"m","scope":"vso.code_write","allOrgs":true}`)
	if got.Error != patNone || got.PATToken.DisplayName != "m" || got.PATToken.Scope != "vso.code_write" || got.PATToken.TargetAccounts != nil || got.PATToken.ValidTo != made.ValidTo {
		t.Errorf("%+v", got.PATToken)
	}
	if got, _ := p.call("GET", "&authorizationId="+id, ""); got.Error != patNone || got.PATToken.DisplayName != "m" || got.PATToken.Token != nil {
		t.Errorf("%+v", got)
	}
	p.e.Advance(2 * time.Minute)
	for body, want := range map[string]patError{
		`{"displayName":"x"}`: patInvalidID,
		`{"authorizationId":"` + derivedGUID("x") + `","displayName":"x"}`:      patNoAuthorization,
		`{"authorizationId":"` + id + `","displayName":""}`:                     patNameRequired,
		`{"authorizationId":"` + id + `","scope":"x"}`:                          patInvalidScope,
		`{"authorizationId":"` + short.AuthorizationID + `","displayName":"x"}`: patExpiredNoExtended,
	} {
		if got, r := p.call("PUT", "", body); got.Error != want || r.status != 200 {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	if err := p.e.SetOrgPolicy("contoso", OrgPolicy{ReviveExpired: true, DeleteStatus: 200, RevocationDelay: Duration(30 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if got, _ := p.call("PUT", "", `{"authorizationId":"`+short.AuthorizationID+`","validTo":"`+p.e.Now().Add(time.Hour).Format(time.RFC3339)+`"}`); got.Error != patNone {
		t.Errorf("revived: %+v", got)
	}
	if _, r := p.call("DELETE", "&authorizationId="+id, ""); r.status != 200 || r.body != "" {
		t.Errorf("DELETE: %d %q", r.status, r.body)
	}
	if _, r := p.call("DELETE", "&authorizationId="+id, ""); r.status != 200 {
		t.Errorf("again: %d", r.status)
	}
	refs := web + "/info/refs?service=git-upload-pack"
	if r := get(t, client(t, p.e), "GET", refs, *made.Token); r.status != 200 {
		t.Errorf("within the delay: %d", r.status)
	}
	p.e.Advance(31 * time.Minute)
	if r := get(t, client(t, p.e), "GET", refs, *made.Token); r.status != 401 {
		t.Errorf("after the delay: %d", r.status)
	}
	if got, _ := p.call("PUT", "", `{"authorizationId":"`+id+`","displayName":"x"}`); got.Error != patNotUpdated {
		t.Errorf("a revoked one: %+v", got)
	}
	for query, want := range map[string]int{"&authorizationId=" + derivedGUID("x"): 404, "&authorizationId=x": 400, "": 400} {
		if _, r := p.call("DELETE", query, ""); r.status != want {
			t.Errorf("DELETE %s: %d, want %d", query, r.status, want)
		}
	}
}

// How the replies vary.
func TestPATReplies(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	if err := p.e.SetOrgPolicy("contoso", OrgPolicy{NoMessage: true, BOM: true, Spray: true}); err != nil {
		t.Fatal(err)
	}
	_, r := p.call("POST", "", `{"displayName":"n","scope":"x"}`)
	if !strings.HasPrefix(r.body, "\ufeff{") || strings.Contains(r.body, "patTokenErrorMessage") || !strings.Contains(r.body, "emulatorUnknown") {
		t.Errorf("%q", r.body)
	}
	if _, err := p.e.AddFault(Fault{Kind: FaultSlowDown, Path: "*/tokens/pats", RetryAfter: 7}); err != nil {
		t.Fatal(err)
	}
	if got, r := p.call("POST", "", `{"displayName":"n","scope":"vso.code"}`); r.status != 200 || got.Error != patNone || r.header.Get("Retry-After") != "7" {
		t.Errorf("%d %v", r.status, r.header)
	}
	if _, err := p.e.AddFault(Fault{Kind: FaultDropAfter, Method: "POST", Path: "*/tokens/pats", Count: -1}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, patsURL, strings.NewReader(`{"displayName":"lost","scope":"vso.code"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	if res, err := client(t, p.e).Do(req); err == nil {
		res.Body.Close()
		t.Error("an answer")
	}
	if !slices.ContainsFunc(p.e.PATs(), func(x PAT) bool { return x.Name == "lost" }) {
		t.Error("the token was not made")
	}
}

// Who may call: a person with an access token, in a known version.
func TestPATCallers(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	pat := mint(t, p.e, "ada@contoso.com", "app_token")
	c := client(t, p.e)
	for name, r := range map[string]reply{
		"a token":                     get(t, c, "GET", patsURL, pat),
		"a token, suppressed":         get(t, c, "GET", patsURL, pat, suppress()...),
		"a password":                  get(t, c, "GET", patsURL, "x"),
		"nothing, suppressed":         get(t, c, "GET", patsURL, "", suppress()...),
		"nothing, POST":               get(t, c, "POST", patsURL, ""),
		"a worthless bearer":          api(t, p.e, "POST", patsURL, "x", "{}"),
		"an access token as password": get(t, c, "GET", patsURL, "eyJ.x.y"),
	} {
		if r.status != 203 || !strings.Contains(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	if r := get(t, c, "GET", patsURL, ""); r.status != 302 {
		t.Errorf("a browser: %d", r.status)
	}
	carol := bearerOf(t, p.e, BearerOptions{User: "carol@outlook.com", Organization: "personal"})
	r := api(t, p.e, "POST", strings.Replace(patsURL, "contoso", "personal", 1), carol, `{"displayName":"n","scope":"vso.code"}`)
	if !strings.Contains(r.body, `"invalidUserType"`) {
		t.Errorf("a personal account: %d %s", r.status, r.body)
	}
	service := bearerOf(t, p.e, BearerOptions{Service: true, Organization: "contoso", Client: ownApp})
	if r := api(t, p.e, "POST", patsURL, service, `{"displayName":"n","scope":"vso.code"}`); r.status != 200 || !strings.Contains(r.body, `"patTokenError":"accessDenied"`) {
		t.Errorf("a service principal: %d %s", r.status, r.body)
	}
	if r := api(t, p.e, "GET", "https://dev.azure.com/contoso/_apis/connectionData", service, ""); r.status != 401 {
		t.Errorf("a service principal elsewhere: %d", r.status)
	}
	base, _, _ := strings.Cut(patsURL, "?")
	for version, want := range map[string]int{
		"6.1-preview.1": 200, "7.0-preview": 200, "7.1-preview.1": 200, "7.2-preview.1": 200,
		"7.2": 400, "6.0-preview.1": 400, "7.3-preview.1": 400, "7.2-preview.2": 400, "": 200,
	} {
		if r := api(t, p.e, "GET", base+"?api-version="+version, p.token, ""); r.status != want {
			t.Errorf("%s: %d %s", version, r.status, r.body)
		}
	}
	if r := api(t, p.e, "POST", base, p.token, `{}`); r.status != 400 {
		t.Errorf("POST without a version: %d", r.status)
	}
}
