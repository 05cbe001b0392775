package cred

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown is how many characters of a string Escape shows.
const maxShown = 400

// Escape returns s as one line that does what it looks like: control characters
// as ^[, everything else that has no shape of its own (C1, bidirectional
// overrides, zero-width, line separators, invalid UTF-8) percent-encoded, and
// "…" where it was too long. It is for the eye only, as Git's
// credential.sanitizePrompt (CVE-2024-50349, CVE-2024-52005).
func Escape(s string) string { return escape(s, maxShown) }

// EscapeWhole is Escape for what must not be cut.
func EscapeWhole(s string) string { return escape(s, -1) }

func escape(s string, most int) string {
	var b strings.Builder
	for shown := 0; s != ""; shown++ {
		if shown == most {
			return b.String() + "…"
		}
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "%%%02X", s[0])
		case unicode.IsPrint(r):
			b.WriteString(s[:n])
		case r < 0x20 || r == 0x7f:
			b.WriteByte('^')
			b.WriteByte(s[0] ^ 0x40)
		default:
			for _, c := range []byte(s[:n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		s = s[n:]
	}
	return b.String()
}
