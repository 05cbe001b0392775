package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

func keyRecoverCommand(a *app) *cobra.Command {
	var f keyFlags
	var stdin bool
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "open a vault with its recovery key, and keep its key again",
		Long: `Take the recovery key that patrol key backup showed, and keep the vault's key
again: where it was, or in the place of --to. Case, blanks and hyphens do not
matter when you type it; it is not shown.

Where the vault was set aside because its key was gone, it becomes the present
one again. Where a newer vault was begun meanwhile, what the old one has and the
newer has not is copied into the newer: tokens, passwords, sign-ins, revocations
still to be done. Nothing of the newer one is lost, and the old file stays.`,
		Example: `  patrol key recover
  patrol key recover --to age
  pass show patrol-recovery | patrol key recover --stdin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return usage(cmd, err)
			}
			s, err := a.session(cmd.Context(), true)
			if err != nil {
				return err
			}
			if err := s.use(&f); err != nil {
				return err
			}
			return s.recoverKey(cmd.Context(), f.kind, stdin)
		},
	}
	f.register(cmd, "to", "the `place` to keep the key in")
	cmd.Flags().BoolVar(&stdin, "stdin", false, "read the recovery key from standard input")
	return cmd
}

func (s *session) recoverKey(ctx context.Context, to string, stdin bool) error {
	text, err := s.readRecovery(ctx, stdin)
	if err != nil {
		return err
	}
	id, key, err := keys.ParseText(text.Reveal())
	if err != nil {
		return failed("compare it with the paper, group by group, and type it again", "%v", err)
	}
	release, err := s.oneMove(ctx)
	if err != nil {
		return err
	}
	defer release()
	f, err := s.vault.Load()
	if err == nil && f.ID == id {
		if _, err := f.Open(key); err != nil {
			return err
		}
		return s.recoverPresent(ctx, f, key, to)
	}
	if err != nil && !errors.Is(err, vault.ErrNone) && !errors.Is(err, vault.ErrCorrupt) {
		return err
	}
	old, err := s.findAside(id, key)
	if err != nil {
		return err
	}
	r, err := s.open(ctx) // sets a damaged one aside
	if errors.Is(err, vault.ErrNone) {
		return s.recoverAside(ctx, old, key, to)
	}
	if err != nil {
		return err
	}
	return s.merge(ctx, r, old, key)
}

// readRecovery takes the recovery key from a person or from standard input.
func (s *session) readRecovery(ctx context.Context, stdin bool) (cred.Secret, error) {
	if stdin {
		text, err := io.ReadAll(io.LimitReader(s.Stdin, keys.MaxText+1))
		defer clear(text)
		return cred.NewSecret(string(text)), err
	}
	t, err := s.Terminal()
	if err != nil {
		return cred.Secret{}, failed("patrol key recover --stdin", "there is no terminal to type the recovery key at")
	}
	defer t.Close()
	return t.AskSecret(ctx, "Recovery key, in one line: ")
}

// recoverPresent keeps the key of the present vault again.
func (s *session) recoverPresent(ctx context.Context, f *vault.File, key vault.Key, to string) error {
	kind, err := s.recoverTo(f.Source, to)
	if err != nil {
		return err
	}
	s.key = key
	if err := s.keepIn(ctx, f.Header, kind); err != nil {
		return err
	}
	if err := s.forgetIn(ctx, f.Header, kind); err != nil {
		return err
	}
	s.print("The vault %s opens again; its key: %s.\n", f.ID, kind.Name)
	return nil
}

// recoverTo is where a recovered key is kept.
func (s *session) recoverTo(source, to string) (keys.Kind, error) {
	if to != "" {
		source = to
	}
	kind, err := keys.Find(source)
	if err != nil {
		return kind, failed("patrol key recover --to age", "%v", err)
	}
	if kind.Insecure && !s.plain {
		return kind, failed("patrol key recover --to age, or --to "+source+" --"+plainFlag, "the source %s keeps the key in clear", source)
	}
	return kind, nil
}

// findAside finds the vault of a recovery key among those that were set aside.
func (s *session) findAside(id string, key vault.Key) (vault.Aside, error) {
	asides, err := s.vault.Asides()
	if err != nil {
		return vault.Aside{}, err
	}
	for _, a := range asides {
		if a.ID != id {
			continue
		}
		if _, err := a.Open(key); err != nil {
			return a, failed("restore that file from a backup, and try again", "%s: %v", a.Path, err)
		}
		return a, nil
	}
	return vault.Aside{}, failed("put the file of that vault back as "+s.vault.Path()+", and try again",
		"the recovery key is of the vault %s, which is not here", id)
}

// recoverAside makes a vault that was set aside the present one.
func (s *session) recoverAside(ctx context.Context, old vault.Aside, key vault.Key, to string) error {
	kind, err := s.recoverTo(old.Source, to)
	if err != nil {
		return err
	}
	s.key = key
	keep, err := s.prepare(ctx, kind.Open(s.place(old.ID)))
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	if err := s.vault.Restore(bounded, old.File, key, kind.Name, keep); err != nil {
		return err
	}
	f, err := s.vault.Load()
	if err != nil {
		return err
	}
	s.cache(f.Header)
	s.print("The vault %s is back; its key: %s. %s stays until you delete it.\n", f.ID, kind.Name, old.Path)
	return nil
}

// merge copies what a vault that was set aside has into the present one.
func (s *session) merge(ctx context.Context, r *vault.Records, old vault.Aside, key vault.Key) error {
	from, err := old.Open(key)
	if err != nil {
		return err
	}
	var adopted, damaged int
	err = s.update(ctx, func(r *vault.Records) error {
		if adopted, damaged = lifecycle.Adopt(r, from, s.Now()); adopted == 0 {
			return vault.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.print("%s of the vault %s came into the present one, %s. %s stays until you delete it.\n",
		count(adopted, "entry", "entries"), old.ID, r.ID, old.Path)
	if damaged > 0 {
		s.note("%s could not be read", count(damaged, "entry", "entries"))
	}
	return nil
}
