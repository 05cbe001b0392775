package git

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/capped"
)

const (
	// configTime is far more than git config takes on the slowest disk.
	configTime = 10 * time.Second
	// maxConfig bounds what is read of its output, in bytes.
	maxConfig = 8 << 20
	// usageError is the exit status of a Git that does not know an option.
	usageError = 129
)

// ErrTooOld is returned by Load for a Git without --show-scope (before 2.26).
var ErrTooOld = errors.New("git is too old: patrol needs git 2.26 or newer")

// Load runs git (an absolute path, from Find) once and returns what of its
// configuration counts. It runs in the current directory with the given
// environment, scrubbed by Environ, so that a condition in the user's files
// (includeIf gitdir:, hasconfig:) holds exactly when it does for Git; values of
// the repository itself are dropped, whatever their key.
func Load(ctx context.Context, git string, env []string) (*Config, error) {
	return load(ctx, git, env, "")
}

func load(ctx context.Context, git string, env []string, dir string) (*Config, error) {
	if err := room(); err != nil {
		return nil, fmt.Errorf("git config: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, configTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, "config", "--list", "--show-scope", "--show-origin", "-z")
	cmd.Env, cmd.Dir, cmd.WaitDelay = Environ(env), dir, time.Second
	out, errs := &capped.Buffer{Max: maxConfig, Stop: true}, &capped.Buffer{Max: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git config: %w", ctx.Err())
	case errors.As(err, &exit) && exit.ExitCode() == usageError:
		return nil, ErrTooOld
	case out.Full():
		return nil, fmt.Errorf("git config: more than %d MiB of configuration", maxConfig>>20)
	case err != nil:
		return nil, fmt.Errorf("git config: %w%s", err, complaint(errs.String()))
	}
	return parse(out.Bytes())
}

// complaint is the first line of what the child complained about, quoted, because
// it may hold names a repository chose.
func complaint(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return ""
	}
	return fmt.Sprintf(": %.300q", strings.TrimSpace(line))
}
