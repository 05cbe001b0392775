package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

// askPassphrase takes the passphrase from the file descriptor, the command of
// patrol.passphraseCommand, or the person, in that order.
func (s *session) askPassphrase(ctx context.Context, of string, fresh bool) (cred.Secret, error) {
	if s.passphrase != nil {
		return *s.passphrase, nil
	}
	secret, err := s.readPassphrase(ctx, of, fresh)
	if err == nil && secret.Reveal() == "" {
		err = fmt.Errorf("%w: the passphrase is empty", vault.ErrLocked)
	}
	if err == nil {
		s.passphrase = &secret
	}
	return secret, err
}

func (s *session) readPassphrase(ctx context.Context, of string, fresh bool) (cred.Secret, error) {
	if fd := s.descriptor(); fd >= 0 {
		f, err := s.OpenFD(fd)
		if err != nil {
			return cred.Secret{}, failed(fmt.Sprintf("the same again with %d< FILE at its end", fd), "%v", err)
		}
		defer f.Close()
		return firstLine(f)
	}
	if e, ok := s.config.Get("patrol.passphraseCommand"); ok {
		return s.passphraseFrom(ctx, e.Value)
	}
	if !s.ask {
		return cred.Secret{}, vault.ErrLocked
	}
	t, err := s.Terminal()
	if err != nil && fresh {
		return cred.Secret{}, signIn("the same again at a terminal, or with --passphrase-fd 3 3< FILE at its end", "a passphrase is to be chosen: %v", err)
	}
	if err != nil {
		return cred.Secret{}, fmt.Errorf("%w: %v", vault.ErrLocked, err)
	}
	defer t.Close()
	switch {
	case of != "":
		return t.AskSecret(ctx, s.asker+"Passphrase of "+of+": ")
	case !fresh:
		return t.AskSecret(ctx, s.asker+"Passphrase of the patrol vault: ")
	}
	one, err := t.AskSecret(ctx, "Choose a passphrase for the patrol vault: ")
	if err != nil {
		return one, err
	}
	again, err := t.AskSecret(ctx, "The same again: ")
	if err == nil && !one.Equal(again) {
		err = failed("type the command again", "the two passphrases differ; nothing was changed")
	}
	return one, err
}

// askFor puts a question of a key source's program to the person.
func (s *session) askFor(ctx context.Context, question string, secret bool) (cred.Secret, error) {
	if !s.ask {
		return cred.Secret{}, vault.ErrLocked
	}
	t, err := s.Terminal()
	if err != nil {
		return cred.Secret{}, fmt.Errorf("%w: %v", vault.ErrLocked, err)
	}
	defer t.Close()
	if secret {
		return t.AskSecret(ctx, s.asker+question)
	}
	answer, err := t.Ask(ctx, s.asker+question)
	return cred.NewSecret(answer), err
}

// passphraseTime bounds a passphrase command, which may itself ask a person.
const passphraseTime = 2 * time.Minute

// entrySize is how much such a command may print: the first line counts, and
// what password managers keep for a name has more.
const entrySize = 64 << 10

// passphraseFrom runs a command without a shell: words between blanks, the
// first of them a program in PATH outside the working directory.
func (s *session) passphraseFrom(ctx context.Context, line string) (cred.Secret, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return cred.Secret{}, failed("git config --global patrol.passphraseCommand 'pass show patrol'", "patrol.passphraseCommand is empty")
	}
	program, err := git.FindProgram(words[0], s.Environ)
	if err != nil {
		return cred.Secret{}, failed("use the absolute path of a program in patrol.passphraseCommand", "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, passphraseTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, words[1:]...)
	cmd.Env, cmd.Dir, cmd.Stderr = git.Environ(s.Environ), filepath.Dir(program), s.Stderr
	out, err := keys.Output(cmd, entrySize)
	defer clear(out)
	switch name := filepath.Base(program); {
	case err != nil && ctx.Err() != nil:
		return cred.Secret{}, fmt.Errorf("%w: %s did not end in %v", vault.ErrLocked, name, passphraseTime)
	case err != nil:
		return cred.Secret{}, fmt.Errorf("%w: %s: %v", vault.ErrLocked, name, err)
	}
	return firstLine(bytes.NewReader(out))
}

// firstLine reads a secret that ends at the first line's end.
func firstLine(r io.Reader) (cred.Secret, error) {
	text, err := io.ReadAll(io.LimitReader(r, term.MaxLine))
	defer clear(text)
	if err != nil {
		return cred.Secret{}, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return cred.NewSecret(strings.TrimSuffix(line, "\r")), nil
}
