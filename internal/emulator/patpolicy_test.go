package emulator

import (
	"testing"
	"time"
)

// Each policy by its own error.
func TestPATPolicies(t *testing.T) {
	t.Parallel()
	const plain, full, global, packaging = `{"displayName":"n","scope":"vso.code"}`, `{"displayName":"n","scope":"app_token"}`,
		`{"displayName":"n","scope":"vso.code","allOrgs":true}`, `{"displayName":"n","scope":"vso.packaging_write"}`
	ada := []string{"ADA@contoso.com"}
	for _, tt := range []struct {
		name   string
		org    OrgPolicy
		tenant TenantPolicy
		body   string
		want   patError
	}{
		{"restricted", OrgPolicy{RestrictPATs: true}, TenantPolicy{}, plain, patCreationPolicy},
		{"restricted, packaging", OrgPolicy{RestrictPATs: true}, TenantPolicy{}, packaging, patCreationPolicy},
		{"restricted, exempt", OrgPolicy{RestrictPATs: true, PATUsers: ada}, TenantPolicy{}, plain, patNone},
		{"packaging only", OrgPolicy{RestrictPATs: true, PackagingPATs: true}, TenantPolicy{}, packaging, patNone},
		{"packaging only, code", OrgPolicy{RestrictPATs: true, PackagingPATs: true}, TenantPolicy{}, plain, patCreationPolicy},
		{"global", OrgPolicy{}, TenantPolicy{RestrictGlobalPATs: true}, global, patGlobalPolicy},
		{"global, not asked for", OrgPolicy{}, TenantPolicy{RestrictGlobalPATs: true}, plain, patNone},
		{"full", OrgPolicy{}, TenantPolicy{RestrictFullScopePATs: true}, full, patFullScopePolicy},
		{"exempt", OrgPolicy{}, TenantPolicy{RestrictFullScopePATs: true, RestrictGlobalPATs: true, PATUsers: ada}, full, patNone},
		{"life", OrgPolicy{}, TenantPolicy{MaxPATDays: 3}, plain, patNone},
		{"life, refused", OrgPolicy{}, TenantPolicy{MaxPATDays: 3, LifespanRefused: true}, plain, patLifespanPolicy},
		{"any word", OrgPolicy{PATError: "failedToReadOrgPolicy"}, TenantPolicy{}, plain, "failedToReadOrgPolicy"},
		{"a word of the future", OrgPolicy{PATError: "somethingNew"}, TenantPolicy{}, plain, "somethingNew"},
	} {
		p := startPATs(t)
		if err := p.e.SetOrgPolicy("contoso", tt.org); err != nil {
			t.Fatal(err)
		}
		if err := p.e.SetTenantPolicy("contoso", tt.tenant); err != nil {
			t.Fatal(err)
		}
		if got, r := p.call("POST", "", tt.body); r.status != 200 || got.Error != tt.want {
			t.Errorf("%s: %d %s", tt.name, r.status, r.body)
		}
	}
}

// A life that is too long is cut: from now, or from the creation.
func TestLifeIsCut(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	if err := p.e.SetTenantPolicy("contoso", TenantPolicy{MaxPATDays: 3}); err != nil {
		t.Fatal(err)
	}
	made := p.create("n", "vso.code", 300*24*time.Hour)
	life := func(x *patToken) time.Duration {
		from, _ := time.Parse(time.RFC3339Nano, x.ValidFrom)
		to, err := time.Parse(time.RFC3339Nano, x.ValidTo)
		if err != nil {
			t.Fatal(err)
		}
		return to.Sub(from)
	}
	if life(made) != 72*time.Hour {
		t.Errorf("created with %v", life(made))
	}
	p.e.Advance(24 * time.Hour)
	p.token = bearerOf(t, p.e, BearerOptions{User: "ada@contoso.com", Organization: "contoso"})
	got, r := p.call("PUT", "", `{"authorizationId":"`+made.AuthorizationID+`","validTo":"`+p.e.Now().Add(30*24*time.Hour).Format(time.RFC3339)+`"}`)
	if got.Error != patNone || life(got.PATToken) != 72*time.Hour || got.PATToken.Token != nil {
		t.Errorf("updated: %s", r.body)
	}
}

// Tokens for all organizations end on a day.
func TestGlobalRetirement(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	p.e.SetClock(p.e.globalPATsEnd.Add(-time.Minute))
	p.token = bearerOf(t, p.e, BearerOptions{User: "ada@contoso.com", Organization: "contoso"})
	got, _ := p.call("POST", "", `{"displayName":"n","scope":"vso.code","allOrgs":true}`)
	if got.Error != patNone || got.PATToken.TargetAccounts != nil {
		t.Fatalf("%+v", got)
	}
	refs := web + "/info/refs?service=git-upload-pack"
	if r := get(t, client(t, p.e), "GET", refs, *got.PATToken.Token); r.status != 200 {
		t.Errorf("before: %d", r.status)
	}
	if err := p.e.SetOrgPolicy("contoso", OrgPolicy{RestrictPATs: true}); err != nil {
		t.Fatal(err)
	}
	if r := get(t, client(t, p.e), "GET", refs, *got.PATToken.Token); r.status != 401 {
		t.Errorf("where tokens are restricted: %d", r.status)
	}
	if err := p.e.SetOrgPolicy("contoso", OrgPolicy{}); err != nil {
		t.Fatal(err)
	}
	p.e.Advance(2 * time.Minute)
	if r := get(t, client(t, p.e), "GET", refs, *got.PATToken.Token); r.status != 401 {
		t.Errorf("after: %d", r.status)
	}
	if got, _ := p.call("POST", "", `{"displayName":"n","scope":"vso.code","allOrgs":true}`); got.Error != patGlobalBlocked {
		t.Errorf("created after: %+v", got)
	}
}
