package git

import (
	"fmt"
	"strconv"
	"strings"
)

// Bool reads the value with Git's words: true, yes, on and non-zero integers
// (also 1k, 2m, 3g), or no "=" at all, are true; false, no, off, 0 and the empty
// value are false, in any case. The error names the key, not the value.
// See https://git-scm.com/docs/git-config#Documentation/git-config.txt-boolean
func (e Entry) Bool() (bool, error) {
	if !e.HasValue {
		return true, nil
	}
	switch strings.ToLower(e.Value) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off", "":
		return false, nil
	}
	digits := strings.TrimLeft(e.Value, " \t\n\v\f\r")
	if n := len(digits); n > 0 && strings.ContainsAny(digits[n-1:], "kKmMgG") {
		digits = digits[:n-1]
	}
	i, err := strconv.ParseInt(digits, 0, 32)
	if err != nil {
		return false, fmt.Errorf("%s is neither true nor false", e)
	}
	return i != 0, nil
}
