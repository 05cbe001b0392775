package emulator

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

// The vectors are synthetic and split, so that scanners do not fire on them.
func TestNewFormatChecksum(t *testing.T) {
	t.Parallel()
	tail := platformData + providerData + "AZDO"
	for signed, want := range map[string]string{
		strings.Repeat("0", 52) + "JQQJ99" + "BF" + tail: "30DA",
		strings.Repeat("0", 52) + "JQQJ99" + "CF" + tail: "1aVt",
		strings.Repeat("A", 52) + "JQQJ99" + "CF" + tail: "4GZ8",
		strings.Repeat("A", 52) + "JQQJ99" + "BF" + tail: "1ll6",
	} {
		if got := newChecksum(signed); got != want {
			t.Errorf("newChecksum(%.3s...) = %q, want %q", signed, got, want)
		}
		if !ValidToken(signed + want) {
			t.Errorf("ValidToken refuses the vector of %q", want)
		}
		if ValidToken(signed + "AAAA") {
			t.Errorf("ValidToken takes a wrong checksum in place of %q", want)
		}
	}
}

// SymCrypt's own vectors, folded to 32 bits:
// https://github.com/microsoft/SymCrypt (unittest, marvin32 known answers).
func TestMarvin32(t *testing.T) {
	t.Parallel()
	const seed = 0x004fb61a001bdbcc
	for text, want := range map[string]uint64{
		"":     0x30ed35c100cd3c7d,
		"\xaf": 0x48e73fc77d75ddc1,
	} {
		if got := marvin32(seed, []byte(text)); got != uint32(want)^uint32(want>>32) {
			t.Errorf("marvin32(%q) = %08x, want the folded %016x", text, got, want)
		}
	}
}

func TestClassicFormat(t *testing.T) {
	t.Parallel()
	var b [28]byte
	for i := range b {
		b[i] = byte(i)
	}
	want := "aaatoaqdaqc3cyiga4eascqlbq" + "gq4dyqcejhaeyuculbogazdinq"
	if got := classicToken(b); got != want {
		t.Errorf("classicToken = %q", got)
	}
	if !ValidToken(want) {
		t.Error("ValidToken refuses the classic vector")
	}
	if ValidToken(want[:51] + "a") {
		t.Error("ValidToken takes an altered classic token")
	}
}

func TestNewTokenCarriesItsMonth(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.Date(2024, 1, 31, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	} {
		token, err := NewToken(rand.Reader, FormatNew, at)
		if err != nil {
			t.Fatal(err)
		}
		want := string(rune('A'+at.Year()-2024)) + string(rune('A'+int(at.Month())-1))
		if len(token) != 84 || token[58:60] != want || !ValidToken(token) {
			t.Errorf("of %s: length %d, month %q, want %q", at, len(token), token[58:60], want)
		}
	}
	if _, err := NewToken(rand.Reader, FormatNew, time.Date(2023, 12, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Error("an 84-character token of 2023")
	}
	if _, err := NewToken(rand.Reader, "longer", time.Time{}); err == nil {
		t.Error("an unknown format")
	}
	if token, err := NewToken(rand.Reader, FormatClassic, time.Time{}); err != nil || !ValidToken(token) {
		t.Errorf("classic: %v", err)
	}
}
