package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The seed in docs/emulator.md is a valid one, and every field of the format
// is explained there.
func TestDocumentedSeed(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "emulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(data), "\n```json\n")
	text, table, _ := strings.Cut(block, "\n```")
	seed, err := ParseSeed([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Seed: seed, Dir: t.TempDir(), Clock: time.Now}); err != nil {
		t.Error(err)
	}
	for _, file := range []string{"seed.go", "seedentra.go", "policy.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range strings.Split(string(source), "`json:\"")[1:] {
			name, _, _ := strings.Cut(field, "\"")
			name, _, _ = strings.Cut(name, ",")
			if !strings.Contains(table, "`"+name+"`") && !strings.Contains(table, "`"+name+"[]`") {
				t.Errorf("%q is not explained", name)
			}
		}
	}
}
