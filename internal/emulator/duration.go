package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that may also be written in days: "7d", "90m".
type Duration time.Duration

// ParseDuration reads what time.ParseDuration reads, and days: "8d", "1d12h".
func ParseDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.Atoi(days)
	if err != nil || n > 36500 || n < -36500 {
		return 0, fmt.Errorf("invalid duration %q: write 7d, 12h or 1d12h", s)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 {
		return 0, fmt.Errorf("invalid duration %q: write 7d, 12h or 1d12h", s)
	}
	if strings.HasPrefix(days, "-") {
		more = -more
	}
	return d + more, nil
}

// UnmarshalText implements encoding.TextUnmarshaler, for JSON.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
