package cred

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscapeT01(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://dev.azure.com/contoso": "https://dev.azure.com/contoso",
		"Zo\u00eb \u4e16\u754c":         "Zo\u00eb \u4e16\u754c",
		"\x1b[2Jhidden":                 "^[[2Jhidden",
		"a\rb\nc\td\x00\x7f\b\a":        "a^Mb^Jc^Id^@^?^H^G",
		"\x1b]8;;http://x\x1b\\l":       "^[]8;;http://x^[\\l",
		"\u009b31m":                     "%C2%9B31m",
		"moc.\u202egit":                 "moc.%E2%80%AEgit",
		"\u2066a\u2069":                 "%E2%81%A6a%E2%81%A9",
		"a\u200bb\u2028c\ufeff":         "a%E2%80%8Bb%E2%80%A8c%EF%BB%BF",
		"\xff\xc3(":                     "%FF%C3(",
		"":                              "",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Escape(strings.Repeat("\u00e4", 100000)); utf8.RuneCountInString(got) != maxShown+1 {
		t.Errorf("long string shows %d characters", utf8.RuneCountInString(got))
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Escape(s) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q lets %U through", s, r)
			}
		}
	})
}
