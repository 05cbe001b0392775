package keys

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// A key as text: on paper, in a plain file, and between patrol and a command.
//
//	PATROL1-0123456789ABCDEF-K7QM-...
//
// The word PATROL1, the vault's id, then 14 groups of 4 letters and digits: 32
// bytes of key and 3 of checksum, in the base 32 of
// https://www.crockford.com/base32.html, which has no letter that looks like a
// digit. Case, blanks, hyphens and line breaks mean nothing.
const (
	textWord   = "PATROL1"
	textID     = 16 // hex digits of a vault's id
	textGroup  = 4
	textKey    = 56 // letters of key and checksum
	checkBytes = 3
	// MaxText is the longest text that can be a key, however it is spaced.
	MaxText = 1000
)

// ErrText is what is not a key as text. The error says why, and nothing of it.
var ErrText = errors.New("that is not a recovery key")

func crockford() *base32.Encoding {
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
}

// checksum covers which vault it is too, so that no group can be wrong.
func checksum(id string, key []byte) []byte {
	h := sha256.New()
	h.Write([]byte("patrol recovery key 1\x00" + id + "\x00"))
	h.Write(key)
	return h.Sum(nil)[:checkBytes]
}

// Text returns the key of a vault as one line without its end.
func Text(id string, key vault.Key) cred.Secret {
	plain := key.Bytes()
	defer clear(plain)
	letters := crockford().EncodeToString(append(plain, checksum(id, plain)...))
	var b strings.Builder
	b.WriteString(textWord + "-" + strings.ToUpper(id))
	for ; letters != ""; letters = letters[min(textGroup, len(letters)):] {
		b.WriteString("-" + letters[:min(textGroup, len(letters))])
	}
	return cred.NewSecret(b.String())
}

// ParseText reads what Text wrote, or a person copied from it: O is read as 0,
// I and L as 1. Whether the key opens the vault of that id is not looked at.
func ParseText(text string) (id string, key vault.Key, err error) {
	letters, err := textLetters(text)
	if err != nil {
		return "", key, err
	}
	id = strings.ToLower(letters[:textID])
	if _, err := hex.DecodeString(id); err != nil {
		return "", key, fmt.Errorf("%w: its second part is no vault's id", ErrText)
	}
	plain, err := crockford().DecodeString(letters[textID:])
	if err != nil || len(plain) <= checkBytes {
		return "", key, fmt.Errorf("%w: a letter is none of those it is made of", ErrText)
	}
	defer clear(plain)
	body, sum := plain[:len(plain)-checkBytes], plain[len(plain)-checkBytes:]
	if subtle.ConstantTimeCompare(sum, checksum(id, body)) != 1 {
		return "", key, fmt.Errorf("%w: its checksum is wrong, so at least one letter is", ErrText)
	}
	if key, err = vault.KeyFromBytes(body); err != nil {
		return "", key, fmt.Errorf("%w: %v", ErrText, err)
	}
	return id, key, nil
}

// textLetters drops what spaces and decorates, and finds the first letter that
// cannot be.
func textLetters(text string) (string, error) {
	if len(text) > MaxText {
		return "", fmt.Errorf("%w: it is too long", ErrText)
	}
	compact := strings.Map(func(r rune) rune {
		if r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, strings.ToUpper(text))
	compact = strings.TrimPrefix(compact, textWord)
	compact = strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(compact)
	for i, r := range []rune(compact) {
		if r > 'Z' || r == 'U' || !unicode.IsDigit(r) && !unicode.IsUpper(r) {
			return "", fmt.Errorf("%w: group %d after %s has a letter that is never in one", ErrText, i/textGroup+1, textWord)
		}
	}
	if n := len(compact); n != textID+textKey {
		return "", fmt.Errorf("%w: it has %d letters and digits after %s, not %d", ErrText, n, textWord, textID+textKey)
	}
	return compact, nil
}
