package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Find sees of one host what Open sees, and nothing of the others.
func TestFind(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	long := strings.Repeat("long.", 40) + "example" // its length takes two bytes
	update(t, v, key, func(r *Records) {
		r.AllowOrg = []string{"contoso"}
		r.Remember(cred.NewSecret("issued"), time.Now().Add(time.Hour), time.Now())
		r.Add(login("b.example"))
		r.Add(login(long))
	})
	whole := openVault(t, v, key)
	asked := func(id string) (Key, error) {
		if id != whole.ID {
			t.Errorf("asked for the key of %q", id)
		}
		return key, nil
	}
	for _, host := range []string{"a.example", "b.example", long, "c.example", "d.example", "b.exampl", "secret of b.example"} {
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

// Find in a large vault, also one whose end is missing: only the secrets that lay
// there are lost, and only to those who ask for them.
func TestFindReadsOnlyWhatItNeeds(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	host := func(n int) string { return fmt.Sprintf("host%d.example", n) }
	update(t, v, key, func(r *Records) {
		for n := range 1000 {
			r.Add(login(host(n)))
		}
	})
	secret := func(n int) error {
		t.Helper()
		r, _, err := v.Find(host(n), func(string) (Key, error) { return key, nil })
		if err != nil || len(r.List) != 1 {
			t.Fatalf("%s: %d records, %v", host(n), len(r.List), err)
		}
		s, err := r.Secrets(&r.List[0])
		if err == nil && s.Secret.Reveal() != "secret of "+host(n) {
			t.Errorf("%s: another secret", host(n))
		}
		return err
	}
	for _, n := range []int{0, 500, 999} {
		if err := secret(n); err != nil {
			t.Errorf("%s: %v", host(n), err)
		}
	}
	info, err := os.Stat(v.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(v.Path(), info.Size()-1); err != nil {
		t.Fatal(err)
	}
	if err := secret(999); err != nil { // the newest lies first
		t.Errorf("%s: %v", host(999), err)
	}
	if err := secret(0); !errors.Is(err, ErrCorrupt) {
		t.Errorf("the one that was cut: %v", err)
	}
}
