package azdo

import (
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// The tokens here are made up and put together at run time, so that a secret
// scanner has nothing to report.
func newToken(random, month, checksum string) string {
	return strings.Repeat(random, 52) + "JQQ" + "J99" + month + "ACAAAAAAAAAA" + "AAAS" + "AZ" + "DO" + checksum
}

func classicToken() string {
	return "aaatoaqdaqc3cyiga4eascqlbq" + "gq4dyqcejhaeyuculbogazdinq"
}

func TestInspectPAT(t *testing.T) {
	t.Parallel()
	month := func(y int, m time.Month) time.Time { return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		name, token string
		want        PATInfo
		ok          bool
	}{
		{"classic", classicToken(), PATInfo{FormatClassic, true, time.Time{}}, true},
		{"classic, one character wrong", "b" + classicToken()[1:], PATInfo{FormatClassic, false, time.Time{}}, true},
		{"classic, upper case", strings.ToUpper(classicToken()), PATInfo{}, false},
		{"classic, blank after", classicToken() + "\n", PATInfo{}, false},
		{"new, zeros, BF", newToken("0", "BF", "30"+"DA"), PATInfo{FormatNew, true, month(2025, 6)}, true},
		{"new, zeros, CF", newToken("0", "CF", "1a"+"Vt"), PATInfo{FormatNew, true, month(2026, 6)}, true},
		{"new, A, CF", newToken("A", "CF", "4G"+"Z8"), PATInfo{FormatNew, true, month(2026, 6)}, true},
		{"new, A, BF", newToken("A", "BF", "1l"+"l6"), PATInfo{FormatNew, true, month(2025, 6)}, true},
		{"new, wrong checksum", newToken("A", "BF", "1ll7"), PATInfo{FormatNew, false, month(2025, 6)}, true},
		{"new, month M", newToken("A", "BM", "1ll6"), PATInfo{}, false},
		{"new, unknown year", newToken("A", "9A", "1ll6"), PATInfo{FormatNew, false, time.Time{}}, true},
		{"new, cut", newToken("A", "BF", "1ll"), PATInfo{}, false},
		{"new, newline after", newToken("A", "BF", "1ll6") + "\n", PATInfo{}, false},
		{"empty", "", PATInfo{}, false},
		{"JWT", "ey" + "J0eXAiOiJKV1QifQ.e30.x", PATInfo{}, false},
	} {
		got, ok := InspectPAT(cred.NewSecret(tt.token))
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %t", tt.name, got, ok)
		}
	}
	if _, ok := InspectPAT(cred.Secret{}); ok {
		t.Error("no secret at all has the form of a token")
	}
}

func TestLatestExpiry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		year, month byte
		want        string
	}{{'B', 'F', "2026-07-01"}, {'A', 'L', "2026-01-01"}, {'C', 'A', "2027-02-01"}} {
		info := PATInfo{Created: created(tt.year, tt.month)}
		if got := info.LatestExpiry().Format(time.DateOnly); got != tt.want {
			t.Errorf("%c%c: %s, want %s", tt.year, tt.month, got, tt.want)
		}
	}
	if !(PATInfo{}).LatestExpiry().IsZero() {
		t.Error("unknown creation has an expiry")
	}
}

// TestMarvin32 uses the vectors of Microsoft's security-utilities
// (MarvinShared.cs), which cover every length of the tail.
func TestMarvin32(t *testing.T) {
	t.Parallel()
	const seed = 0x004fb61a001bdbcc
	for data, want := range map[string]uint64{
		"":                             0x30ed35c100cd3c7d,
		"\xaf":                         0x48e73fc77d75ddc1,
		"\xe7\x0f":                     0xb5f6e1fc485dbff8,
		"\x37\xf4\x95":                 0xf0b07c789b8cf7e8,
		"\x86\x42\xdc\x59":             0x7008f2e87e9cf556,
		"\x15\x3f\xb7\x98\x26":         0xe6c08c6da2afa997,
		"\x09\x32\xe6\x24\x6c\x47":     0x6f04bf1a5ea24060,
		"\xab\x42\x7e\xa8\xd1\x0f\xc7": 0xe11847e4f0678c41,
	} {
		if hi, lo := marvin32(seed, []byte(data)); uint64(hi)<<32|uint64(lo) != want {
			t.Errorf("%x: %08x%08x", data, hi, lo)
		}
	}
}

func FuzzInspectPAT(f *testing.F) {
	f.Add(classicToken())
	f.Add(newToken("A", "BF", "1ll6"))
	f.Fuzz(func(t *testing.T, s string) {
		if info, ok := inspectPAT(s); ok != (info.Format != 0) {
			t.Errorf("%q: %+v, %t", s, info, ok)
		}
	})
}
