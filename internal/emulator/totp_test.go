package emulator

import (
	"testing"
	"time"
)

// The vectors of RFC 4226, appendix D, and RFC 6238, appendix B (SHA-1).
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for counter, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := hotp(secret, uint64(counter), 6); got != want {
			t.Errorf("counter %d: %s, want %s", counter, got, want)
		}
	}
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		at := time.Unix(unix, 0)
		if got := hotp(secret, totpCounter(at), 8); got != want {
			t.Errorf("%d: %s, want %s", unix, got, want)
		}
		if got := totp(secret, at); got != want[2:] {
			t.Errorf("%d: %s, want %s", unix, got, want[2:])
		}
	}
}

func TestTOTPWindowAndReplay(t *testing.T) {
	t.Parallel()
	secret, err := parseTOTPSecret("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")
	if err != nil || string(secret) != "12345678901234567890" {
		t.Fatalf("%q %v", secret, err)
	}
	now := time.Unix(1234567890, 0)
	for offset, want := range map[time.Duration]bool{0: true, -totpStep: true, totpStep: true, -2 * totpStep: false, 2 * totpStep: false} {
		if _, ok := checkTOTP(secret, totp(secret, now.Add(offset)), now, 0); ok != want {
			t.Errorf("a code of %v: %v", offset, ok)
		}
	}
	used, _ := checkTOTP(secret, totp(secret, now), now, 0)
	for _, at := range []time.Time{now, now.Add(-totpStep)} {
		if _, ok := checkTOTP(secret, totp(secret, at), now, used); ok {
			t.Error("a used code, or an older one, is accepted")
		}
	}
	for _, bad := range []string{"", "short", "1234567890123456789", "none"} {
		if _, err := parseTOTPSecret(bad); err == nil {
			t.Errorf("secret %q is accepted", bad)
		}
	}
}
