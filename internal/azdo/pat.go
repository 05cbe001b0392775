package azdo

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Format is one of the two forms of a personal access token.
type Format int

// The formats. See "Changes to format of Azure DevOps personal access tokens",
// https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
const (
	FormatClassic Format = iota + 1 // 52 characters of base32
	FormatNew                       // 84 characters, since July 2024
)

// PATInfo is what the string of a token tells without asking the server.
type PATInfo struct {
	Format Format
	// Checksum says that the checksum inside the token holds: it was issued,
	// and typed or pasted whole. It does not say that it still works.
	Checksum bool
	// Created is the first day, in UTC, of the month the token was made in.
	// Zero for a classic token and for a year we cannot read.
	Created time.Time
}

// LatestExpiry is the end of the longest life a token of that month can have,
// which is a year. Zero when Created is.
func (i PATInfo) LatestExpiry() time.Time {
	if i.Created.IsZero() {
		return time.Time{}
	}
	return i.Created.AddDate(1, 1, 0)
}

// InspectPAT reads the string of a token. ok is false when it has the form of
// neither format, blanks around it included.
func InspectPAT(token cred.Secret) (info PATInfo, ok bool) { return inspectPAT(token.Reveal()) }

func inspectPAT(s string) (PATInfo, bool) {
	switch {
	case isClassic(s):
		return PATInfo{Format: FormatClassic, Checksum: classicChecksum(s)}, true
	case isNew(s):
		return PATInfo{Format: FormatNew, Checksum: newChecksum(s[:80]) == s[80:], Created: created(s[58], s[59])}, true
	}
	return PATInfo{}, false
}

// plausible reports what keeps the secret of a new token from being used; nil:
// nothing. A format nobody knows yet is fine as long as it can go into a
// header and into Git's protocol, and is no placeholder.
func plausible(token cred.Secret) error {
	const shortest, longest = 32, 4096
	s := token.Reveal()
	switch {
	case s == "":
		return errors.New("its secret is missing")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return errors.New("its secret holds characters that no token has")
	case len(s) < shortest || len(s) > longest:
		return errors.New("its secret has a length that no token has")
	}
	return nil
}

func isClassic(s string) bool {
	return len(s) == 52 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// isNew checks what is fixed in the format and leaves the platform and provider
// data between open: Microsoft's own rule pins them and misses real tokens.
// See https://github.com/microsoft/security-utilities, rule SEC101/201.
func isNew(s string) bool {
	return len(s) == 84 && alphanumeric(s) && s[52:57] == "JQQJ9" && strings.IndexByte("9DH", s[57]) >= 0 &&
		s[59] >= 'A' && s[59] <= 'L' && s[76:80] == "AZDO"
}

func alphanumeric(s string) bool { return strings.Trim(s, base62Digits) == "" }

// created decodes year (A is 2024) and month (A is January).
func created(year, month byte) time.Time {
	if year < 'A' || year > 'Z' {
		return time.Time{}
	}
	return time.Date(2024+int(year-'A'), time.January+time.Month(month-'A'), 1, 0, 0, 0, 0, time.UTC)
}

// classicChecksum checks the CRC-32 that is spread over the 32 bytes of a classic
// token, with the seed of user tokens or of app tokens.
// See https://github.com/microsoft/security-utilities, SEC101/102.
func classicChecksum(s string) bool {
	const userSeed, appSeed = 0xE0B9692D, 0x1019F92E
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(s))
	if err != nil || len(b) != 32 {
		return false
	}
	data := make([]byte, 0, 28)
	for _, part := range [][]byte{b[0:2], b[3:7], b[9:22], b[23:32]} {
		data = append(data, part...)
	}
	stored := uint32(b[22]) | uint32(b[8])<<8 | uint32(b[7])<<16 | uint32(b[2])<<24
	sum := crc32.ChecksumIEEE(data)
	return sum^userSeed == stored || sum^appSeed == stored
}

// newChecksum returns the four characters that belong after the first 80: the
// Marvin32 of their 60 bytes, folded to 32 bits and written in base62.
// See https://github.com/microsoft/cask and
// https://github.com/microsoft/security-utilities, IdentifiableSecrets.cs.
func newChecksum(first80 string) string {
	const seed = 0x4465_6661_756C_7430 // "Default0"
	data, err := base64.StdEncoding.DecodeString(first80)
	if err != nil {
		return ""
	}
	hi, lo := marvin32(seed, data)
	var le [4]byte
	binary.LittleEndian.PutUint32(le[:], hi^lo)
	return base62(le)[:4]
}

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// base62 writes b, read as one big-endian number, with 0-9A-Za-z. Leading zero
// bytes are kept as "0", and the whole is padded with "0" on the right to six.
func base62(b [4]byte) string {
	var s string
	for n := binary.BigEndian.Uint32(b[:]); n > 0; n /= 62 {
		s = base62Digits[n%62:n%62+1] + s
	}
	for _, c := range b {
		if c != 0 {
			break
		}
		s = "0" + s
	}
	return s + strings.Repeat("0", max(0, 6-len(s)))
}

// MayBe reports whether a token of that string can be the one the server
// describes: it was made in the month that the string tells, give or take the
// day on which two clocks can disagree.
func (i PATInfo) MayBe(r PATRecord) bool {
	if i.Created.IsZero() || r.Created.IsZero() {
		return true
	}
	const slack = 24 * time.Hour
	return r.Created.After(i.Created.Add(-slack)) && r.Created.Before(i.Created.AddDate(0, 1, 0).Add(slack))
}
