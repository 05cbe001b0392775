package azdo

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestFindPATs(t *testing.T) {
	t.Parallel()
	modern, other, classic := newToken("0", "CF", "1aVt"), newToken("A", "BF", "1ll6"), classicToken()
	encoded := base64.StdEncoding.EncodeToString([]byte("ada:" + modern))
	url := base64.URLEncoding.EncodeToString([]byte(":" + classic))
	for _, test := range []struct {
		text string
		want []string // what is at the offsets
	}{
		{"", nil},
		{modern, []string{modern}},
		{classic, []string{classic}},
		{"https://x:" + modern + "@dev.azure.com/contoso", []string{modern}},
		{"a " + modern + "\n" + other + "," + classic + ".", []string{modern, other, classic}},
		{modern + other, []string{modern, other}}, // glued
		{"x" + classic + "y", []string{classic}},
		{"Authorization: Basic " + encoded, []string{encoded}},
		{"_password=" + strings.TrimRight(url, "="), []string{"_password=" + strings.TrimRight(url, "=")}},
		{"%3a" + classic, []string{classic}},

		{newToken("0", "CF", "1aVu"), nil},              // another checksum
		{strings.Replace(modern, "0", "1", 1), nil},     // another letter
		{classic[:51] + "b", nil},                       //
		{strings.Repeat("a", 52), nil},                  // the form, no checksum
		{modern[:83], nil},                              // cut off
		{strings.Repeat("a", maxRun-51) + classic, nil}, // too long for a word
		{modern[:40] + "\n" + modern[40:], nil},         // broken
		{base64.StdEncoding.EncodeToString([]byte(strings.Repeat("b", 60))), nil},
	} {
		var got []string
		for _, f := range FindPATs([]byte(test.text)) {
			got = append(got, test.text[f.Start:f.End])
			if info, ok := InspectPAT(f.Secret); !ok || info != f.Info || !info.Checksum {
				t.Errorf("%q: %+v", test.text, f.Info)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%q: found %q, want %q", test.text, got, test.want)
		}
	}
}

// FuzzFindPATs: what is found is where it says, and a token that stands by
// itself is found whatever is around it.
func FuzzFindPATs(f *testing.F) {
	f.Add("a=", "\n")
	f.Add("https://x:", "@dev.azure.com/")
	f.Add(strings.Repeat("a", 60), "AZDO")
	f.Fuzz(func(t *testing.T, before, after string) {
		token := newToken("0", "CF", "1aVt")
		text := before + " " + token + " " + after
		seen, last := false, 0
		for _, found := range FindPATs([]byte(text)) {
			if found.Start < last || found.End > len(text) || found.End < found.Start+52 {
				t.Fatalf("%d to %d of %d", found.Start, found.End, len(text))
			}
			last = found.End
			if !found.Encoded && text[found.Start:found.End] != found.Secret.Reveal() {
				t.Fatal("the offsets are of something else")
			}
			seen = seen || found.Start == len(before)+1 && found.Secret.Reveal() == token
		}
		if !seen {
			t.Fatal("the token was not found")
		}
	})
}
