package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// newVault makes an empty vault in a directory of its own.
func newVault(t *testing.T) (*Vault, Key) {
	t.Helper()
	v := In(filepath.Join(t.TempDir(), "data", "patrol"))
	key, err := v.Create(t.Context(), "test", func(string, Key) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return v, key
}

func openVault(t *testing.T, v *Vault, key Key) *Records {
	t.Helper()
	f, err := v.Load()
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func update(t *testing.T, v *Vault, key Key, change func(*Records)) {
	t.Helper()
	if err := v.Update(t.Context(), key, func(r *Records) error { change(r); return nil }); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, v *Vault) []byte {
	t.Helper()
	raw, err := os.ReadFile(v.Path())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// login is a record whose secret is its host with "secret of " before it.
func login(host string) Record {
	rec := Record{Kind: Password, Host: host, Account: "me", HasAccount: true}
	rec.SetSecrets(Secrets{Secret: cred.NewSecret("secret of " + host)})
	return rec
}

func secretOf(t *testing.T, r *Records, rec *Record) string {
	t.Helper()
	s, err := r.Secrets(rec)
	if err != nil {
		t.Fatal(err)
	}
	return s.Secret.Reveal()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	when := time.Unix(1700000000, 0).UTC()
	want := Record{
		ID: "id", Kind: PAT, Host: "dev.azure.com", Org: "contoso", Path: "", HasPath: true, Account: "", HasAccount: true, AuthType: "Bearer",
		ServerID: "server", Name: "patrol laptop", Scopes: "vso.code_write vso.pats", Created: when, Expires: when.Add(time.Hour),
		Verified: when.Add(time.Minute), Suspect: when.Add(time.Second), Predecessor: "before",
		Tenant: "tenant", Reason: "refused", Until: when.Add(2 * time.Hour), Due: when.Add(3 * time.Hour), Tries: 4,
	}
	secrets := Secrets{cred.NewSecret("a=b== \t\n\r\x00\xff\xfe\x80\xc3\x28"), cred.NewSecret(""), cred.NewSecret("c")}
	update(t, v, key, func(r *Records) {
		rec := want
		rec.SetSecrets(secrets)
		r.Add(rec)
		r.Add(login("b.example"))
		r.AllowOrg = []string{"contoso", ""}
		r.Remember(cred.NewSecret("handed out"), when.Add(time.Hour), when)
	})
	r := openVault(t, v, key)
	got := r.Find("id")
	if got == nil || len(r.List) != 2 || r.List[0].Host != "b.example" {
		t.Fatalf("got %+v", r.List)
	}
	s, err := r.Secrets(got)
	if err != nil || !s.Secret.Equal(secrets.Secret) || !s.Refresh.Equal(secrets.Refresh) || !s.Credential.Equal(secrets.Credential) {
		t.Errorf("the secrets came back as %q %q %q, %v", s.Secret.Reveal(), s.Refresh.Reveal(), s.Credential.Reveal(), err)
	}
	bare := *got
	bare.sealed = sealedSecret{}
	if !reflect.DeepEqual(bare, want) {
		t.Errorf("got  %+v\nwant %+v", bare, want)
	}
	if s, err := r.Secrets(&r.List[0]); err != nil || s.Refresh.IsSet() || s.Credential.IsSet() {
		t.Errorf("absent secrets came back present, %v", err)
	}
	if !reflect.DeepEqual(r.AllowOrg, []string{"contoso", ""}) || !r.WasIssued(cred.NewSecret("handed out")) || r.WasIssued(cred.NewSecret("other")) {
		t.Errorf("got %q %v", r.AllowOrg, r.Issued)
	}
	if r.Find("") != nil || r.List[0].ID == "" || r.List[0].ID == r.List[1].ID {
		t.Error("a record was given no ID of its own")
	}
}

func TestIssued(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	r := openVault(t, v, key)
	now := time.Unix(1700000000, 0)
	a, b := cred.NewSecret("a"), cred.NewSecret("b")
	r.Remember(a, now.Add(time.Hour), now)
	r.Remember(a, now.Add(2*time.Hour), now)
	if len(r.Issued) != 1 || !r.WasIssued(a) || r.WasIssued(b) || r.WasIssued(cred.Secret{}) || r.WasIssued(cred.NewSecret("")) {
		t.Errorf("got %v", r.Issued)
	}
	if strings.Contains(r.Issued[0].Hash, "a") && len(r.Issued[0].Hash) < 16 {
		t.Error("the hash tells the secret")
	}
	r.Remember(b, now.Add(9*time.Hour), now.Add(2*time.Hour))
	if r.WasIssued(a) || !r.WasIssued(b) {
		t.Error("what is over was not forgotten")
	}
	other, otherKey := newVault(t)
	if openVault(t, other, otherKey).Hash(a) == r.Hash(a) {
		t.Error("two vaults have one hash for a secret")
	}
}

// S14: 16 kB, and what Windows' own store could not hold many times over.
func TestS14LongSecret(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	for _, size := range []int{0, 2559, 2560, 2561, 16 << 10, 1 << 20} {
		long := strings.Repeat("x\xff", size/2)
		update(t, v, key, func(r *Records) {
			rec := login("long.example")
			rec.ID = "long"
			rec.SetSecrets(Secrets{Secret: cred.NewSecret(long)})
			r.Delete(func(rec *Record) bool { return rec.ID == "long" })
			r.Add(rec)
		})
		r := openVault(t, v, key)
		if secretOf(t, r, r.Find("long")) != long {
			t.Errorf("%d bytes came back changed", size)
		}
	}
}

func TestTooLargeLeavesTheVault(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
	before := contents(t, v)
	err := v.Update(t.Context(), key, func(r *Records) error {
		rec := login("b.example")
		rec.SetSecrets(Secrets{Secret: cred.NewSecret(strings.Repeat("x", maxFile))})
		r.Add(rec)
		return nil
	})
	if err == nil || !bytes.Equal(contents(t, v), before) {
		t.Errorf("got %v", err)
	}
}

// A record is bound to its identity; changing that by hand must not lose the
// secret, and a record without any must not lose the vault.
func TestIdentityMayChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Record){
		"account": func(r *Record) { r.Account = "you" }, "kind": func(r *Record) { r.Kind = PAT },
		"host": func(r *Record) { r.Host = "b.example" }, "org": func(r *Record) { r.Org = "o" },
		"path": func(r *Record) { r.Path, r.HasPath = "p", true }, "no account": func(r *Record) { r.HasAccount = false },
		"path that is none": func(r *Record) { r.Path = "p" }, "authtype": func(r *Record) { r.AuthType = "Bearer" },
		"id": func(r *Record) { r.ID = "other" },
	} {
		v, key := newVault(t)
		update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
		update(t, v, key, func(r *Records) { change(&r.List[0]) })
		update(t, v, key, func(r *Records) { r.Add(login("c.example")) })
		r := openVault(t, v, key)
		if got := secretOf(t, r, &r.List[1]); got != "secret of a.example" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestRecordWithoutSecret(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	update(t, v, key, func(r *Records) { r.Add(Record{Kind: Password, Host: "a.example"}) })
	update(t, v, key, func(r *Records) { r.Add(login("b.example")) })
	r := openVault(t, v, key)
	if s, err := r.Secrets(&r.List[1]); err != nil || s.Secret.IsSet() {
		t.Errorf("got %v", err)
	}
	if secretOf(t, r, &r.List[0]) != "secret of b.example" {
		t.Error("the other record lost its secret")
	}
}

func TestUpdateDoesAllOrNothing(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
	before := contents(t, v)
	refused := errors.New("no")
	for _, test := range []struct{ give, want error }{{refused, refused}, {ErrUnchanged, nil}} {
		err := v.Update(t.Context(), key, func(r *Records) error { r.List = nil; return test.give })
		if !errors.Is(err, test.want) || !bytes.Equal(contents(t, v), before) {
			t.Errorf("a change that fails with %v gives %v", test.give, err)
		}
	}
	for name, other := range map[string]Key{"another": NewKey(), "none": {}} {
		err := v.Update(t.Context(), other, func(*Records) error { t.Error("changed"); return nil })
		if !errors.Is(err, ErrWrongKey) || !bytes.Equal(contents(t, v), before) {
			t.Errorf("%s key: %v", name, err)
		}
	}
}

func TestGenerationGrowsByOne(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	for want := uint64(1); want <= 5; want++ {
		if got := openVault(t, v, key).Generation; got != want {
			t.Errorf("generation %d, want %d", got, want)
		}
		update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
	}
}

// S19: who read an older generation cannot put it back.
func TestS19NewerGenerationWins(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
	stale := openVault(t, v, key)
	update(t, v, key, func(r *Records) { r.Add(login("b.example")) })
	update(t, v, key, func(r *Records) {
		if r.Generation <= stale.Generation {
			t.Errorf("a change begins from generation %d after %d", r.Generation, stale.Generation)
		}
		r.Add(login("c.example"))
	})
	r := openVault(t, v, key)
	if len(r.List) != 3 || r.Generation != 4 {
		t.Errorf("%d records in generation %d", len(r.List), r.Generation)
	}
}

// C16, S19: where the lock keeps nobody out, the second writer finds that there was
// a first, and changes nothing.
func TestWriterWithoutLock(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	err := v.Update(t.Context(), key, func(r *Records) error {
		if err := os.Remove(filepath.Join(v.Dir(), lockName)); err != nil {
			return err
		}
		update(t, v, key, func(r *Records) { r.Add(login("first.example")) })
		r.Add(login("second.example"))
		return nil
	})
	if r := openVault(t, v, key); !errors.Is(err, ErrBusy) || len(r.List) != 1 || r.List[0].Host != "first.example" {
		t.Errorf("got %v, %d records", err, len(r.List))
	}
	err = v.Update(t.Context(), key, func(*Records) error { return os.Remove(v.Path()) })
	if _, lerr := v.Load(); !errors.Is(err, ErrNone) || !errors.Is(lerr, ErrNone) {
		t.Errorf("the vault went away: %v, %v", err, lerr)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	v := In(filepath.Join(t.TempDir(), "a", "b"))
	if _, err := v.Load(); !errors.Is(err, ErrNone) {
		t.Errorf("before: %v", err)
	}
	if err := v.Update(t.Context(), NewKey(), nil); !errors.Is(err, ErrNone) {
		t.Errorf("update before: %v", err)
	}
	refused := errors.New("no")
	if _, err := v.Create(t.Context(), "test", func(string, Key) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("key not kept: %v", err)
	}
	if _, err := v.Load(); !errors.Is(err, ErrNone) {
		t.Error("a vault whose key was not kept was made")
	}
	for _, source := range []string{"", "a b", "a\nb", "a\x1bb", "ä", strings.Repeat("a", maxHeader)} {
		_, err := v.Create(t.Context(), source, func(string, Key) error { return nil })
		if _, lerr := v.Load(); err == nil || !errors.Is(lerr, ErrNone) {
			t.Errorf("source %q: %v, then %v", source, err, lerr)
		}
	}
	var id string
	key, err := v.Create(t.Context(), "test", func(i string, k Key) error { id = i; return nil })
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.Load()
	if err != nil || f.ID != id || f.KeyID != key.ID() || f.Source != "test" || f.Generation != 1 || v.Dir() != filepath.Dir(v.Path()) {
		t.Errorf("got %+v, %v", f, err)
	}
	if _, err := v.Create(t.Context(), "test", func(string, Key) error { t.Error("a second key"); return nil }); !errors.Is(err, ErrExists) {
		t.Errorf("again: %v", err)
	}
}

func TestSetAside(t *testing.T) {
	t.Parallel()
	v, _ := newVault(t)
	damaged := func(_ *File, err error) bool { return errors.Is(err, ErrCorrupt) }
	if to, err := v.SetAside(t.Context(), damaged); !errors.Is(err, ErrUnchanged) || to != "" {
		t.Errorf("a good vault: %q, %v", to, err)
	}
	var names []string
	for _, text := range []string{"one", "two", "three"} {
		if err := os.WriteFile(v.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		to, err := v.SetAside(t.Context(), damaged)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != text {
			t.Errorf("%s holds %q, %v", to, got, err)
		}
		names = append(names, to)
		if _, err := v.Load(); !errors.Is(err, ErrNone) {
			t.Errorf("afterwards: %v", err)
		}
	}
	if names[0] == names[1] || names[1] == names[2] {
		t.Errorf("one took the place of another: %q", names)
	}
	if _, err := v.SetAside(t.Context(), damaged); !errors.Is(err, ErrUnchanged) {
		t.Errorf("no vault: %v", err)
	}
}

// C16: the lock lies beside the vault, and a context that is over waits for
// nothing.
func TestLockIsBesideTheVault(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	unlock, err := v.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Update(over, key, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	unlock()
	update(t, v, key, func(*Records) {})
	entries, err := os.ReadDir(v.Dir())
	if err != nil || len(entries) != 2 || entries[0].Name() != "vault" || entries[1].Name() != "vault.lock" {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

// C01: readers take no lock.
func TestC01ReadersTakeNoLock(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	update(t, v, key, func(r *Records) { r.Add(login("a.example")) })
	unlock, err := v.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	errs := make(chan error)
	for range 64 {
		go func() {
			f, err := v.Load()
			if err == nil {
				_, err = f.Open(key)
			}
			errs <- err
		}()
	}
	for range 64 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestDefaultDir(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("/")
	if err != nil {
		t.Fatal(err)
	}
	home, data := filepath.Join(root, "home", "me"), filepath.Join(root, "data")
	for _, test := range defaultDirs(home, data) {
		env := map[string]string{"HOME": test.home, "XDG_DATA_HOME": test.data, "LOCALAPPDATA": test.data, "XDG_RUNTIME_DIR": "ignored"}
		got, err := DefaultDir(func(name string) string { return env[name] })
		if got != test.want || (test.want == "") != errors.Is(err, ErrNoHome) {
			t.Errorf("HOME=%q, data=%q: %q, %v; want %q", test.home, test.data, got, err, test.want)
		}
	}
}

func TestKeyBytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 31, 33, 64} {
		if key, err := KeyFromBytes(make([]byte, n)); err == nil || key.IsSet() {
			t.Errorf("%d bytes make a key", n)
		}
	}
	b := bytes.Repeat([]byte{7}, 32)
	key, err := KeyFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	id := key.ID()
	clear(b)
	clear(key.Bytes())
	if key.ID() != id || !bytes.Equal(key.Bytes(), bytes.Repeat([]byte{7}, 32)) {
		t.Error("a key shares its bytes")
	}
	if strings.Contains(id, hex.EncodeToString(key.Bytes()[:4])) || len(id) != 16 {
		t.Errorf("the id is %s", id)
	}
	if one, other := NewKey(), NewKey(); one.ID() == other.ID() {
		t.Error("two keys are the same")
	}
	var none Key
	if none.IsSet() || none.ID() != "" || none.Bytes() != nil {
		t.Error("the zero key is one")
	}
}
