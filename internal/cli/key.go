package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

func keyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "see, move, back up and recover the vault's key",
		Long: `The vault is sealed with a key of 32 bytes that is not in it. Where that key is
kept can be seen and changed, and it can be written on paper for the day it is lost.`,
		Example: `  patrol key status
  patrol key move --to age`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keyStatusCommand(a), keyMoveCommand(a), keyBackupCommand(a), keyRecoverCommand(a))
	return cmd
}

// keyStatus is what there is to know of a key without opening anything.
type keyStatus struct {
	Vault    string `json:"vault"`
	ID       string `json:"id,omitempty"`
	Source   string `json:"source,omitempty"`
	Insecure bool   `json:"insecure"`           // in clear
	SealedBy string `json:"sealedBy,omitempty"` // passphrase or identity, of an age file
	Identity string `json:"identity,omitempty"` // the file that opens it
	Command  string `json:"command,omitempty"`  // of patrol.keyCommand

	Cached bool   `json:"cached"`          // in the kernel keyring
	Stays  string `json:"stays,omitempty"` // how long, as in proc_keys(5)

	Left     []string       `json:"left"`     // files of other sources that a killed move left
	SetAside []string       `json:"setAside"` // vaults that were put away
	Here     []keys.Mark    `json:"here"`     // what patrol recognises of this machine
	Kinds    []keys.Verdict `json:"kinds"`
}

func keyStatusCommand(a *app) *cobra.Command {
	return a.addJSON(&cobra.Command{
		Use:   "status",
		Short: "show where the vault's key is, and which places would do on this machine",
		Long: `Show where the vault's key is kept, whether the kernel keyring has it now and for
how long, and every kind of place with what speaks for or against it here. Each
is tried with a throw-away value. Nothing is asked, and the vault is not opened.`,
		Example: `  patrol key status
  patrol key status --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.session(cmd.Context(), false)
			if err != nil {
				return err
			}
			st, err := s.keyStatus()
			if err != nil {
				return err
			}
			m := s.machine()
			m.Person = s.atTerminal() // who could be asked, though nobody is now
			defer s.progress("trying each place ...")()
			st.Here = m.Marks()
			_, st.Kinds, _ = keys.Choose(cmd.Context(), m)
			if a.json {
				return a.printJSON(st)
			}
			a.showKeyStatus(st)
			return nil
		},
	})
}

func (s *session) keyStatus() (*keyStatus, error) {
	st := &keyStatus{Vault: s.vault.Path()}
	asides, err := s.vault.Asides()
	if err != nil {
		return nil, err
	}
	for _, aside := range asides {
		st.SetAside = append(st.SetAside, aside.Path)
	}
	f, err := s.vault.Load()
	if errors.Is(err, vault.ErrNone) {
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	st.ID, st.Source, st.Insecure = f.ID, f.Source, insecure(f.Source)
	switch f.Source {
	case "age":
		st.SealedBy = "passphrase"
		if st.Identity = keys.Identity(s.place(f.ID)); st.Identity != "" {
			st.SealedBy = "identity"
		}
	case "command":
		st.Command = s.setting(keys.CommandSetting)
	}
	if stays, err := keyring.Remaining(f.ID); err == nil {
		st.Cached, st.Stays = true, stays
	}
	st.Left = append(st.Left, keys.Left(s.vault, f.Source)...)
	return st, nil
}

// insecure reports whether a source keeps the key in clear.
func insecure(source string) bool {
	kind, err := keys.Find(source)
	return err == nil && kind.Insecure
}

func (a *app) showKeyStatus(st *keyStatus) {
	if st.Source == "" {
		a.print("Vault:   none yet (%s)\n", st.Vault)
	} else {
		a.print("Vault:   %s (%s)\nKey:     %s\n", st.ID, st.Vault, st.words())
		if st.Cached {
			a.print("Cached:  in the kernel keyring for %s\n", remainingWords(st.Stays))
		} else {
			a.print("Cached:  not in the kernel keyring\n")
		}
	}
	if len(st.Left) > 0 {
		a.print("Left:    %s, of another place; patrol key move --to %s takes it away\n", strings.Join(st.Left, " "), st.Source)
	}
	for _, path := range st.SetAside {
		a.print("Aside:   %s; patrol key recover brings it back\n", path)
	}
	for i, mark := range st.Here {
		a.print("%-8s %s\n", []string{"Here:", ""}[min(i, 1)], mark.Words())
	}
	a.print("\n")
	var rows [][]string
	for _, v := range st.Kinds {
		state := "no"
		switch {
		case v.Chosen:
			state = "best"
		case v.Works:
			state = "works"
		case v.Locked:
			state = "locked"
		}
		rows = append(rows, []string{v.Kind, state, v.Why})
	}
	a.table([]string{"PLACE", "HERE", "WHY"}, rows)
}

// words says where the key is.
func (st *keyStatus) words() string {
	switch {
	case st.Insecure:
		return st.Source + ", IN CLEAR beside the vault: whoever reads your files reads the vault"
	case st.Identity != "":
		return st.Source + ", opened by " + st.Identity
	case st.SealedBy != "":
		return st.Source + ", under a passphrase"
	case st.Source == "command":
		return st.Source + ", " + st.Command
	}
	return st.Source
}
