package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

func sshUnlockCommand(a *app) *cobra.Command {
	var forSSH bool
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "unlock ORG",
		Short: "hand the key to ssh-agent",
		Long: `Open the key's file with the passphrase in the vault, and hand the key to the
ssh-agent of SSH_AUTH_SOCK.

The block in ~/.ssh/config runs this with --for-ssh before ssh connects to Azure
Repos. Where there is no agent that takes the key, or where ssh would show
another RSA key of it first, that starts an agent of patrol's own for this key
alone, which ends after ten minutes, and succeeds; else it is silent and fails.`,
		Example:           "  patrol ssh unlock contoso\n  patrol ssh unlock --lifetime 1h contoso",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOrg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if life < 0 {
				return usage(cmd, errors.New("--lifetime cannot be negative"))
			}
			if forSSH {
				return a.sshUnlockFor(cmd.Context(), args[0])
			}
			return a.sshUnlock(cmd.Context(), args[0], life)
		},
	}
	cmd.Flags().BoolVar(&forSSH, "for-ssh", false, "succeed if ssh has to ask the agent that this starts")
	cmd.Flags().DurationVar(&life, "lifetime", cacheTime, "how long ssh-agent keeps it; 0: until it ends")
	return cmd
}

func (a *app) sshUnlock(ctx context.Context, arg string, life time.Duration) error {
	t, err := azureTarget(arg)
	if err != nil {
		return err
	}
	socket := a.getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return failed(`start one in this shell: eval "$(ssh-agent)"`, "there is no ssh-agent here (SSH_AUTH_SOCK is not set)")
	}
	r, all, keys, err := a.sshKeys(ctx, t)
	if err != nil {
		return err
	}
	if err := r.allInto(all, keys, socket, life); err != nil {
		return err
	}
	a.print("ssh-agent has the key of %s.\n", t.Org)
	return nil
}

// sshKeys opens the vault for the keys that ssh may show for an organisation.
func (a *app) sshKeys(ctx context.Context, t helper.Target) (*sshRun, *vault.Records, []*vault.Record, error) {
	s, err := a.session(ctx, true)
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := s.newSSHRun()
	if err != nil {
		return nil, nil, nil, err
	}
	r.t = t
	all, err := s.open(ctx)
	if err != nil && !errors.Is(err, vault.ErrNone) {
		return nil, nil, nil, err
	}
	keys := r.usable(all)
	if len(keys) == 0 {
		return nil, nil, nil, failed("patrol ssh create "+t.Org, "patrol has no SSH key for %s", t.Org)
	}
	return r, all, keys, nil
}

// usable are the keys of the organisation that the configuration may name: in
// the middle of a rotation the old one, and already the new one.
func (r *sshRun) usable(all *vault.Records) []*vault.Record {
	if all == nil {
		return nil
	}
	return slices.DeleteFunc(sshRecords(all), func(rec *vault.Record) bool {
		return rec.Org != r.t.Org || rec.Verified.IsZero() || !rec.Due.IsZero() || !r.own(all, rec)
	})
}

// allInto hands the keys to an agent.
func (r *sshRun) allInto(all *vault.Records, keys []*vault.Record, socket string, life time.Duration) error {
	for _, rec := range keys {
		if err := r.agentAdd(all, rec, socket, life); err != nil {
			return err
		}
	}
	return nil
}
