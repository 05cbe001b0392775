package vault

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Find sees of one host what Open sees, and nothing of the others.
func TestFind(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	update(t, v, key, func(r *Records) {
		r.AllowOrg = []string{"contoso"}
		r.Remember(cred.NewSecret("issued"), time.Now().Add(time.Hour), time.Now())
		r.Add(login("b.example"))
	})
	whole := openVault(t, v, key)
	asked := func(id string) (Key, error) {
		if id != whole.ID {
			t.Errorf("asked for the key of %q", id)
		}
		return key, nil
	}
	for _, host := range []string{"a.example", "b.example", "c.example", "d.example", "b.exampl", "secret of b.example"} {
		r, _, err := v.Find(host, asked)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for i := range whole.List {
			if whole.List[i].Host == host {
				want = append(want, whole.List[i].ID)
			}
		}
		for i := range r.List {
			got = append(got, r.List[i].ID)
			s, err := r.Secrets(&r.List[i])
			if err != nil || s.Secret.Reveal() != "secret of "+host {
				t.Errorf("%s: the secret of %s: %v", host, got[i], err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", host, got, want)
		}
		if !slices.Equal(r.AllowOrg, whole.AllowOrg) || !r.WasIssued(cred.NewSecret("issued")) {
			t.Errorf("%s: what concerns all hosts is missing", host)
		}
	}
}

func TestFindFails(t *testing.T) {
	t.Parallel()
	v, _ := three(t)
	for _, test := range []struct {
		name  string
		vault *Vault
		key   Key
		err   error
		want  error
	}{
		{"no vault", In(filepath.Join(t.TempDir(), "none")), NewKey(), nil, ErrNone},
		{"no key", v, Key{}, ErrNoKey, ErrNoKey},
		{"another key", v, NewKey(), nil, ErrWrongKey},
		{"the zero key", v, Key{}, nil, ErrWrongKey},
	} {
		r, key, err := test.vault.Find("a.example", func(string) (Key, error) { return test.key, test.err })
		if r != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v, %v", test.name, r, key, err)
		}
	}
}

// A file in memory opens as often as it is asked to.
func TestOpenLeavesTheFileAsItIs(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	f, err := v.Load()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := f.Open(key); err != nil {
			t.Fatal(err)
		}
	}
}
