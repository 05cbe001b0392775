package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
)

// signer signs JSON web tokens with a key that lives as long as the process.
// It is made when it is first needed, since it takes longer than the rest of
// a start.
type signer struct {
	make func() (*rsa.PrivateKey, error)
}

// newSigner prepares a key.
func newSigner() *signer {
	return &signer{make: sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })}
}

// keyID names a key by its hash.
func keyID(key *rsa.PrivateKey) string {
	sum := sha1.Sum(key.N.Bytes())
	return b64(sum[:])
}

// b64 is the encoding of RFC 7515, appendix C.
func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// jwtHeader is the header Entra sends:
// https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#header-claims
type jwtHeader struct {
	Type      string `json:"typ"`
	Algorithm string `json:"alg"`
	X5T       string `json:"x5t"`
	KeyID     string `json:"kid"`
}

// sign makes a token with RS256 (RFC 7518, 3.3).
func (s *signer) sign(claims any) (string, error) {
	key, err := s.make()
	if err != nil {
		return "", err
	}
	header, err := json.Marshal(jwtHeader{"JWT", "RS256", keyID(key), keyID(key)})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := b64(header) + "." + b64(payload)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	return signed + "." + b64(signature), err
}

// errToken says that a token is not one of this emulator.
var errToken = errors.New("not a token of this emulator")

// verify checks a token's signature and reads its claims. The algorithm is
// ours, whatever the header says (RFC 8725, 3.1).
func (s *signer) verify(token string, claims any) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errToken
	}
	headerText, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	signature, err3 := base64.RawURLEncoding.DecodeString(parts[2])
	key, err4 := s.make()
	var header jwtHeader
	if err := errors.Join(err1, err2, err3, err4); err != nil || json.Unmarshal(headerText, &header) != nil || header.Algorithm != "RS256" || header.KeyID != keyID(key) {
		return errToken
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return errToken
	}
	return json.Unmarshal(payload, claims)
}

// jwk is a public key: RFC 7517, 4, and RFC 7518, 6.3.
type jwk struct {
	KeyType string `json:"kty"`
	Use     string `json:"use"`
	KeyID   string `json:"kid"`
	X5T     string `json:"x5t"`
	N       string `json:"n"`
	E       string `json:"e"`
}

// public is the key as the keys document lists it.
func (s *signer) public() (jwk, error) {
	key, err := s.make()
	if err != nil {
		return jwk{}, err
	}
	id := keyID(key)
	return jwk{"RSA", "sig", id, id, b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes())}, nil
}

// looksLikeJWT tells a token from a password before anything is decoded.
func looksLikeJWT(s string) bool { return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 }

// newUTI is the id of a token. Entra's is opaque; ours begins with a serial
// number, so that what was issued before an event can be told.
func newUTI(serial uint64) string {
	var b [16]byte
	_, _ = rand.Read(b[8:]) // never fails, by its documentation
	binary.BigEndian.PutUint64(b[:], serial)
	return b64(b[:])
}

// serialOf reads the serial number of a token id.
func serialOf(uti string) uint64 {
	b, err := base64.RawURLEncoding.DecodeString(uti)
	if err != nil || len(b) != 16 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// newSecret is a random string with n bytes of chance, and its hash.
func newSecret(prefix string, n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its documentation
	return prefix + b64(b)
}

// secretHash is all that is kept of a code, a cookie or a refresh token.
type secretHash [sha256.Size]byte

func hashSecret(s string) secretHash { return sha256.Sum256([]byte(s)) }
