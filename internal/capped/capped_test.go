package capped

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// What os/exec does with the output of a program: it copies from a pipe.
func TestBuffer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in, want   string
		stop, full bool
		err        error
	}{
		{"", "", true, false, nil}, {"abcd", "abcd", true, false, nil},
		{"abcde", "abcd", false, true, nil}, {"abcde", "abcd", true, true, io.ErrShortWrite},
		{strings.Repeat("x", 40_000), "xxxx", false, true, nil},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(test.in); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		b := &Buffer{Max: 4, Stop: test.stop}
		if _, err := io.Copy(b, r); !errors.Is(err, test.err) {
			t.Errorf("%.9q: %v, want %v", test.in, err, test.err)
		}
		_ = r.Close()
		if b.String() != test.want || string(b.Bytes()) != test.want || b.Full() != test.full {
			t.Errorf("%.9q: %q, full: %v", test.in, b.String(), b.Full())
		}
	}
}
