package keys_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

// The text of a key is on paper for years: this one must be read for ever.
func TestTextGolden(t *testing.T) {
	t.Parallel()
	const id = "0123456789abcdef"
	key, err := vault.KeyFromBytes([]byte("0123456789abcdef0123456789ABCDEF"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "PATROL1-0123456789ABCDEF-60RK-4CSM-6MV3-EE1S-C5H6-6S35-CRR3-2CHK-6GTK-CDSR-750M-4GT4-8N33-CG15"
	if got := keys.Text(id, key).Reveal(); got != want {
		t.Errorf("it is %s", got)
	}
	for _, form := range []string{
		want, strings.ToLower(want), strings.ReplaceAll(want, "-", " "), strings.ReplaceAll(want, "-", "\r\n"), strings.ReplaceAll(want, "-", ""),
		strings.TrimPrefix(want, "PATROL1-"), "\t " + want + " \n", strings.ReplaceAll(want, "0", "o"), strings.ReplaceAll(want[8:], "1", "L"),
	} {
		gotID, got, err := keys.ParseText(form)
		if err != nil || gotID != id || !bytes.Equal(got.Bytes(), key.Bytes()) {
			t.Errorf("%q: %s %v", form, gotID, err)
		}
	}
	for form, reason := range map[string]string{
		"": "0 letters", "PATROL1": "0 letters", want + "0": "73 letters", want[:len(want)-1]: "71 letters",
		strings.Repeat("0", 5000):                  "too long",
		strings.Replace(want, "CDEF", "CDEG", 1):   "second part",
		strings.Replace(want, "-60RK", "-6URK", 1): "group 5",
		"PATROL2" + want[7:]:                       "79 letters",
		want[:40] + "é" + want[42:]:                "never in one",
	} {
		if _, got, err := keys.ParseText(form); !errors.Is(err, keys.ErrText) || !strings.Contains(err.Error(), reason) || got.IsSet() {
			t.Errorf("%.100q: %v, want %s", form, err, reason)
		}
	}
}

// No single letter of it can be wrong, and no two neighbours swapped, without
// being noticed: this tries all of the first and most of the second.
func TestTextNoticesTypingErrors(t *testing.T) {
	t.Parallel()
	key, err := vault.KeyFromBytes([]byte("a key that is the same each time"))
	if err != nil {
		t.Fatal(err)
	}
	text := keys.Text("0123456789abcdef", key).Reveal()
	for i := len("PATROL1-"); i < len(text); i++ {
		for _, c := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
			if text[i] == '-' || byte(c) == text[i] {
				continue
			}
			if _, _, err := keys.ParseText(text[:i] + string(c) + text[i+1:]); err == nil {
				t.Errorf("letter %d: %q for %q", i, c, text[i])
			}
		}
		if i+1 < len(text) && text[i] != text[i+1] && text[i] != '-' && text[i+1] != '-' {
			if _, _, err := keys.ParseText(text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:]); err == nil {
				t.Errorf("letters %d and the next, swapped", i)
			}
		}
	}
}

// Whatever is read as a key is one, and written as it was read.
func FuzzParseText(f *testing.F) {
	f.Add(keys.Text("0123456789abcdef", vault.NewKey()).Reveal())
	f.Add("PATROL1-0000 0000-0000-0000\n")
	f.Add("none")
	f.Fuzz(func(t *testing.T, text string) {
		id, key, err := keys.ParseText(text)
		if err != nil {
			if key.IsSet() || !errors.Is(err, keys.ErrText) || len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, same, err := keys.ParseText(keys.Text(id, key).Reveal())
		if err != nil || again != id || same.ID() != key.ID() {
			t.Errorf("%q does not come back: %v", text, err)
		}
	})
}
