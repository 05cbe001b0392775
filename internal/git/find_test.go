package git

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestFindProgram(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "..", "./git", "bin/git", "../git"} {
		if got, err := find(name, []string{"PATH=/bin:/usr/bin"}, ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	abs := filepath.Join(t.TempDir(), "program")
	if got, err := FindProgram(abs, nil); got != abs || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFindReal(t *testing.T) {
	t.Parallel()
	if exe := mustFind(t); !filepath.IsAbs(exe) {
		t.Errorf("%q is not absolute", exe)
	}
}
