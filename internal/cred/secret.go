package cred

import (
	"crypto/subtle"
	"fmt"

	"github.com/gitpatrol/patrol/internal/harden"
)

// Secret holds a password, token or key that no formatting verb, JSON or slog
// handler can print. It is a struct around a pointer because fmt reaches the
// unexported fields of other structs without asking for a method: there it
// sees an address. The zero Secret is absent, which differs from empty.
type Secret struct{ p *string }

// redacted is what every printer gets instead of the secret.
const redacted = "[secret]"

// NewSecret keeps a copy of s, where the program has locked memory in that. An
// empty s makes a present but empty Secret.
func NewSecret(s string) Secret {
	kept := harden.Keep(s)
	return Secret{&kept}
}

// SecretFromBytes is NewSecret for bytes, which the caller may then clear.
func SecretFromBytes(b []byte) Secret {
	kept := harden.Keep(b)
	return Secret{&kept}
}

// Reveal returns the secret itself. It is the only door; arch_test.go names
// the files that may call it.
func (s Secret) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// IsSet reports whether a secret is present, be it empty.
func (s Secret) IsSet() bool { return s.p != nil }

// Equal compares two secrets in constant time. Absent equals only absent.
func (s Secret) Equal(t Secret) bool {
	if s.p == nil || t.p == nil {
		return s.p == t.p
	}
	return subtle.ConstantTimeCompare([]byte(*s.p), []byte(*t.p)) == 1
}

// Format implements fmt.Formatter for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// MarshalText keeps the secret out of JSON, XML and slog, which all ask for it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
