//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The commands of docs/emulator.md run as written, one block after the other.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "emulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := "set -eum\n"
	for _, block := range strings.Split(string(data), "\n```sh\n")[1:] {
		code, _, _ := strings.Cut(block, "\n```")
		script += code + "\n"
	}
	bin, work := t.TempDir(), t.TempDir()
	wrapper := "#!/bin/sh\n" + asMain + "=1 exec " + os.Args[0] + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "azdo-emulator"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"authenticatedUser", "\nexpired\n", "\ncut off\n", "refs/heads/topic", "fault=f1", `{"set":"`, `"patTokenError":"none"`, "disablePatCreationPolicyViolation", "lock ada@contoso.com"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
