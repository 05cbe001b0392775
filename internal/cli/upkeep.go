package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/detach"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

// upkeepTime bounds a run in the background.
const upkeepTime = 2 * time.Minute

// upkeepCommand is what runs in the background: nobody is there to be asked, and
// nobody reads what it says. What fails is written down in the vault.
func upkeepCommand(a *app) *cobra.Command {
	var locked bool
	cmd := &cobra.Command{
		Use:    "upkeep [ID]",
		Short:  "renew a token that ends soon, and revoke what is due",
		Hidden: true,
		Args:   cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.upkeep(cmd.Context(), append(args, "")[0], locked)
		},
	}
	cmd.Flags().BoolVar(&locked, "locked", false, "the lock was handed over")
	return cmd
}

func (a *app) upkeep(ctx context.Context, id string, locked bool) error {
	ctx, cancel := context.WithTimeout(ctx, upkeepTime)
	defer cancel()
	a.nobody = true
	s, err := a.session(ctx, false)
	if err != nil {
		return err
	}
	if locked {
		detach.Hold()
	} else {
		lock, err := s.vault.TryLock(helper.UpkeepLock)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	f, err := s.vault.Load()
	if err != nil {
		return err
	}
	if _, err := s.openCached(f); err != nil {
		return err
	}
	k, err := s.keeper(false)
	if err != nil {
		return err
	}
	return k.Upkeep(ctx, id)
}

// settleDue starts what is due in the background, at the end of a command that
// has opened the vault.
func (a *app) settleDue() {
	s := a.opened
	if s == nil || a.nobody || a.Detach == nil {
		return
	}
	f, err := s.vault.Load()
	if err != nil {
		return
	}
	if _, err := keyring.Load(f.ID); err != nil {
		return // it could not open the vault
	}
	if r, err := f.Open(s.key); err == nil {
		helper.Upkeep(s.vault, r, nil, a.Now(), a.Detach)
	}
}

// renewSoon does what is due after rec was handed out: in the background, or by this run
// where a run in the background could not open the vault.
func (s *session) renewSoon(ctx context.Context, r *vault.Records, rec *vault.Record) {
	if _, err := keyring.Load(r.ID); err == nil {
		helper.Upkeep(s.vault, r, rec, s.Now(), s.Detach)
		return
	}
	id, due := helper.Due(r, rec, s.Now())
	if !due {
		return
	}
	if lock, err := s.vault.TryLock(helper.UpkeepLock); err == nil {
		defer lock.Close()
		if k, err := s.keeper(false); err == nil {
			_ = k.Upkeep(ctx, id) // a failure is written down
		}
	}
}
