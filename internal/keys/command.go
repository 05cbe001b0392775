package keys

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/capped"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// CommandSetting is the configuration key of the command.
const CommandSetting = "patrol.keyCommand"

// command keeps the key where a program of the person's does: pass, op, vault.
// It is run without a shell as
//
//	COMMAND get|store|erase VAULTID
//
// get prints the line that store was given on its standard input, see Text, or
// "none" where it has none. Anything but an exit code of 0 means that it cannot
// say now: never that the key is gone.
type command struct{ place Place }

const noKeyLine = "none"

// ErrNoCommand says that the command which keeps the key is not configured.
var ErrNoCommand = errors.New("it is not configured")

// commandError is what went wrong with the command.
type commandError struct{ error }

// Unwrap is for errors.Is.
func (e commandError) Unwrap() error { return e.error }

// OfCommand reports whether the command is to blame for an error, which the
// same again would then run into.
func OfCommand(err error) bool { return errors.As(err, new(commandError)) }

func (c command) Load(ctx context.Context) (vault.Key, error) {
	out, err := c.run(ctx, "get", "")
	defer clear(out)
	if err != nil {
		return vault.Key{}, err
	}
	key, err := parseAnswer(string(out), c.place.ID)
	if err != nil {
		return key, commandError{fmt.Errorf("%s: %w", CommandSetting, err)}
	}
	return key, nil
}

// parseAnswer reads what a command prints for get.
func parseAnswer(out, vaultID string) (vault.Key, error) {
	line := strings.TrimSpace(out)
	if line == noKeyLine {
		return vault.Key{}, vault.ErrNoKey
	}
	id, key, err := ParseText(line)
	if err != nil {
		return vault.Key{}, fmt.Errorf("%w: what it prints is neither a key nor %q", vault.ErrNoSource, noKeyLine)
	}
	if id != vaultID {
		return vault.Key{}, fmt.Errorf("%w: it prints the key of the vault %s", vault.ErrNoSource, id)
	}
	return key, nil
}

// Save reads back what it kept: a command that forgets would lose the vault.
func (c command) Save(ctx context.Context, key vault.Key) error {
	return Keep(ctx, commandStore{c}, key)
}

// commandStore only stores.
type commandStore struct{ command }

func (c commandStore) Save(ctx context.Context, key vault.Key) error {
	_, err := c.run(ctx, "store", Text(c.place.ID, key).Reveal()+"\n")
	return err
}

// Prepare keeps the key at once: under the vault's id it is in nobody's way.
func (c command) Prepare(ctx context.Context, key vault.Key) (func() error, error) {
	return func() error { return nil }, c.Save(ctx, key)
}

func (c command) Remove(ctx context.Context) error {
	_, err := c.run(ctx, "erase", "")
	return err
}

func (c command) run(ctx context.Context, verb, input string) ([]byte, error) {
	out, err := c.start(ctx, verb, input)
	if err != nil {
		return nil, commandError{err}
	}
	return out, nil
}

// start gives the command its words, and what it may read of the environment.
func (c command) start(ctx context.Context, verb, input string) ([]byte, error) {
	words := strings.Fields(c.place.setting(CommandSetting))
	if len(words) == 0 {
		return nil, fmt.Errorf("%s: %w: %w", CommandSetting, vault.ErrNoSource, ErrNoCommand)
	}
	program, err := c.place.find(words[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %v", CommandSetting, vault.ErrNoSource, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.place.patience())
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(words[1:], verb, c.place.ID)...)
	said := &capped.Buffer{Max: 300}
	cmd.Env, cmd.Dir = c.place.Environ, filepath.Dir(program)
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), said
	out, err := Output(cmd, MaxText)
	name := filepath.Base(program)
	var exit *exec.ExitError
	switch {
	case errors.Is(err, ErrTooMuch):
		return nil, fmt.Errorf("%s: %w: %s prints more than a key", CommandSetting, vault.ErrNoSource, name)
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %s %s did not end in %v", vault.ErrLocked, name, verb, c.place.patience())
	case errors.As(err, &exit):
		return nil, fmt.Errorf("%w: %s %s: %v%s", vault.ErrLocked, name, verb, err, complaint(said.String()))
	}
	return nil, fmt.Errorf("%s: %w: %v", CommandSetting, vault.ErrNoSource, err)
}

// ErrTooMuch says that a program printed more than was wanted of it.
var ErrTooMuch = errors.New("it prints too much")

// Output runs a program of the person's that prints a secret of at most so many
// bytes. One that prints more is ended (ErrTooMuch). What it leaves running,
// such as an agent, may keep its output open, and is not waited for.
func Output(cmd *exec.Cmd, most int) ([]byte, error) {
	out := &capped.Buffer{Max: most, Stop: true}
	cmd.Stdout, cmd.WaitDelay = out, time.Second
	err := cmd.Run()
	switch {
	case out.Full():
		err = ErrTooMuch
	case errors.Is(err, exec.ErrWaitDelay): // it ended, and well
		err = nil
	}
	if err != nil {
		clear(out.Bytes())
		return nil, err
	}
	return out.Bytes(), nil
}

// complaint is what the program complained about.
func complaint(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return ""
	}
	return ": " + cred.Escape(line)
}
