package emulator

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// totpStep is how long a code stands (RFC 6238, 5.2).
const totpStep = 30 * time.Second

// totpDigits is the length of a code.
const totpDigits = 6

// hotp is the one-time password of a counter: RFC 4226, 5.3.
func hotp(secret []byte, counter uint64, digits int) string {
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], counter)
	mac := hmac.New(sha1.New, secret)
	mac.Write(message[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	code := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	modulus := uint32(1)
	for range digits {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", digits, code%modulus)
}

// totpCounter is the number of steps since 1970 (RFC 6238, 4.2).
func totpCounter(at time.Time) uint64 { return uint64(at.Unix()) / uint64(totpStep/time.Second) }

// totp is the code of a moment.
func totp(secret []byte, at time.Time) string { return hotp(secret, totpCounter(at), totpDigits) }

// checkTOTP finds the counter a code belongs to: the present one or one of
// its neighbours, for clocks that differ (RFC 6238, 5.2). Counters up to last
// are used up, since a code must not be accepted twice.
func checkTOTP(secret []byte, code string, at time.Time, last uint64) (uint64, bool) {
	now := totpCounter(at)
	for _, counter := range []uint64{now, now - 1, now + 1} {
		if counter > last && hmac.Equal([]byte(hotp(secret, counter, totpDigits)), []byte(code)) {
			return counter, true
		}
	}
	return 0, false
}

// base32Secret is how authenticator apps write secrets.
func base32Secret() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// parseTOTPSecret reads a secret in base32, in any case and with blanks.
func parseTOTPSecret(s string) ([]byte, error) {
	s = strings.TrimRight(strings.ToUpper(strings.ReplaceAll(s, " ", "")), "=")
	secret, err := base32Secret().DecodeString(s)
	if err != nil || len(secret) < 10 {
		return nil, fmt.Errorf("totp secret: use at least 16 characters of base32 (A-Z, 2-7), or none")
	}
	return secret, nil
}

// derivedTOTPSecret is the secret of a user whose seed has none.
func derivedTOTPSecret(upn string) []byte {
	sum := sha256.Sum256([]byte("azdo-emulator totp\x00" + strings.ToLower(upn)))
	return sum[:20]
}
