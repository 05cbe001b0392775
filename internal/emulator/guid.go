package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// zeroGUID is what the service sends for "no tenant": the organization's
// people have personal Microsoft accounts.
const zeroGUID = "00000000-0000-0000-0000-000000000000"

// derivedGUID makes a GUID that is the same for the same words, so that a
// seed without ids gives the same ids at each start.
func derivedGUID(words ...string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.Join(words, "\x00"))))
	return formatGUID([16]byte(sum[:16]))
}

// newGUID makes a random GUID.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return formatGUID(b)
}

// formatGUID sets the version 4 and variant bits (RFC 9562, 5.4) and prints.
func formatGUID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[0:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// isGUID reports whether s is a GUID in its usual form.
func isGUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	_, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil
}
