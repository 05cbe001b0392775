package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/harden"
)

// Key is the vault key. It lives in a key source, never in the vault file. It
// is a struct around a pointer for the reason cred.Secret is, and to a string
// because fmt follows a pointer to an array when the verb does not fit it.
type Key struct{ k *string }

const keySize = 32

// NewKey makes a random key.
func NewKey() Key {
	b := randomBytes(keySize)
	defer clear(b)
	return keyOf(b)
}

// KeyFromBytes takes a key of 32 bytes as a key source kept it.
func KeyFromBytes(b []byte) (Key, error) {
	if len(b) != keySize {
		return Key{}, fmt.Errorf("a vault key has %d bytes, not %d", keySize, len(b))
	}
	return keyOf(b), nil
}

// keyOf keeps a copy of the key, where the program has locked memory in that.
func keyOf(b []byte) Key {
	kept := harden.Keep(b)
	return Key{&kept}
}

// Bytes returns the key itself, for a key source to keep.
func (k Key) Bytes() []byte {
	if k.k == nil {
		return nil
	}
	return []byte(*k.k)
}

// IsSet reports whether there is a key.
func (k Key) IsSet() bool { return k.k != nil }

// Format implements fmt.Formatter: a key prints as nothing but its kind.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[vault key]")) }

// MarshalText keeps the key out of JSON and slog.
func (Key) MarshalText() ([]byte, error) { return []byte("[vault key]"), nil }

// ID names the key in the vault's header without telling anything of it. The
// zero Key has none.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return hex.EncodeToString(mac([]byte(*k.k), []byte("patrol key id"))[:8])
}

// subkeys are derived from the vault key and the vault's id, one for each use.
type subkeys struct {
	index, secret cipher.AEAD
	issued        []byte
}

// subkeys returns the subkeys behind a function, into which no printer looks.
func (k Key) subkeys(vaultID string) func() *subkeys {
	derive := func(use string) []byte {
		return mac([]byte(*k.k), []byte("patrol "+use+"\x00"+vaultID))
	}
	s := subkeys{aead(derive("index")), aead(derive("secret")), derive("issued")}
	return func() *subkeys { return &s }
}

func mac(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// aead is AES-256-GCM. Nonces are random: with 96 bits and a fresh one for
// each write, a vault may be written 2^32 times (NIST SP 800-38D, section 8.3).
func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a key of wrong length, and ours has 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

const nonceSize = 12

// sealedSecret says where in the file a secret lies. The nonce is kept in the
// index, so that an older ciphertext of the same record does not open either.
type sealedSecret struct {
	nonce  string
	offset int
	length int
	whose  identity
}

// seal appends the encrypted secrets of rec to blobs.
func (r *Records) seal(rec *Record, s Secrets, blobs []byte) []byte {
	nonce := randomBytes(nonceSize)
	start := len(blobs)
	whose := rec.identity()
	plain := encodeSecrets(s)
	defer clear(plain)
	blobs = r.keys().secret.Seal(blobs, nonce, plain, whose.bytes(r.ID))
	rec.sealed = sealedSecret{string(nonce), start, len(blobs) - start, whose}
	return blobs
}

// unsealed returns the secrets that the next write must seal: those that
// were set, those of a record whose identity changed under them, and those of a
// new record that has none. A damaged one is not among them.
func (r *Records) unsealed(rec *Record) (s Secrets, stale bool) {
	switch {
	case rec.fresh != nil:
		return *rec.fresh, true
	case rec.sealed.nonce == "":
		return Secrets{}, true
	case rec.sealed.whose == rec.identity():
		return Secrets{}, false
	}
	s, err := r.open(rec)
	return s, err == nil
}

func (r *Records) open(rec *Record) (Secrets, error) {
	at := rec.sealed
	if len(at.nonce) != nonceSize || at.offset < 0 || at.length < 0 || at.offset > len(r.blobs)-at.length {
		return Secrets{}, fmt.Errorf("secret of record %s: %w", rec.ID, ErrCorrupt)
	}
	plain, err := r.keys().secret.Open(nil, []byte(at.nonce), r.blobs[at.offset:at.offset+at.length], at.whose.bytes(r.ID))
	if err != nil {
		return Secrets{}, fmt.Errorf("secret of record %s: %w", rec.ID, ErrCorrupt)
	}
	defer clear(plain)
	return decodeSecrets(plain)
}

// identity is what a secret is bound to: whose it is and where it goes, as far
// as the index keeps it.
type identity [7]string

func (r *Record) identity() identity {
	i := identity{r.ID, string(r.Kind), r.Host, r.Org, "", "", r.AuthType}
	if r.HasPath {
		i[4] = r.Path
	}
	if r.HasAccount {
		i[5] = r.Account
	}
	return i
}

// bytes is the associated data of a secret in the vault of that id.
func (i identity) bytes(vaultID string) []byte {
	b := appendBytes(nil, vaultID)
	for _, s := range i {
		b = appendBytes(b, s)
	}
	return b
}

func encodeSecrets(s Secrets) []byte {
	var b []byte
	for _, one := range []cred.Secret{s.Secret, s.Refresh, s.Credential} {
		if !one.IsSet() {
			b = append(b, 0)
			continue
		}
		b = appendBytes(append(b, 1), one.Reveal())
	}
	return b
}

func decodeSecrets(b []byte) (Secrets, error) {
	var s Secrets
	for _, one := range []*cred.Secret{&s.Secret, &s.Refresh, &s.Credential} {
		if len(b) == 0 {
			return Secrets{}, ErrCorrupt
		}
		present := b[0]
		b = b[1:]
		if present == 0 {
			continue
		}
		value, rest, ok := cutBytes(b)
		if !ok {
			return Secrets{}, ErrCorrupt
		}
		*one, b = cred.SecretFromBytes(value), rest
	}
	return s, nil
}

// appendBytes appends s after its length.
func appendBytes(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cutBytes is the reverse of appendBytes.
func cutBytes[T string | []byte](b T) (value, rest T, ok bool) {
	n, used := uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return value, rest, false
	}
	return b[used : used+int(n)], b[used+int(n):], true
}

// uvarint is binary.Uvarint for a string too.
func uvarint[T string | []byte](b T) (uint64, int) {
	var n uint64
	for i := 0; i < len(b) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	return 0, 0
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: https://pkg.go.dev/crypto/rand#Read
	return b
}

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }
