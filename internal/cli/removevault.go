package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

// removeVault deletes the vault and its key, wherever that is: what lock refuses
// where the kernel keyring is the only place.
func (s *session) removeVault(ctx context.Context, yes bool) error {
	f, err := s.vault.Load()
	if errors.Is(err, vault.ErrNone) {
		s.print("There is no vault, so none was deleted.\n")
		return nil
	}
	if err != nil {
		return err
	}
	question := "The vault " + f.ID + " and its key will be deleted, for good. Its key is not at hand, so what is in it is not known. Go on?"
	if r, err := s.unlock(ctx, f); err == nil {
		live, passwords := s.whatIsIn(r)
		if live > 0 {
			return failed("patrol logout --all, patrol ssh remove ORG, and then the same again", "the vault has %s, which would live on without it",
				count(live, "token, sign-in or SSH key", "tokens, sign-ins or SSH keys"))
		}
		question = fmt.Sprintf("The vault %s, with %s in it, and its key will be deleted, for good. Go on?", f.ID, count(passwords, "password", "passwords"))
	}
	if err := s.sure(ctx, question, yes); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	err = s.vault.Remove(ctx, func(now *vault.File) error {
		if now.Header != f.Header {
			return fmt.Errorf("%w, which wrote it meanwhile; nothing was deleted", vault.ErrBusy)
		}
		return nil
	}, func() error { return s.forgetEverywhere(ctx, f.Header) })
	if err != nil {
		return err
	}
	s.print("Deleted the vault %s and its key.\n", f.ID)
	return nil
}

// whatIsIn counts what would live on on servers, and what would be lost.
func (s *session) whatIsIn(r *vault.Records) (live, passwords int) {
	for i := range r.List {
		switch rec := &r.List[i]; rec.Kind {
		case vault.Policy:
		case vault.Password:
			passwords++
		default:
			if !rec.Dead(s.Now()) {
				live++
			}
		}
	}
	return live, passwords
}

// sure returns nil where a person, or --yes, agreed.
func (s *session) sure(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	t, err := s.Terminal()
	if err != nil {
		return failed("add --yes", "there is no terminal to confirm it at; nothing was changed")
	}
	defer t.Close()
	if yes, err = t.Confirm(ctx, question); err == nil && !yes {
		err = term.ErrCanceled
	}
	return err
}

// forgetEverywhere removes the key of a vault that is no more from its source,
// from what killed moves left, and from the kernel keyring.
func (s *session) forgetEverywhere(ctx context.Context, h vault.Header) error {
	err := keyring.Clear(h.ID)
	if errors.Is(err, vault.ErrNoSource) {
		err = nil
	}
	left := keys.Left(s.vault, h.Source)
	for _, kind := range keys.Kinds() {
		if kind.Name != h.Source && !slices.ContainsFunc(kind.Files, func(name string) bool { return slices.Contains(left, name) }) {
			continue
		}
		if remover, ok := kind.Open(s.place(h.ID)).(keys.Remover); ok {
			if e := remover.Remove(ctx); e != nil {
				err = errors.Join(err, failed("remove it there by hand", "the vault is deleted, but %s still has its key: %v", kind.Name, e))
			}
		}
	}
	return err
}
