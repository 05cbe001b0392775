package cred_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

var (
	label63 = strings.Repeat("a", 63)
	host253 = strings.Repeat(label63+".", 3) + strings.Repeat("a", 61)
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, protocol, host, want string }{
		{"plain", "https", "dev.azure.com", "dev.azure.com"},
		{"H01 suffix", "https", "dev.azure.com.evil.example", "dev.azure.com.evil.example"},
		{"H01 suffix", "https", "github.com.attacker.example", "github.com.attacker.example"},
		{"H02 prefix", "https", "xdev.azure.com", "xdev.azure.com"},
		{"H02 prefix", "https", "evil-dev.azure.com", "evil-dev.azure.com"},
		{"H02 hyphen for dot", "https", "dev-azure.com", "dev-azure.com"},
		{"H02 letter for dot", "https", "devXazure.com", "devxazure.com"},
		{"H03 no dot", "https", "evilvisualstudio.com", "evilvisualstudio.com"},
		{"H03 no organisation", "https", "visualstudio.com", "visualstudio.com"},
		{"H11 default port", "https", "dev.azure.com:443", "dev.azure.com"},
		{"H11 default port of http", "http", "dev.azure.com:80", "dev.azure.com"},
		{"H11 default port of another protocol", "https", "dev.azure.com:80", "dev.azure.com:80"},
		{"H11 default port of another protocol", "http", "dev.azure.com:443", "dev.azure.com:443"},
		{"H11 other port", "https", "dev.azure.com:8443", "dev.azure.com:8443"},
		{"H11 port like the default", "https", "dev.azure.com:4430", "dev.azure.com:4430"},
		{"H13 capitals", "https", "DEV.Azure.COM", "dev.azure.com"},
		{"H14 trailing dot", "https", "dev.azure.com.", "dev.azure.com"},
		{"H14 trailing dot and port", "https", "dev.azure.com.:443", "dev.azure.com"},
		{"H17 short IPv4", "https", "127.1", "127.1"},
		{"H17 hexadecimal IPv4", "https", "0x7f000001", "0x7f000001"},
		{"H17 a name for it", "https", "localhost", "localhost"},
		{"H17 IPv6", "https", "[::1]", "[::1]"},
		{"H17 IPv6, default port", "https", "[::1]:443", "[::1]"},
		{"H17 IPv6, long", "https", "[0:0:0:0:0:0:0:1]", "[::1]"},
		{"H17 IPv6, capitals", "https", "[2001:DB8::A]", "[2001:db8::a]"},
		{"H17 IPv4 in IPv6, port", "https", "[::ffff:127.0.0.1]:8443", "[::ffff:127.0.0.1]:8443"},
		{"H17 IPv4 in IPv6, hexadecimal", "https", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]"},
		{"H20 longest label", "https", label63 + ".example", label63 + ".example"},
		{"H20 longest host", "https", host253, host253},
		{"underscore", "https", "my_host.example", "my_host.example"},
		{"punycode", "https", "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"first port", "https", "h:1", "h:1"},
		{"last port", "https", "h:65535", "h:65535"},
	} {
		t.Run(test.name+" "+test.host, func(t *testing.T) {
			t.Parallel()
			got, err := cred.Canonical(test.protocol, test.host)
			if err != nil || got != test.want {
				t.Fatalf("got %q, %v; want %q", got, err, test.want)
			}
			if again, err := cred.Canonical(test.protocol, got); err != nil || again != got {
				t.Errorf("once more it is %q, %v", again, err)
			}
		})
	}
}

func TestCanonicalRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, host string }{
		{"H03 empty organisation", ".visualstudio.com"},
		{"H05 @", "dev.azure.com@evil.example"},
		{"H05 @ the other way", "evil.example@dev.azure.com"},
		{"H05 two @", "a@b@dev.azure.com"},
		{"H05 slash", "evil.example/.visualstudio.com"},
		{"H07 #", "dev.azure.com#.evil.example"},
		{"H07 ?", "dev.azure.com?.evil.example"},
		{"H07 %", "dev.azure.com%2f.evil.example"},
		{"H08 backslash", `dev.azure.com\.evil.example`},
		{"H08 backslash and @", `evil.example\@dev.azure.com`},
		{"H10 user and password", "user:pw@dev.azure.com"},
		{"H10 user", "user@dev.azure.com"},
		{"H14 two trailing dots", "dev.azure.com.."},
		{"H14 only a dot", "."},
		{"H17 IPv6 without brackets", "::1"},
		{"H17 IPv6 with a zone", "[fe80::1%eth0]"},
		{"H17 IPv4 in brackets", "[127.0.0.1]"},
		{"H17 a name in brackets", "[dev.azure.com]"},
		{"H17 empty brackets", "[]"},
		{"H17 open bracket", "[::1"},
		{"H17 only a bracket", "["},
		{"H17 text after the bracket", "[::1]x"},
		{"H17 dot after the bracket", "[::1]."},
		{"H17 port within the bracket", "[::1:443"},
		{"H17 two addresses", "[::1][::1]"},
		{"H19 ESC", "dev.azure.com\x1b[2J"},
		{"H19 BEL", "dev.azure.com\a"},
		{"H19 DEL", "dev.azure.com\x7f"},
		{"H19 right to left", "dev.azure.com\u202e"},
		{"H19 tab", "dev.azure.com\t"},
		{"H19 blank", "dev.azure.com .evil.example"},
		{"H19 LF", "dev.azure.com\n"},
		{"H19 CR", "dev.azure.com\r"},
		{"H19 NUL", "dev.azure.com\x00"},
		{"H19 Kelvin sign", "\u212a.example"},
		{"H19 full-width letters", "ｄｅｖ.azure.com"},
		{"H19 full stop of another script", "dev。azure.com"},
		{"H19 Cyrillic a", "dev.аzure.com"},
		{"H19 no UTF-8", "dev.azure.com\xff"},
		{"H20 long label", label63 + "a.example"},
		{"H20 long host", host253 + "a"},
		{"H20 empty label", "dev..azure.com"},
		{"H20 leading hyphen", "-dev.azure.com"},
		{"H20 leading hyphen, later", "dev.-azure.com"},
		{"H20 trailing hyphen", "dev-.azure.com"},
		{"empty", ""},
		{"only a port", ":443"},
		{"empty port", "dev.azure.com:"},
		{"port 0", "dev.azure.com:0"},
		{"port 0443", "dev.azure.com:0443"},
		{"port 65536", "dev.azure.com:65536"},
		{"port 2^64+443", "dev.azure.com:18446744073709552059"},
		{"port +443", "dev.azure.com:+443"},
		{"port -443", "dev.azure.com:-443"},
		{"port 4_43", "dev.azure.com:4_43"},
		{"port https", "dev.azure.com:https"},
		{"two ports", "dev.azure.com:443:443"},
		{"wildcard", "*.visualstudio.com"},
		{"a whole URL", "https://dev.azure.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := cred.Canonical("https", test.host)
			if !errors.Is(err, cred.ErrMalformed) || got != "" {
				t.Errorf("%q became %q, %v", test.host, got, err)
			}
			// Whatever Canonical refuses, Read does not let through either.
			if _, err := cred.Read(strings.NewReader("protocol=https\nhost=" + test.host + "\n")); test.name != "H19 LF" && test.name != "H19 CR" && err == nil {
				t.Errorf("Read takes %q", test.host)
			}
		})
	}
}

// H17: what could be a way to write the loopback address is not resolved into
// it, so it can equal no other way and no name.
func TestH17AddressesEqualNoName(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, host := range []string{"127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "dev.azure.com"} {
		got, err := cred.Canonical("https", host)
		if err != nil {
			t.Fatal(err)
		}
		if other, again := seen[got]; again {
			t.Errorf("%s and %s are both %s", host, other, got)
		}
		seen[got] = host
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"Good-Org", "good-org", true}, {"ME@corp", "me@CORP", true}, {"a", "b", false}, {"a", "aa", false},
		{"k", "\u212a", false}, {"s", "ſ", false}, {"ä", "Ä", false}, {"@", "`", false}, {"[", "{", false},
	} {
		if cred.EqualFold(test.a, test.b) != test.want {
			t.Errorf("EqualFold(%q, %q) is not %v", test.a, test.b, test.want)
		}
	}
	if got := cred.Lower("AbZ[`@\u00c4\u212a"); got != "abz[`@\u00c4\u212a" {
		t.Errorf("Lower gives %q", got)
	}
}

// FuzzCanonical: the result is its own canonical form and holds nothing but
// the letters of a host.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"dev.azure.com", "DEV.azure.com.:443", "[::FFFF:127.0.0.1]:8443", "a_b:80", "xn--a", "127.1", "[fe80::1%eth0]", "a@b", host253} {
		f.Add("https", seed)
		f.Add("http", seed)
	}
	f.Fuzz(func(t *testing.T, protocol, host string) {
		got, err := cred.Canonical(protocol, host)
		if err != nil {
			if got != "" || !errors.Is(err, cred.ErrMalformed) {
				t.Fatalf("refused with %q, %v", got, err)
			}
			return
		}
		if again, err := cred.Canonical(protocol, got); err != nil || again != got {
			t.Fatalf("%q became %q, then %q, %v", host, got, again, err)
		}
		if strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-_.:[]") != "" || got == "" || len(got) > len(host)+16 {
			t.Fatalf("%q became %q", host, got)
		}
		if upper, err := cred.Canonical(protocol, strings.ToUpper(got)); err != nil || upper != got {
			t.Fatalf("in capitals %q becomes %q, %v", got, upper, err)
		}
		if !sameHost(protocol, host, got) {
			t.Fatalf("%q became %q", host, got)
		}
	})
}
