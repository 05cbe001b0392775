package cli

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/sshkey"
	"github.com/gitpatrol/patrol/internal/vault"
)

func lockCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "forget the vault's key until the next unlock",
		Long: `Remove the vault's key from the kernel keyring, where it stays for eight hours
after each unlock. Refused when the kernel keyring is the only place of the key:
then nothing could open the vault again. The keyring of a desktop stays as it is.
Agents that patrol started for ssh end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := vault.DefaultDir(a.getenv)
			if err != nil {
				return err
			}
			f, err := vault.In(dir).Load()
			if errors.Is(err, vault.ErrNone) {
				a.print("There is no vault yet, so nothing to lock.\n")
				return nil
			}
			if err != nil {
				return err
			}
			if f.Source == "kernel" {
				return failed("patrol setup --key age keeps the key in a file under a passphrase",
					"the kernel keyring is the only place of this vault's key; locking would lose the vault")
			}
			if err := keyring.Clear(f.ID); err != nil && !errors.Is(err, vault.ErrNoSource) {
				return err
			}
			if home := a.getenv("HOME"); filepath.IsAbs(home) {
				if err := sshkey.StopAgents(sshkey.Dir(home), a.Now()); err != nil {
					return err
				}
			}
			if insecure(f.Source) {
				a.note("the key is in clear beside the vault, so this locks nothing for who can read your files")
			}
			a.print("Locked.\n")
			if f.Source == keys.SecretService {
				a.note("the keyring of your session has the key too, and stays as it is: while it is open, the next use takes the key from there")
			}
			return nil
		},
	}
}

func unlockCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unlock",
		Short: "open the vault for the next eight hours",
		Long: `Open the vault and keep its key in the kernel keyring for eight hours, so that
Git gets its answers without a question. A vault that is open stays so for what
is left of its eight hours; patrol lock first begins them anew. A locked desktop
keyring asks for its password by itself. The passphrase of an age file is read
from the descriptor of --passphrase-fd (or PATROL_PASSPHRASE_FD), from the
command in patrol.passphraseCommand, or from the terminal.`,
		Example: `  patrol unlock
  patrol unlock --passphrase-fd 3 3< passphrase-file`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.session(cmd.Context(), true)
			if err != nil {
				return err
			}
			r, err := s.open(cmd.Context())
			if errors.Is(err, vault.ErrNone) {
				return failed("patrol setup", "there is no vault yet")
			}
			if err != nil {
				return err
			}
			stays, err := keyring.Remaining(r.ID)
			if err != nil {
				return failed("every use of the vault will ask for the passphrase", "the key could not be kept in the kernel keyring: %v", err)
			}
			a.print("Unlocked; the key stays for %s.\n", remainingWords(stays))
			return nil
		},
	}
}
