package keys

import (
	"errors"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/vault"
)

// Whatever a command prints, it is the key of this vault, or "none", or it says
// nothing of the key: only "none" may have a vault set aside.
func FuzzCommandAnswer(f *testing.F) {
	const id = "0123456789abcdef"
	f.Add(Text(id, vault.NewKey()).Reveal() + "\n")
	f.Add(Text("fedcba9876543210", vault.NewKey()).Reveal())
	f.Add(" none\r\n")
	f.Add("none\nnone")
	f.Fuzz(func(t *testing.T, out string) {
		key, err := parseAnswer(out, id)
		switch {
		case err == nil && key.IsSet():
			if again, key2, err := ParseText(out); err != nil || again != id || key2.ID() != key.ID() {
				t.Errorf("%q is taken for a key: %v", out, err)
			}
		case key.IsSet() || errors.Is(err, vault.ErrNoKey) != (strings.TrimSpace(out) == "none"):
			t.Errorf("%q: %v", out, err)
		}
	})
}
