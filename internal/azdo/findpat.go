package azdo

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// FoundPAT is a personal access token found in a text.
type FoundPAT struct {
	// Start and End are where in the text it is: text[Start:End]. Of an Encoded
	// one, that is the whole base64 word around it.
	Start, End int
	Secret     cred.Secret
	Info       PATInfo
	// Encoded says that it was found within base64, as in an Authorization
	// header or in the files of npm and Docker.
	Encoded bool
}

const (
	lenClassic, lenNew = 52, 84
	// maxRun is how long a word may be in which a token is looked for that is
	// not set off from it: none is glued to more, and each place costs a checksum.
	maxRun = 4096
)

// FindPATs finds every token of Azure DevOps in text whose checksum holds, in
// the order they stand there, base64 included. What only looks like one is not
// among them. It takes time linear in the length of the text.
func FindPATs(text []byte) []FoundPAT {
	var found []FoundPAT
	for start, end := range words(text) {
		plain := findPlain(text[start:end])
		for _, f := range plain {
			f.Start, f.End = f.Start+start, f.End+start
			found = append(found, f)
		}
		if len(plain) == 0 {
			if f, ok := findEncoded(text[start:end]); ok {
				f.Start, f.End = start, end
				found = append(found, f)
			}
		}
	}
	return found
}

// words yields where the words of letters, digits and what else base64 has
// begin and end, if they are long enough for a token and not too long.
func words(text []byte) func(yield func(start, end int) bool) {
	return func(yield func(start, end int) bool) {
		start := 0
		for i := 0; i <= len(text); i++ {
			if i < len(text) && (isBase62(text[i]) || strings.IndexByte("+/-_=", text[i]) >= 0) {
				continue
			}
			if n := i - start; n >= lenClassic && n <= maxRun && !yield(start, i) {
				return
			}
			start = i + 1
		}
	}
}

func isBase62(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// findPlain looks at every place of a word.
func findPlain(word []byte) []FoundPAT {
	var found []FoundPAT
	classic := 0 // how many characters of base32 end here
	for i := 0; i < len(word); i++ {
		if c := word[i]; 'a' <= c && c <= 'z' || '2' <= c && c <= '7' {
			classic++
		} else {
			classic = 0
		}
		length := 0
		switch {
		case i >= lenNew-1 && bytes.Equal(word[i-7:i-3], []byte("AZDO")):
			length = lenNew
		case classic >= lenClassic:
			length = lenClassic
		default:
			continue
		}
		start := i + 1 - length
		s := string(word[start : i+1])
		if info, ok := inspectPAT(s); ok && info.Checksum {
			found = append(found, FoundPAT{Start: start, End: i + 1, Secret: cred.NewSecret(s), Info: info})
			classic = 0
		}
	}
	return found
}

// findEncoded looks into a word of base64. The word may begin with the name it
// is given to, as in auth=..., so it is also tried after each =.
func findEncoded(word []byte) (FoundPAT, bool) {
	for _, part := range strings.FieldsFunc(string(word), func(r rune) bool { return r == '=' }) {
		if len(part) < base64.RawStdEncoding.EncodedLen(lenClassic) {
			continue
		}
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			decoded, err := encoding.DecodeString(part)
			if err != nil {
				continue
			}
			if inside := findPlain(decoded); len(inside) > 0 {
				inside[0].Encoded = true
				return inside[0], true
			}
		}
	}
	return FoundPAT{}, false
}
