package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

// plainFlag is the word without which no key is ever kept in clear.
const plainFlag = "insecure-plaintext-key"

// keyFlags say where a key is to be kept, and how.
type keyFlags struct {
	kind       string
	identity   string
	recipients []string
	plain      bool
}

// register gives cmd the flags; name is that of the flag for the kind.
func (f *keyFlags) register(cmd *cobra.Command, name, help string) {
	flags := cmd.Flags()
	flags.StringVar(&f.kind, name, "", help+": "+sourceNames())
	flags.StringVar(&f.identity, "identity", "", "seal the age file to this `FILE`: an SSH key, an age identity or a plugin's")
	flags.StringArrayVar(&f.recipients, "recipient", nil, "seal it to this age or SSH `RECIPIENT`, which the identity must open; more than once")
	flags.BoolVar(&f.plain, plainFlag, false, "allow the source file: whoever reads your files reads the vault")
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(strings.Split(sourceNames(), ", "), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("recipient", cobra.NoFileCompletions)
}

func (f *keyFlags) any() bool {
	return f.kind != "" || f.identity != "" || len(f.recipients) > 0 || f.plain
}

// check finds what cannot be meant; its errors are of usage.
func (f *keyFlags) check() error {
	if f.kind == "" {
		if f.any() {
			return errors.New("--identity, --recipient and --" + plainFlag + " go with the name of a source")
		}
		return nil
	}
	kind, err := keys.Find(f.kind)
	switch {
	case err != nil:
		return fmt.Errorf("%v; the sources are: %s", err, sourceNames())
	case kind.Insecure && !f.plain:
		return fmt.Errorf("the source %s keeps the key in clear, so it wants --%s", f.kind, plainFlag)
	case !kind.Insecure && f.plain:
		return fmt.Errorf("--%s goes with the source file only", plainFlag)
	case f.kind != "age" && (f.identity != "" || len(f.recipients) > 0):
		return errors.New("--identity and --recipient go with the source age only")
	case f.identity == "" && len(f.recipients) > 0:
		return errors.New("--recipient goes with --identity, the file that opens what is sealed to it")
	}
	return nil
}

// use tells the session how a new key is to be kept.
func (s *session) use(f *keyFlags) error {
	s.plain = f.plain
	if f.identity == "" {
		return nil
	}
	path, err := filepath.Abs(f.identity)
	if err != nil || strings.ContainsAny(path, "\n\r") {
		return failed("give it another name", "the path of the identity cannot be kept: %v", err)
	}
	if _, err := vault.ReadSecretFile(path); err != nil {
		if errors.Is(err, vault.ErrUnsafe) {
			return failed("chmod 600 "+f.identity, "%v", err)
		}
		return failed("name the file of an SSH key, or what age-keygen or a plugin wrote", "%v", err)
	}
	s.seal = keys.Seal{Recipients: f.recipients, Identity: path}
	return nil
}
