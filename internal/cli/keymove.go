package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

func keyMoveCommand(a *app) *cobra.Command {
	var f keyFlags
	newFD := -1
	cmd := &cobra.Command{
		Use:   "move --to PLACE",
		Short: "keep the vault's key in another place, or under another passphrase",
		Long: `Keep the vault's key in another place. It is kept there and read back before the
vault names that place, and only then forgotten in the old one, so that it is
never nowhere. To age again: a new passphrase, or another identity. The key
itself stays the same, and with it a recovery key that you wrote down.

The places:
` + sourceHelp(),
		Example: `  patrol key move --to age
  patrol key move --to age --identity ~/.ssh/id_ed25519
  patrol key move --to kernel`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.kind == "" {
				return usage(cmd, errors.New("--to is missing; the places are: "+sourceNames()))
			}
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
			s.newPassphraseFD = newFD
			if err := s.moveKey(cmd.Context(), f.kind); err != nil {
				return err
			}
			st, err := s.keyStatus()
			if err != nil {
				return err
			}
			a.print("The vault's key is now in: %s.\n", st.words())
			return nil
		},
	}
	f.register(cmd, "to", "the `place`")
	cmd.Flags().IntVar(&newFD, "new-passphrase-fd", -1, "read the new passphrase from this open file `descriptor`")
	return cmd
}

// moveLock lets one process at a time move a key. A person may type meanwhile,
// so it is not the writer lock, which the stores of Git wait for.
const moveLock = "move.lock"

// oneMove takes it.
func (s *session) oneMove(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	release, err = s.vault.Lock(ctx, moveLock)
	if errors.Is(err, vault.ErrBusy) {
		err = failed("try again when it has ended", "another patrol is moving this vault's key")
	}
	return release, err
}

// moveKey keeps the key in another source, or anew in the same.
func (s *session) moveKey(ctx context.Context, source string) error {
	to, err := keys.Find(source)
	if err != nil {
		return err
	}
	release, err := s.oneMove(ctx)
	if err != nil {
		return err
	}
	defer release()
	r, err := s.open(ctx)
	if errors.Is(err, vault.ErrNone) {
		return failed("patrol setup", "there is no vault yet")
	}
	if err != nil {
		return err
	}
	s.passphrase = nil // the one that opened it is not the new one
	if s.newPassphraseFD >= 0 {
		s.passphraseFD = s.newPassphraseFD
	}
	if err := s.keepIn(ctx, r.Header, to); err != nil {
		if p := explainService(err); p != nil { // its hint is for a key that cannot be had
			p.hint = "the key is safe where it was: patrol key status"
			return p
		}
		return err
	}
	return s.forgetIn(ctx, r.Header, to)
}

// keepIn keeps the key of the open vault in a source before the vault names it.
// Killed at any moment, the source that the vault names has the key.
func (s *session) keepIn(ctx context.Context, h vault.Header, to keys.Kind) error {
	target := to.Open(s.place(h.ID))
	keep, err := s.prepare(ctx, target)
	if err != nil {
		return err
	}
	err = s.update(ctx, func(r *vault.Records) error {
		if err := keep(); err != nil {
			return err
		}
		if r.Source == to.Name {
			return vault.ErrUnchanged
		}
		r.Source = to.Name
		return nil
	})
	f, lerr := s.vault.Load()
	if err != nil {
		if remover, ok := target.(keys.Remover); ok && lerr == nil && f.Source != to.Name { // a copy to nothing
			_ = remover.Remove(ctx)
		}
		return err
	}
	if lerr == nil {
		_, lerr = f.Open(s.key)
	}
	return lerr
}

// prepare does all that takes time, or a person, before anything is changed.
func (s *session) prepare(ctx context.Context, target keys.Source) (keep func() error, err error) {
	if p, ok := target.(keys.Preparer); ok {
		return p.Prepare(ctx, s.key)
	}
	return func() error { return keys.Keep(ctx, target, s.key) }, nil
}

// forgetIn removes the key from where it was, and what killed moves left beside
// the vault; then it is cached as its new source allows.
func (s *session) forgetIn(ctx context.Context, was vault.Header, now keys.Kind) error {
	left := keys.Left(s.vault, now.Name)
	for _, kind := range keys.Kinds() {
		old := kind.Name == was.Source
		for _, name := range kind.Files {
			for _, l := range left {
				old = old || l == name
			}
		}
		if !old || kind.Name == now.Name {
			continue
		}
		if remover, ok := kind.Open(s.place(was.ID)).(keys.Remover); ok {
			if err := remover.Remove(ctx); err != nil {
				return failed("remove it there by hand", "the key was moved to %s, but %s still has it: %v", now.Name, kind.Name, err)
			}
		}
	}
	f, err := s.vault.Load()
	if err != nil {
		return err
	}
	s.cache(f.Header)
	return nil
}
