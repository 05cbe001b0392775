package emulator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"time"
)

// Format says which of the two shapes a personal access token has.
type Format string

// The two shapes. The service has issued FormatNew since July 2024, see
// "Changes to format" in
// https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
const (
	FormatNew     Format = "new"     // 84 characters, carries its date and a checksum
	FormatClassic Format = "classic" // 52 characters, a checksum hidden inside
)

// The fixed parts of an 84-character token, as laid out by Microsoft's
// scanner library: https://github.com/microsoft/security-utilities
// (PreciselyClassifiedSecurityKeys) and https://github.com/microsoft/cask.
const (
	randomLength = 52
	keySignature = "JQQJ99"       // offset 52; 9 is "a key", D derived, H hash
	platformData = "ACAAAAAAAAAA" // offset 60
	providerData = "AAAS"         // offset 72
	serviceName  = "AZDO"         // offset 76
	signedLength = 80
	newLength    = 84
	firstYear    = 2024 // written as A
)

// base62 is the alphabet of random characters and of the checksum.
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewToken makes a token string of the given format from the random bytes of r.
// Its checksum is valid, so scanners take it for real. at is the creation
// month that an 84-character token carries; before 2024 there was none.
func NewToken(r io.Reader, format Format, at time.Time) (string, error) {
	switch format {
	case FormatClassic:
		return newClassicToken(r)
	case FormatNew, "":
	default:
		return "", fmt.Errorf("unknown token format %q: use %q or %q", format, FormatNew, FormatClassic)
	}
	year, month := at.UTC().Year()-firstYear, int(at.UTC().Month())-1
	if year < 0 || year > 25 {
		return "", fmt.Errorf("an 84-character token cannot be of the year %d: use the classic format", at.UTC().Year())
	}
	random, err := randomBase62(r, randomLength)
	if err != nil {
		return "", err
	}
	signed := random + keySignature + string(rune('A'+year)) + string(rune('A'+month)) +
		platformData + providerData + serviceName
	return signed + newChecksum(signed), nil
}

// ValidToken reports whether s has one of the two formats and its checksum.
func ValidToken(s string) bool {
	switch len(s) {
	case newLength:
		return s[randomLength:randomLength+len(keySignature)] == keySignature &&
			s[76:80] == serviceName && newChecksum(s[:signedLength]) == s[signedLength:]
	case classicLength:
		return validClassicToken(s)
	}
	return false
}

// newChecksum is the last four characters of an 84-character token: Marvin32
// over the decoded 60 bytes, as base62 of the little-endian bytes read
// big-endian, padded on the right to six, cut to four. It is empty where
// signed is not base64.
// Source: IdentifiableSecrets.cs in microsoft/security-utilities.
func newChecksum(signed string) string {
	data, err := base64.StdEncoding.DecodeString(signed)
	if err != nil {
		return ""
	}
	h := marvin32(checksumSeed, data)
	sum := bits.ReverseBytes32(h)
	text := ""
	for ; sum > 0; sum /= 62 {
		text = string(base62[sum%62]) + text
	}
	return (leadingZeros(h) + text + "000000")[:4]
}

// leadingZeros writes one 0 for each leading zero byte of the big-endian
// reading, which number conversion would lose.
func leadingZeros(h uint32) string {
	n := 0
	for ; n < 4 && h&0xff == 0; n++ {
		h >>= 8
	}
	return strings.Repeat("0", n)
}

// randomBase62 draws n characters evenly: bytes from 248 up would favour the
// first letters and are thrown away.
func randomBase62(r io.Reader, n int) (string, error) {
	out, one := make([]byte, 0, n), make([]byte, 1)
	for len(out) < n {
		if _, err := io.ReadFull(r, one); err != nil {
			return "", errors.Join(errors.New("no random bytes for a token"), err)
		}
		if one[0] < 248 {
			out = append(out, base62[one[0]%62])
		}
	}
	return string(out), nil
}
