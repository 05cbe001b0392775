package azdo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// TestPATArguments: what cannot be meant is not sent.
func TestPATArguments(t *testing.T) {
	t.Parallel()
	c, f := patClient(t, reply(200, jsonType, "{}"))
	ctx := context.Background()
	for verb, do := range patCalls {
		for _, auth := range []Auth{PAT(cred.NewSecret(canary)), {}, Bearer(cred.NewSecret(exampleToken())), Bearer(cred.NewSecret(newToken("A", "BF", "1ll6")))} {
			if err := do(c, ctx, "contoso", auth); !errors.Is(err, ErrNotBearer) {
				t.Errorf("%s: %v", verb, err)
			}
		}
		for _, secret := range []cred.Secret{{}, cred.NewSecret(""), cred.NewSecret(canary + "\n")} {
			if err := do(c, ctx, "contoso", Bearer(secret)); !errors.Is(err, ErrNoCredential) {
				t.Errorf("%s: %v", verb, err)
			}
		}
		if err := do(c, ctx, "con/toso", entra); !errors.Is(err, ErrOrganizationName) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	for _, id := range []string{"", patID[1:], patID + "&x", "{" + patID[1:35] + "}", strings.Repeat("x", 1000)} {
		_, get := c.GetPAT(ctx, "contoso", entra, id)
		_, update := c.UpdatePAT(ctx, "contoso", entra, id, ask)
		_, revoke := c.RevokePAT(ctx, "contoso", entra, id)
		for _, err := range []error{get, update, revoke} {
			if !errors.Is(err, ErrPATRequest) || len(err.Error()) > 2*maxShown {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	for _, filter := range []PATFilter{"", "Active", "active&x=y"} {
		if _, err := c.ListPATs(ctx, "contoso", entra, filter); !errors.Is(err, ErrPATRequest) {
			t.Errorf("%q: %v", filter, err)
		}
	}
	with := func(edit func(*PATRequest)) PATRequest {
		want := PATRequest{DisplayName: ask.DisplayName, Scopes: ask.Scopes, Expires: ask.Expires}
		edit(&want)
		return want
	}
	for name, want := range map[string]PATRequest{
		"line end":         with(func(p *PATRequest) { p.DisplayName = "a\nb" }),
		"override":         with(func(p *PATRequest) { p.DisplayName = "a\u202eb" }),
		"not UTF-8":        with(func(p *PATRequest) { p.DisplayName = "a\xff" }),
		"blank before":     with(func(p *PATRequest) { p.DisplayName = " a" }),
		"only blanks":      with(func(p *PATRequest) { p.DisplayName = "  " }),
		"long":             with(func(p *PATRequest) { p.DisplayName = strings.Repeat("a", 256) }),
		"two scopes in 1":  with(func(p *PATRequest) { p.Scopes = []string{"vso.code vso.build"} }),
		"empty scope":      with(func(p *PATRequest) { p.Scopes = []string{"vso.code", ""} }),
		"scope, line end":  with(func(p *PATRequest) { p.Scopes = []string{"vso.code\n"} }),
		"scope, comma":     with(func(p *PATRequest) { p.Scopes = []string{"vso.code,vso.build"} }),
		"scope, long":      with(func(p *PATRequest) { p.Scopes = []string{strings.Repeat("a", 101)} }),
		"year 1":           with(func(p *PATRequest) { p.Expires = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC) }),
		"year 10000":       with(func(p *PATRequest) { p.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"create: no name":  with(func(p *PATRequest) { p.DisplayName = "" }),
		"create: no scope": with(func(p *PATRequest) { p.Scopes = nil }),
		"create: no end":   with(func(p *PATRequest) { p.Expires = time.Time{} }),
	} {
		if _, err := c.CreatePAT(ctx, "contoso", entra, want); !errors.Is(err, ErrPATRequest) {
			t.Errorf("%s: %v", name, err)
		} else {
			harmless(t, err)
		}
		if strings.HasPrefix(name, "create: ") {
			continue
		}
		if _, err := c.UpdatePAT(ctx, "contoso", entra, patID, want); !errors.Is(err, ErrPATRequest) {
			t.Errorf("update, %s: %v", name, err)
		}
	}
	if requests, connects := f.seen(); len(requests)+len(connects) != 0 {
		t.Errorf("%d requests, %d connections", len(requests), len(connects))
	}
}
