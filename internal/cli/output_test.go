package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
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

// A program that reads our JSON need not tell a list that is not there from one
// with nothing in it, wherever it is.
func TestListsInJSON(t *testing.T) {
	t.Parallel()
	type inner struct {
		Names []string `json:"names"`
		Few   []string `json:"few,omitempty"`
	}
	type result struct {
		inner
		One   *inner    `json:"one"`
		None  *inner    `json:"none"`
		Many  []inner   `json:"many"`
		Pairs [][]inner `json:"pairs"`
		At    time.Time `json:"at"`
		count []string
	}
	given := result{One: &inner{}, Many: []inner{{}}, Pairs: [][]inner{nil}, At: time.Unix(0, 0).UTC()}
	const want = `{"names":[],"one":{"names":[]},"none":null,"many":[{"names":[]}],"pairs":[[]],"at":"1970-01-01T00:00:00Z"}`
	for name, v := range map[string]any{"value": given, "pointer": &given} {
		var out, got bytes.Buffer
		a := &app{Env: Env{Stdout: &out}}
		if err := a.printJSON(v); err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&got, out.Bytes()); err != nil || got.String() != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, got.String(), want)
		}
	}
	if given.count != nil {
		t.Error("what nobody prints was changed")
	}
	var out bytes.Buffer
	if err := (&app{Env: Env{Stdout: &out}}).printJSON([]string(nil)); err != nil || out.String() != "[]\n" {
		t.Errorf("a list alone: %q, %v", out.String(), err)
	}
}
