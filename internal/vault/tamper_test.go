package vault

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

// three is a vault of three records with secrets of equal length.
func three(t *testing.T) (*Vault, Key) {
	t.Helper()
	v, key := newVault(t)
	update(t, v, key, func(r *Records) {
		for _, host := range []string{"a.example", "b.example", "c.example"} {
			r.Add(login(host))
		}
	})
	return v, key
}

// read opens a vault file held in memory and every secret in it. It returns the
// first error, and fails the test for a secret that is not its record's own.
func read(t *testing.T, raw string, key Key) (*Records, error) {
	t.Helper()
	f, err := parseFile([]byte(raw))
	if err != nil {
		return nil, err
	}
	r, err := f.Open(key)
	if err != nil {
		return nil, err
	}
	var first error
	for i := range r.List {
		s, err := r.Secrets(&r.List[i])
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error of another kind: %v", err)
			}
			first = errors.Join(first, err)
			continue
		}
		if got, want := s.Secret.Reveal(), "secret of "+r.List[i].Host; got != want {
			t.Fatalf("the secret of %s opens as %q", r.List[i].Host, got)
		}
	}
	return r, first
}

// S18: no bit of the file can change unnoticed.
func TestS18EveryBitFlipIsDetected(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	raw := contents(t, v)
	if _, err := read(t, string(raw), key); err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			_, err := read(t, string(raw), key)
			if err == nil {
				t.Errorf("bit %d of byte %d changed unnoticed", bit, i)
			} else if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrNewer) {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
			raw[i] ^= 1 << bit
		}
	}
}

// C30 and S18: a file cut anywhere. What is cut off the end can take only the
// secrets that lay there.
func TestC30EveryTruncationIsDetected(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	raw := contents(t, v)
	for n := range raw {
		if _, err := read(t, string(raw[:n]), key); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v", n, len(raw), err)
		}
	}
}

func TestC30Garbage(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	raw := contents(t, v)
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		garbage := bytes.Clone(raw)
		from := random.IntN(len(garbage))
		for i := range garbage[from:] {
			garbage[from+i] = byte(random.Uint32())
		}
		if bytes.Equal(garbage, raw) { // as one random byte may be
			continue
		}
		if _, err := read(t, string(garbage), key); err == nil {
			t.Fatal("garbage opens")
		}
	}
	for _, text := range []string{
		"", "\n", "patrol-vault", "patrol-vault\n", "patrol-vault 1\n", "patrol-vault 0 ab cd test 1\n", "patrol-vault -1 ab cd test 1\n",
		"patrol-vault x ab cd test 1\n", "patrol-vault 1 ab cd test\n", "patrol-vault 1 ab cd test 1 2\n", "patrol-vault 1 AB cd test 1\n",
		"patrol-vault 1  cd test 1\n", "patrol-vault 1 ab  test 1\n", "patrol-vault 1 ab cd  1\n", "patrol-vault 1 ab cd te\x1bst 1\n", "patrol-vault 1 ab cd test -1\n",
		"patrol-vault 1 ab cd test 18446744073709551616\n", "patrol-vault 1 ab cd test 1\r\n", "patrol-vault 1 " + strings.Repeat("a", 300) + " cd test 1\n",
		"patrol-vault 1 ab cd test 1", "PATROL-VAULT 1 ab cd test 1\n", " patrol-vault 1 ab cd test 1\n", strings.Repeat("a", 1<<16),
	} {
		if _, err := parseFile([]byte(text)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// Bytes after the end are no record's, and the next write drops them.
func TestTrailingBytesAreHarmless(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	before := contents(t, v)
	if _, err := read(t, string(before)+"\nevil", key); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(v.Path(), append(before, "evil"...), 0o600); err != nil {
		t.Fatal(err)
	}
	update(t, v, key, func(*Records) {})
	if after := contents(t, v); bytes.Contains(after, []byte("evil")) || len(after) != len(before) {
		t.Errorf("%d bytes became %d", len(before), len(after))
	}
}

// blobs returns where the sealed secrets of a file lie.
func blobs(t *testing.T, raw []byte, key Key) (start int, r *Records) {
	t.Helper()
	r, err := read(t, string(raw), key)
	if err != nil {
		t.Fatal(err)
	}
	return len(raw) - len(r.blobs), r
}

func TestS18SwappedSecretsAreDetected(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	raw := contents(t, v)
	start, r := blobs(t, raw, key)
	for i := range r.List {
		for j := range i {
			a, b := r.List[i].sealed, r.List[j].sealed
			if a.length != b.length {
				t.Fatal("the secrets are not of equal length")
			}
			swapped := bytes.Clone(raw)
			copy(swapped[start+a.offset:], raw[start+b.offset:][:b.length])
			copy(swapped[start+b.offset:], raw[start+a.offset:][:a.length])
			got, err := read(t, string(swapped), key)
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%d and %d changed places unnoticed", i, j)
			}
			// The third one stays as it was.
			if s, err := got.Secrets(&got.List[3-i-j]); err != nil || s.Secret.Reveal() != "secret of "+got.List[3-i-j].Host {
				t.Errorf("the third secret: %v", err)
			}
		}
	}
}

func TestS18OlderSecretOfTheSameRecordIsDetected(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	before := contents(t, v)
	update(t, v, key, func(r *Records) { // the same record, an equally long new secret
		r.List[0].SetSecrets(Secrets{Secret: cred.NewSecret("SECRET OF " + r.List[0].Host)})
	})
	after := contents(t, v)
	oldStart, old := blobs(t, before, key)
	r := openVault(t, v, key)
	start := len(after) - len(r.blobs)
	if old.List[0].ID != r.List[0].ID || old.List[0].sealed.length != r.List[0].sealed.length {
		t.Fatal("these are not two states of one record")
	}
	put := bytes.Clone(after)
	copy(put[start+r.List[0].sealed.offset:], before[oldStart+old.List[0].sealed.offset:][:r.List[0].sealed.length])
	f, err := parseFile(put)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := got.Secrets(&got.List[0]); !errors.Is(err, ErrCorrupt) || s.Secret.IsSet() {
		t.Errorf("the old secret opens: %v", err)
	}
}

// S18: the parts of two states of a vault make no third.
func TestS18PartsOfTwoGenerations(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	before := contents(t, v)
	update(t, v, key, func(r *Records) { r.List[0].Scopes = "more" })
	after := contents(t, v)
	head := func(raw []byte) int { return bytes.IndexByte(raw, '\n') + 1 }
	for name, mixed := range map[string]string{
		"old header, new body": string(before[:head(before)]) + string(after[head(after):]),
		"new header, old body": string(after[:head(after)]) + string(before[head(before):]),
	} {
		if _, err := read(t, mixed, key); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// S18: nothing of one vault opens in another, even under the same key and with
// the same record.
func TestS18NothingMovesBetweenVaults(t *testing.T) {
	t.Parallel()
	key := NewKey()
	files := map[string][]byte{}
	for _, id := range []string{"aa", "bb"} {
		r := &Records{Header: Header{ID: id, KeyID: key.ID(), Source: "test"}, keys: key.subkeys(id)}
		rec := login("a.example")
		rec.ID = "same"
		r.Add(rec)
		raw, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		files[id] = raw
	}
	a, b := files["aa"], files["bb"]
	if _, err := read(t, strings.Replace(string(a), " aa ", " bb ", 1), key); !errors.Is(err, ErrCorrupt) {
		t.Errorf("under the other's name: %v", err)
	}
	// Vault b with the sealed secret of a, and the nonce of it in its index:
	// what someone could make who holds neither key nor index of a.
	_, ra := blobs(t, a, key)
	_, rb := blobs(t, b, key)
	rb.blobs = ra.blobs
	rb.List[0].sealed = ra.List[0].sealed
	if s, err := rb.Secrets(&rb.List[0]); !errors.Is(err, ErrCorrupt) || s.Secret.IsSet() {
		t.Errorf("the secret of another vault opens: %v", err)
	}
}

// A damaged secret harms no other, also after the vault is written anew.
func TestDamageStaysWhereItIs(t *testing.T) {
	t.Parallel()
	v, key := three(t)
	raw := contents(t, v)
	start, r := blobs(t, raw, key)
	raw[start+r.List[1].sealed.offset] ^= 1
	if err := os.WriteFile(v.Path(), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		update(t, v, key, func(r *Records) { r.List[1].Scopes += "x" })
		r := openVault(t, v, key)
		for i := range r.List {
			s, err := r.Secrets(&r.List[i])
			if damaged := i == 1; damaged != errors.Is(err, ErrCorrupt) || !damaged && s.Secret.Reveal() != "secret of "+r.List[i].Host {
				t.Errorf("record %d: %v", i, err)
			}
		}
	}
	update(t, v, key, func(r *Records) { r.List[1].Account = "moved" })
	if r := openVault(t, v, key); len(r.List) != 3 {
		t.Error("a record was lost")
	}
	if raw = contents(t, v); len(raw) == 0 {
		t.Error("the vault is empty")
	}
	// What is cut off the end takes only the last secret along.
	update(t, v, key, func(r *Records) { r.Delete(func(rec *Record) bool { return rec.Host == "b.example" }) })
	raw = contents(t, v)
	if err := os.WriteFile(v.Path(), raw[:len(raw)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	update(t, v, key, func(r *Records) { r.Add(login("d.example")) })
	r = openVault(t, v, key)
	var lost []string
	for i := range r.List {
		if _, err := r.Secrets(&r.List[i]); err != nil {
			lost = append(lost, r.List[i].Host)
		}
	}
	if fmt.Sprint(lost) != "[a.example]" {
		t.Errorf("lost %v", lost)
	}
}

// C29: what a newer patrol wrote is left alone, whatever it looks like.
func TestC29NewerFormatIsNotTouched(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"patrol-vault 2 ab cd test 1\nbody", "patrol-vault 2\n", "patrol-vault 2", "patrol-vault 10 something else\n\x00\xff",
		"patrol-vault 4294967296 x\n", "patrol-vault 18446744073709551615 x\n", "patrol-vault 2 " + strings.Repeat("a longer first line ", 50) + "\nbody",
	} {
		v, key := newVault(t)
		if err := os.WriteFile(v.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, load := v.Load()
		update := v.Update(t.Context(), key, func(*Records) error { t.Error("changed"); return nil })
		_, create := v.Create(t.Context(), "test", func(string, Key) error { t.Error("a new key"); return nil })
		_, aside := v.SetAside(t.Context(), func(_ *File, err error) bool { return errors.Is(err, ErrCorrupt) })
		for name, err := range map[string]error{"Load": load, "Update": update, "Create": create} {
			if !errors.Is(err, ErrNewer) {
				t.Errorf("%.30q: %s says %v", text, name, err)
			}
		}
		if !errors.Is(aside, ErrUnchanged) || string(contents(t, v)) != text {
			t.Errorf("%.30q did not stay as it was (%v)", text, aside)
		}
	}
}

// C29: what a later patrol added to the same format outlives our writes.
func TestC29UnknownPartsSurvive(t *testing.T) {
	t.Parallel()
	v, key := newVault(t)
	field := string(appendBytes([]byte{lastTag + 1}, "a later field")) + string(appendBytes([]byte{255}, ""))
	section := string(appendEntry(nil, 'Z', []byte("a later section"))) + string(appendEntry(nil, 0, nil))
	update(t, v, key, func(r *Records) {
		rec := login("a.example")
		rec.extra = field
		r.Add(rec)
		r.extra = section
	})
	for range 2 {
		update(t, v, key, func(r *Records) { r.List[0].Scopes += "x"; r.Add(login("b.example")) })
	}
	r := openVault(t, v, key)
	if r.extra != section || r.List[2].extra != field || r.List[0].extra != "" || secretOf(t, r, &r.List[2]) != "secret of a.example" {
		t.Errorf("got %q and %q", r.extra, r.List[2].extra)
	}
}
