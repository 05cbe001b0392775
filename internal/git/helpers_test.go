package git

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sandbox is an environment with its own HOME and no system configuration.
func sandbox(t *testing.T) (env []string, home string) {
	t.Helper()
	home = t.TempDir()
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_SYSTEM=" + filepath.Join(home, "system"),
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "LC_ALL=C",
	}, home
}

func mustFind(t *testing.T) string {
	t.Helper()
	exe, err := Find(os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs git and returns its output; ok is false when it failed.
func run(t *testing.T, env []string, dir, stdin string, args ...string) (out string, ok bool) {
	t.Helper()
	cmd := exec.Command(mustFind(t), args...)
	cmd.Env, cmd.Dir, cmd.Stdin = env, dir, strings.NewReader(stdin)
	var b bytes.Buffer
	cmd.Stdout = &b
	err := cmd.Run()
	return b.String(), err == nil
}

func mustRun(t *testing.T, env []string, dir string, args ...string) {
	t.Helper()
	if _, ok := run(t, env, dir, "", args...); !ok {
		t.Fatalf("git %q failed", args)
	}
}
