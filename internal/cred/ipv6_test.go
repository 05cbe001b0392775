package cred_test

import (
	"net/netip"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

// ipv6Seeds are what RFC 4291 and RFC 5952 have to say, and what they do not.
var ipv6Seeds = []string{
	"::", "::1", "1::", "1::8", "0:0:0:0:0:0:0:0", "0:0:0:0:0:0:0:1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
	"2001:db8::1:0:0:1", "2001:db8:0:0:1:0:0:1", "2001:0:0:1:0:0:0:1", "1:0:3:0:5:0:7:0", "0:0:1::", "ABCD:EF01::aBcD", "00ab::0001", "fe80::1",
	"::ffff:1.2.3.4", "::ffff:102:304", "::FFFF:0:0", "::1.2.3.4", "::fffe:1.2.3.4", "0:0:0:0:0:ffff:127.0.0.1", "1:2:3:4:5:6:1.2.3.4", "::0.0.0.0", "::255.255.255.255",
	"", ":", ":::", "::::", "1", "1:", ":1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "1::2::3", "1:::2", "::1:", ":1::",
	"12345::", "00001::", "g::", "-1::", "+1::", "0x1::", "1_0::", "::1%lo", "::%", "%", " ::1", "::1 ", "[::1]",
	"1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::1.2.3.", "::.1.2.3", "::1..2.3", "::01.2.3.4", "::00.2.3.4", "::256.2.3.4", "::1.2.3.-4", "::1.2.3.+4", "::a.2.3.4", "::1.2.3.4.",
}

// netipHost is what Canonical makes of an IPv6 literal when the standard
// library reads and writes it.
func netipHost(s string) (string, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return "", false
	}
	return "[" + a.String() + "]", true
}

func FuzzIPv6IsWhatNetipSays(f *testing.F) {
	for _, s := range ipv6Seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, ok := netipHost(s)
		got, err := cred.Canonical("https", "["+s+"]")
		if got != want || (err == nil) != ok {
			t.Errorf("%q is %q, %v; netip: %q, %v", s, got, err, want, ok)
		}
	})
}

// Every pattern of zero and other groups has one spelling.
func TestIPv6SpellingOfEveryPattern(t *testing.T) {
	t.Parallel()
	for _, value := range []uint16{1, 0xabcd, 0xffff, 0x0f00} {
		for pattern := range 1 << 8 {
			var b [16]byte
			for i := range 8 {
				if pattern>>i&1 == 1 {
					b[2*i], b[2*i+1] = byte(value>>8), byte(value)
				}
			}
			a := netip.AddrFrom16(b)
			for _, s := range []string{a.String(), a.StringExpanded()} {
				want, _ := netipHost(s)
				if got, err := cred.Canonical("https", "["+s+"]"); err != nil || got != want {
					t.Errorf("%s is %q, %v; netip: %q", s, got, err, want)
				}
			}
		}
	}
}
