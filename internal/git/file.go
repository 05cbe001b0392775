package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/capped"
)

// LoadFile lets git (an absolute path) read one file of configuration, such as
// that of a repository, as data: nothing it includes is read, and nothing in it
// steers us. The entries have no scope.
func LoadFile(ctx context.Context, git string, env []string, file string) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, configTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, "config", "--file", file, "--no-includes", "--list", "-z")
	cmd.Env, cmd.WaitDelay = Environ(env), time.Second
	out, errs := &capped.Buffer{Max: maxConfig, Stop: true}, &capped.Buffer{Max: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	if out.Full() {
		err = errors.New("too much configuration")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: git config: %w", file, err) // what git says may quote the file
	}
	var entries []Entry
	for field := range bytes.SplitSeq(bytes.TrimSuffix(out.Bytes(), []byte{0}), []byte{0}) {
		if len(field) == 0 {
			continue
		}
		e := Entry{Origin: "file:" + file}
		e.Key, e.Value, e.HasValue = strings.Cut(string(field), "\n")
		entries = append(entries, e)
	}
	return entries, nil
}
