//go:build unix

package git

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFindX01 plants a git wherever a clone could bring one along, or another
// user put one (X07).
func TestFindX01(t *testing.T) {
	t.Parallel()
	root := realPath(t.TempDir())
	tree := filepath.Join(root, "home", "clone")
	sub := filepath.Join(tree, "sub")
	home := filepath.Join(root, "home")
	for _, dir := range []string{tree, sub, filepath.Join(sub, "bin"), filepath.Join(root, "good"), filepath.Join(home, "bin")} {
		write(t, filepath.Join(dir, "git"), "#!/bin/sh\n")
		if err := os.Chmod(filepath.Join(dir, "git"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(tree, ".git", "HEAD"), "")
	write(t, filepath.Join(root, "plain", "git"), "not executable")
	if err := os.MkdirAll(filepath.Join(root, "dir", "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(sub, "bin"), filepath.Join(root, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "links"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(tree, "git"), filepath.Join(root, "links", "git")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"open", "replaced"} {
		write(t, filepath.Join(root, dir, "git"), "#!/bin/sh\n")
	}
	for name, mode := range map[string]os.FileMode{"open/git": 0o755, "open": 0o777 | os.ModeSticky, "replaced/git": 0o777} {
		if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	good := filepath.Join(root, "good")
	tests := []struct {
		name, cwd string
		path      []string
		want      string
	}{
		{"empty entry", sub, []string{"", good}, good},
		{"dot", sub, []string{".", good}, good},
		{"relative", sub, []string{"bin", "./bin", "../sub", good}, good},
		{"current directory, absolute", sub, []string{sub, good}, good},
		{"below the current directory", sub, []string{sub + "/bin", good}, good},
		{"work tree above", sub, []string{tree, good}, good},
		{"link to the work tree", sub, []string{root + "/linked", good}, good},
		{"linked program", sub, []string{root + "/links", good}, good},
		{"with dots", sub, []string{root + "/good/../home/clone", good}, good},
		{"directory that anybody may write", sub, []string{root + "/open", good}, good},
		{"program that anybody may write", sub, []string{root + "/replaced", good}, good},
		{"not executable, directory", sub, []string{root + "/plain", root + "/dir", good}, good},
		{"only bad", sub, []string{sub, tree}, ""},
		{"nothing", sub, nil, ""},
		{"home's own bin while in home", home, []string{home + "/bin"}, home + "/bin"},
		{"outside", root, []string{good}, good},
		{"deleted current directory", "", []string{good}, good},
	}
	for _, tt := range tests {
		env := []string{"PATH=" + strings.Join(tt.path, ":"), "HOME=" + home}
		got, err := find("git", env, tt.cwd)
		if tt.want == "" {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: got %q, %v", tt.name, got, err)
			}
			continue
		}
		if err != nil || got != filepath.Join(tt.want, "git") {
			t.Errorf("%s: got %q, %v", tt.name, got, err)
		}
	}
	if got, err := find("git", []string{"PATH=" + good, "GIT_WORK_TREE=" + root + "/good"}, sub); err == nil {
		t.Errorf("GIT_WORK_TREE: got %q", got)
	}
}
