package harden

import (
	"strings"
	"testing"
)

// What is kept lies in the memory that was given, as long as there is room, and
// is cleared with it.
func TestKeepS11(t *testing.T) {
	t.Parallel()
	memory := make([]byte, 64)
	var l locked
	if l.take(1) != nil {
		t.Error("memory from nowhere")
	}
	l.use(memory)
	first, second := l.take(40), l.take(24)
	if &first[0] != &memory[0] || &second[0] != &memory[40] || cap(first) != 40 {
		t.Error("not in the memory that was given, or over one another")
	}
	if l.take(1) != nil {
		t.Error("more than there is")
	}
	copy(first, "a secret")
	l.wipe()
	if strings.Trim(string(memory), "\x00") != "" {
		t.Errorf("left is %q", memory)
	}
}

// Without room, and without locked memory at all, secrets are kept all the same.
func TestKeepAlwaysKeeps(t *testing.T) {
	text := strings.Repeat("a secret of 16 k", 1<<10)
	check := func() {
		t.Helper()
		for range 10 {
			if got := Keep(text); got != text {
				t.Fatal("another text")
			}
		}
		if Keep("") != "" || Keep([]byte("bytes")) != "bytes" {
			t.Error("another text")
		}
	}
	check()
	Lock()
	check()
	Wipe()
	check()
}
