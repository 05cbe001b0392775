package keys_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// The age program, of another version and with none of our code, opens what
// each way of sealing makes: whoever has the identity needs no patrol.
func TestAgeProgramOpensEachFile(t *testing.T) {
	program, err := exec.LookPath("age")
	if err != nil {
		t.Fatalf("%v; install it: tools/need.sh age", err)
	}
	for _, way := range ways(t)["age"] {
		t.Run(way.name, func(t *testing.T) {
			p := &passphrase{text: "the age program asks too"}
			s, place := newPlace(t, "age", p)
			if way.set != nil {
				way.set(t, &place, p)
			}
			key := s.saved(t, s.kind.Open(place))
			opened := filepath.Join(t.TempDir(), "key")
			args := []string{"-d", "-o", opened}
			if place.Seal.Identity != "" {
				args = append(args, "-i", place.Seal.Identity)
			}
			cmd := exec.CommandContext(t.Context(), program, append(args, filepath.Join(place.Vault.Dir(), "key.age"))...)
			if said, err := typeAt(cmd, p.text); err != nil {
				t.Fatalf("age: %v %s", err, said)
			}
			if got, err := os.ReadFile(opened); err != nil || !bytes.Equal(got, key.Bytes()) {
				t.Errorf("age opens another key, or none: %v", err)
			}
		})
	}
}

// typeAt runs a program at a terminal and answers its question for a passphrase.
func typeAt(cmd *exec.Cmd, answer string) (said string, err error) {
	terminal, err := pty.Start(cmd)
	if err != nil {
		return "", err
	}
	defer terminal.Close()
	var all strings.Builder
	chunk := make([]byte, 1<<10)
	for typed := false; ; {
		n, err := terminal.Read(chunk)
		all.Write(chunk[:n])
		if !typed && strings.Contains(strings.ToLower(all.String()), "passphrase") {
			typed = true
			_, _ = terminal.WriteString(answer + "\r")
		}
		if err != nil { // EIO: it has ended
			return all.String(), cmd.Wait()
		}
	}
}
