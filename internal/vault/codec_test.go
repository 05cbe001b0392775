package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// full is an index with everything in it.
func full() *Records {
	when := time.Unix(1700000000, 0).UTC()
	rec := Record{
		ID: "id", Kind: PAT, Host: "dev.azure.com", Org: "contoso", Path: "p", HasPath: true, Account: "me", HasAccount: true, AuthType: "Bearer",
		ServerID: "server", Name: "name", Scopes: "scopes", Created: when, Expires: when, Verified: when, Suspect: when, Predecessor: "before",
		Tenant: "tenant", Reason: "reason", Until: when, Due: when, Tries: 4,
		sealed: sealedSecret{nonce: strings.Repeat("n", nonceSize), offset: 300, length: 20}, extra: string(appendBytes([]byte{99}, "later")),
	}
	return &Records{
		List: []Record{rec, {}}, Issued: []Issued{{"hash", when}}, AllowOrg: []string{"contoso"}, extra: string(appendEntry(nil, 'Z', []byte("later"))),
	}
}

// A length that is not there must be refused before anything is made of it. It
// runs alone, since it measures memory.
func TestDecodingAllocatesNoMoreThanItHas(t *testing.T) {
	for _, length := range []uint64{1, 1 << 20, math.MaxInt32, 1 << 32, math.MaxInt64, 1 << 63, math.MaxUint64} {
		lie := binary.AppendUvarint(nil, length)
		for name, index := range map[string]string{
			"entry": "R" + string(lie), "field": string(appendEntry(nil, sectionRecord, append([]byte{tagID}, lie...))),
			"issued": string(appendEntry(nil, sectionIssued, lie)), "unknown": "Z" + string(lie),
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := decodeIndex(&Records{}, []byte(index), "")
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s of %d bytes: %v", name, length, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Errorf("%s of %d bytes: %d bytes were allocated", name, length, used)
			}
		}
		// A secret that claims to lie outside the file.
		at := append(bytes.Repeat([]byte("n"), nonceSize), lie...)
		if length > maxFile {
			if _, ok := decodeSealed(string(append(at, 1))); ok {
				t.Errorf("offset %d is taken", length)
			}
			if _, ok := decodeSealed(string(append(append(bytes.Repeat([]byte("n"), nonceSize), 1), lie...))); ok {
				t.Errorf("length %d is taken", length)
			}
		}
		for _, at := range []sealedSecret{{offset: int(min(length, maxFile)), length: 1}, {offset: 1, length: int(min(length, maxFile))}, {offset: -1}, {length: -1}} {
			at.nonce = strings.Repeat("n", nonceSize)
			r := &Records{keys: NewKey().subkeys("aa"), blobs: []byte("b")}
			if _, err := r.Secrets(&Record{sealed: at}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%d bytes at %d: %v", at.length, at.offset, err)
			}
		}
	}
}

func TestUvarint(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{0, 1, 127, 128, 1 << 14, 1<<32 - 1, 1 << 32, math.MaxInt64, math.MaxUint64} {
		b := binary.AppendUvarint(nil, n)
		if got, used := uvarint(string(b) + "x"); got != n || used != len(b) {
			t.Errorf("%d: got %d in %d bytes", n, got, used)
		}
		if _, used := uvarint(string(b[:len(b)-1])); used != 0 {
			t.Errorf("%d: half of it is read", n)
		}
	}
	for _, b := range []string{"", "\x80", strings.Repeat("\x80", 20), strings.Repeat("\xff", 10) + "\x01"} {
		if _, used := uvarint(b); used != 0 {
			t.Errorf("%q is a number", b)
		}
	}
}

// FuzzDecodeIndex: an index decodes into what encodes as the same index, or not
// at all; no text in it is longer than it is.
func FuzzDecodeIndex(f *testing.F) {
	f.Add(encodeIndex(full()))
	f.Add(encodeIndex(&Records{}))
	f.Add([]byte("R\x00R\x00"))
	f.Add(appendEntry(nil, sectionRecord, appendBytes([]byte{tagExpires}, "9223372036854775807")))
	f.Add(appendEntry(nil, sectionIssued, binary.AppendUvarint(nil, math.MaxUint64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Records{keys: NewKey().subkeys("aa")}
		if err := decodeIndex(&r, b, ""); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if len(r.List)+len(r.Issued)+len(r.AllowOrg) > len(b)/2 || len(r.extra) > len(b) {
			t.Fatalf("%d bytes hold %d records", len(b), len(r.List))
		}
		for i := range r.List {
			if _, err := r.Secrets(&r.List[i]); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("a secret opens without a file: %v", err)
			}
		}
		once := encodeIndex(&r)
		var again Records
		if err := decodeIndex(&again, once, ""); err != nil {
			t.Fatalf("what was encoded does not decode: %v", err)
		}
		if twice := encodeIndex(&again); !bytes.Equal(once, twice) {
			t.Fatalf("encoded as\n%q, then as\n%q", once, twice)
		}
	})
}

func FuzzDecodeSecrets(f *testing.F) {
	f.Add(encodeSecrets(Secrets{}))
	f.Add(encodeSecrets(Secrets{cred.NewSecret("s"), cred.NewSecret(""), cred.NewSecret("c")}))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSecrets(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || s.Secret.IsSet() {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again, err := decodeSecrets(encodeSecrets(s))
		if err != nil || !again.Secret.Equal(s.Secret) || !again.Refresh.Equal(s.Refresh) || !again.Credential.Equal(s.Credential) {
			t.Fatalf("%q came back as another, %v", b, err)
		}
	})
}

// FuzzOpen: whoever has not the key makes no file whose index opens, but the
// one that was written.
func FuzzOpen(f *testing.F) {
	key, good := goldenKey(f), goldenFile(f)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("patrol-vault 2 newer\n"))
	f.Add([]byte("patrol-vault 1 aa " + key.ID() + " test 1\n" + strings.Repeat("n", nonceSize) + "\xff\xff\xff\xffshort"))
	f.Add([]byte("patrol-vault 1 aa bb test 18446744073709551615\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := parseFile(raw)
		if err != nil {
			return
		}
		if r, err := file.Open(key); err == nil && !bytes.HasPrefix(good, raw[:len(raw)-len(r.blobs)]) {
			t.Fatalf("%q opens, with %d records", raw, len(r.List))
		}
	})
}
