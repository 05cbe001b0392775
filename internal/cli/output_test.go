package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
)

// T01: what others wrote does nothing to a terminal, in words or as JSON.
func TestOutputT01(t *testing.T) {
	t.Parallel()
	foreign := "\x1b]0;title\x07 \x1b[2J\x08\r \u009b31m \u202egit \u200b\U000e0041 caf\u00e9 \u2028 \x7f \U0001f511"
	var out bytes.Buffer
	a := &app{Env: Env{Stdout: &out}}
	a.print("%s\n%v\n", foreign, errors.New(foreign))
	a.table([]string{"NAME", "WHY"}, [][]string{{foreign, "ok"}})
	if n := strings.Count(out.String(), "\n"); n != 4 {
		t.Errorf("%d lines", n)
	}
	if err := a.printJSON(map[string]string{foreign: foreign}); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U reaches the terminal", r)
		}
	}
	for _, shape := range []string{"caf\u00e9", "\U0001f511"} {
		if strings.Count(out.String(), shape) < 5 {
			t.Errorf("%q is not shown as it is", shape)
		}
	}
	var back map[string]string
	_, text, _ := strings.Cut(out.String(), "{")
	if err := json.Unmarshal([]byte("{"+text), &back); err != nil || back[foreign] != foreign {
		t.Errorf("JSON does not give back what it was given: %q, %v", back, err)
	}
}
