package emulator

import (
	"encoding/base32"
	"hash/crc32"
	"io"
	"strings"
)

// classicLength is the length of a token issued before July 2024: 32 bytes in
// lower-case base32.
const classicLength = 52

// classicSeed is the seed of user tokens. Source: the AzureDevOps rule in
// https://github.com/microsoft/security-utilities.
const classicSeed = 0xE0B9692D

// newClassicToken makes a 52-character token from 28 random bytes.
func newClassicToken(r io.Reader) (string, error) {
	var t [28]byte
	if _, err := io.ReadFull(r, t[:]); err != nil {
		return "", err
	}
	return classicToken(t), nil
}

// classicToken hides the checksum of t at offsets 2, 7, 8 and 22.
func classicToken(t [28]byte) string {
	sum := crc32.ChecksumIEEE(t[:]) ^ classicSeed
	b := make([]byte, 0, 32)
	b = append(b, t[0:2]...)
	b = append(b, byte(sum>>24))
	b = append(b, t[2:6]...)
	b = append(b, byte(sum>>16), byte(sum>>8))
	b = append(b, t[6:19]...)
	b = append(b, byte(sum))
	b = append(b, t[19:28]...)
	return strings.ToLower(strings.TrimRight(base32.StdEncoding.EncodeToString(b), "="))
}

// validClassicToken takes the 28 bytes out again and compares.
func validClassicToken(s string) bool {
	b, err := base32.StdEncoding.DecodeString(strings.ToUpper(s) + "====")
	if err != nil || len(b) != 32 {
		return false
	}
	var t [28]byte
	copy(t[0:], b[0:2])
	copy(t[2:], b[3:7])
	copy(t[6:], b[9:22])
	copy(t[19:], b[23:32])
	return classicToken(t) == s
}
