package vault

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// goldenKey opens testdata/format1.vault: the bytes 0 to 31.
func goldenKey(t testing.TB) Key {
	b := make([]byte, keySize)
	for i := range b {
		b[i] = byte(i)
	}
	key, err := KeyFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func goldenFile(t testing.TB) []byte {
	raw, err := os.ReadFile(filepath.Join("testdata", "format1.vault"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// golden is what is in testdata/format1.vault, with the secrets of each record.
func golden() (*Records, []Secrets) {
	when := func(day int) time.Time { return time.Date(2026, 11, day, 12, 30, 15, 0, time.UTC) }
	secret := cred.NewSecret
	return &Records{
			Header: Header{ID: "00112233445566ff", KeyID: "5da50248eedec011", Source: "kernel", Generation: 42},
			List: []Record{
				{
					ID: "a1", Kind: PAT, Host: "dev.azure.com", Org: "contoso", Account: "me@contoso.example", HasAccount: true,
					ServerID: "3f2504e0-4f89-11d3-9a0c-0305e82c3301", Name: "patrol laptop 00112233445566ff-1", Scopes: "vso.code_write",
					Created: when(1), Expires: when(8), Verified: when(2), Suspect: when(3), Predecessor: "a0", Due: when(9), Tries: 3,
				},
				{
					ID: "b2", Kind: Password, Host: "git.example.com:8443", Path: "a b/ä.git", HasPath: true, AuthType: "Bearer", Created: when(4),
					extra: string(appendBytes([]byte{200}, "a later field")),
				},
				{ID: "c3", Kind: Password, Host: "[::1]", HasAccount: true},
				{ID: "d4", Kind: Policy, Host: "dev.azure.com", Org: "contoso", Tenant: "8d6e0a52-0a3b-4ef2-9b52-6d3a1f0c7a10", Reason: "PATs are off", Until: when(5)},
			},
			Issued:   []Issued{{"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\xff", when(6)}},
			AllowOrg: []string{"contoso", "fabrikam"},
			extra:    string(appendEntry(nil, 'z', []byte("a later section"))),
		}, []Secrets{
			{Secret: secret("golden token of contoso")},
			{Secret: secret("= \t\xff\xfe\x80\xc3\x28"), Refresh: secret("golden refresh"), Credential: secret("golden credential")},
			{Secret: secret("")},
			{},
		}
}

// Format 1 is read for ever: people's vaults are written in it. Add a file for
// the next format; never write this one anew.
func TestGoldenFormat1(t *testing.T) {
	t.Parallel()
	raw := goldenFile(t)
	f, err := parseFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Open(goldenKey(t))
	if err != nil {
		t.Fatal(err)
	}
	want, secrets := golden()
	if got.Header != want.Header || !reflect.DeepEqual(got.Issued, want.Issued) || !reflect.DeepEqual(got.AllowOrg, want.AllowOrg) || got.extra != want.extra {
		t.Errorf("got %+v %q %q %q", got.Header, got.Issued, got.AllowOrg, got.extra)
	}
	if len(got.List) != len(want.List) {
		t.Fatalf("%d records, want %d", len(got.List), len(want.List))
	}
	for i, rec := range got.List {
		s, err := got.Secrets(&rec)
		if err != nil || !s.Secret.Equal(secrets[i].Secret) || !s.Refresh.Equal(secrets[i].Refresh) || !s.Credential.Equal(secrets[i].Credential) {
			t.Errorf("secrets of %s: %q %q %q, %v", rec.ID, s.Secret.Reveal(), s.Refresh.Reveal(), s.Credential.Reveal(), err)
		}
		rec.sealed = sealedSecret{}
		if !reflect.DeepEqual(rec, want.List[i]) {
			t.Errorf("got  %+v\nwant %+v", rec, want.List[i])
		}
	}
	// A hash kept in the vault must mean the same secret for ever.
	if h := hex.EncodeToString([]byte(got.Hash(cred.NewSecret("golden")))); h != "49134e095ad1832075b8de589e12cc6e" {
		t.Errorf("the hash of a secret became %s", h)
	}
}
