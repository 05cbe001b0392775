package lifecycle_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// What another vault has comes over, unless there is one for the same use; what
// it knew of verdicts and cool-downs does not.
func TestAdopt(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	const host = "dev.azure.com"
	old := []vault.Record{
		{ID: "a1", Kind: vault.PAT, Host: host, Org: "contoso", Account: "ada", HasAccount: true, Expires: now.Add(time.Hour)},
		{ID: "a2", Kind: vault.PAT, Host: host, Org: "fabrikam", Account: "ada", HasAccount: true},
		{ID: "a3", Kind: vault.PAT, Host: host, Org: "contoso", Account: "ada", HasAccount: true, ServerID: "x", Due: now},
		{ID: "a4", Kind: vault.Refresh, Tenant: "t1", Account: "ada"},
		{ID: "a5", Kind: vault.Refresh, Tenant: "t2", Account: "ada"},
		{ID: "a6", Kind: vault.Intent, Host: host, Org: "contoso", Name: "patrol machine old-1"},
		{ID: "a7", Kind: vault.Policy, Name: "tenant", Org: "contoso", Tenant: "t1"},
		{ID: "a8", Kind: vault.Policy, Name: "tenant", Org: "fabrikam", Tenant: "t2"},
		{ID: "a9", Kind: vault.Policy, Name: "signed out", Org: "fabrikam"},
		{ID: "b1", Kind: vault.Policy, Name: "pat", Org: "northwind", Until: now.Add(time.Hour)},
		{ID: "b2", Kind: vault.Password, Host: "git.example.com", Account: "ada", HasAccount: true},
		{ID: "b3", Kind: vault.Password, Host: "git.example.com"},
		{ID: "b4", Kind: vault.SSH, Host: "ssh.dev.azure.com", Org: "contoso", Path: "/k", HasPath: true},
		{ID: "b5", Kind: vault.Entra, Host: host, Org: "contoso", Account: "ada", HasAccount: true},
	}
	present := []vault.Record{
		{ID: "c1", Kind: vault.PAT, Host: host, Org: "contoso", Account: "ada", HasAccount: true},
		{ID: "c2", Kind: vault.Refresh, Tenant: "t1", Account: "ada"},
		{ID: "c3", Kind: vault.Policy, Name: "tenant", Org: "contoso", Tenant: "t9"},
		{ID: "b3", Kind: vault.Password, Host: "other.example.com"}, // the same id by chance
		{ID: "c4", Kind: vault.SSH, Host: "ssh.dev.azure.com", Org: "contoso", Path: "/k2", HasPath: true},
	}
	from, _ := newVault(t, old, []string{"contoso"})
	_, v := newVault(t, present, nil)
	err := v.update(t, func(r *vault.Records) error {
		adopted, damaged := lifecycle.Adopt(r, from, now)
		if adopted != 7 || damaged != 0 {
			t.Errorf("%d adopted, %d damaged", adopted, damaged)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := v.open(t)
	var ids []string
	for i := range r.List {
		rec := &r.List[i]
		ids = append(ids, rec.ID)
		s, err := r.Secrets(rec)
		if err != nil || !s.Secret.Equal(cred.NewSecret("secret of "+rec.ID)) {
			t.Errorf("%s: the secret is another, or %v", rec.ID, err)
		}
	}
	slices.Sort(ids)
	if got := fmt.Sprint(ids); got != "[a2 a3 a5 a6 a8 b2 b3 b5 c1 c2 c3 c4]" {
		t.Errorf("there are %s", got)
	}
	if fmt.Sprint(r.AllowOrg) != "[contoso]" {
		t.Errorf("the list of organisations is %v", r.AllowOrg)
	}
	for id, want := range map[string]bool{"a2": true, "b5": true, "b2": false, "a5": false, "a3": false} {
		if got := r.WasIssued(cred.NewSecret("secret of " + id)); got != want {
			t.Errorf("%s is known as handed out: %t", id, got)
		}
	}
	if err := v.update(t, func(r *vault.Records) error {
		if adopted, _ := lifecycle.Adopt(r, from, now); adopted != 0 {
			t.Errorf("a second time %d came over", adopted)
		}
		return vault.ErrUnchanged
	}); err != nil {
		t.Fatal(err)
	}
}

// keyed is a vault with its key.
type keyed struct {
	*vault.Vault
	key vault.Key
}

// newVault makes a vault of these records, each with a secret of its own.
func newVault(t *testing.T, list []vault.Record, only []string) (*vault.Records, keyed) {
	t.Helper()
	v := vault.In(t.TempDir() + "/patrol")
	key, err := v.Create(t.Context(), "file", func(string, vault.Key) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	k := keyed{v, key}
	err = k.update(t, func(r *vault.Records) error {
		for _, rec := range list {
			rec.SetSecrets(vault.Secrets{Secret: cred.NewSecret("secret of " + rec.ID)})
			r.Add(rec)
		}
		r.AllowOrg = only
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return k.open(t), k
}

func (k keyed) update(t *testing.T, change func(*vault.Records) error) error {
	t.Helper()
	return k.Update(t.Context(), k.key, change)
}

func (k keyed) open(t *testing.T) *vault.Records {
	t.Helper()
	f, err := k.Load()
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(k.key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
