package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

func keyBackupCommand(a *app) *cobra.Command {
	var stdout bool
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "show a recovery key to write on paper",
		Long: `Show the vault's key as a recovery key: groups of four letters and digits with a
checksum, which say which vault they belong to. It is shown on the terminal, never
on standard output, after you confirm. Write it on paper and keep it where nobody
finds the vault too: with both, all of the vault is readable without a passphrase.
It stays good when the key is moved.

patrol key recover takes it when the passphrase is forgotten, the key file is
lost, or the kernel forgot the key after a reboot.`,
		Example: `  patrol key backup
  patrol key backup --insecure-stdout | lpr`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.session(cmd.Context(), true)
			if err != nil {
				return err
			}
			t, err := a.Terminal()
			if err != nil && !stdout {
				return &problem{"a recovery key is shown at a terminal only, and there is none",
					"patrol key backup --insecure-stdout writes it to standard output", 1}
			}
			if err == nil {
				defer t.Close()
			}
			r, err := s.open(cmd.Context())
			if errors.Is(err, vault.ErrNone) {
				return failed("patrol setup", "there is no vault yet")
			}
			if err != nil {
				return err
			}
			text := keys.Text(r.ID, s.key)
			if stdout {
				a.print("%s\n", text.Reveal())
				return nil
			}
			yes, err := t.Confirm(cmd.Context(), "Whoever sees the recovery key and has the vault can read all of it. Show it now?")
			if err != nil {
				return err
			}
			if !yes {
				return term.ErrCanceled
			}
			return showRecovery(t, r.ID, text)
		},
	}
	cmd.Flags().BoolVar(&stdout, "insecure-stdout", false, "write it to standard output, in one line, without asking")
	return cmd
}

// recoveryLines lays the groups out for paper: the word, the vault, and the key
// in two lines.
func recoveryLines(text cred.Secret) []string {
	groups := strings.Split(text.Reveal(), "-")
	id := groups[1]
	lines := []string{groups[0], id[:4] + " " + id[4:8] + " " + id[8:12] + " " + id[12:]}
	half := (len(groups) - 2) / 2
	return append(lines, strings.Join(groups[2:2+half], " "), strings.Join(groups[2+half:], " "))
}

func showRecovery(t *term.Terminal, id string, text cred.Secret) error {
	lines := []string{"", "Recovery key of the patrol vault " + id + ":", ""}
	for _, line := range recoveryLines(text) {
		lines = append(lines, "    "+line)
	}
	lines = append(lines, "", "Write it down, check it letter by letter, then clear this screen and its scrollback.",
		"To use it: patrol key recover")
	for _, line := range lines {
		if err := t.Show(line); err != nil {
			return err
		}
	}
	return nil
}
