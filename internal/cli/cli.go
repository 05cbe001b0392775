// Package cli is the patrol command: one file for each command, a table of
// them in this one, and the way from an error to two lines and an exit code.
//
// stdout belongs to results, stderr to people, and the terminal itself to
// questions and secrets.
package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/term"
)

// Env is all that a run of patrol may touch.
type Env struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string
	Executable     string // absolute path of patrol itself
	Hostname       string
	Now            func() time.Time
	Terminal       func() (*term.Terminal, error)
	OpenFD         func(fd int) (io.ReadCloser, error) // for a passphrase from a file descriptor
	Detach         helper.Detach
}

// commands lists every command, in the order of the help.
func commands() []func(*app) *cobra.Command {
	return []func(*app) *cobra.Command{
		setupCommand, loginCommand, logoutCommand, statusCommand, tokenCommand, whyCommand,
		doctorCommand, importCommand, sshCommand,
		unlockCommand, lockCommand, keyCommand, versionCommand, credentialCommand, upkeepCommand,
	}
}

// app is one run.
type app struct {
	Env
	passphraseFD int
	passphrase   *cred.Secret // read once: a file descriptor cannot be read twice
	json         bool
	code         int      // exit code of a command that has said all there is to say
	opened       *session // whose vault was opened
	nobody       bool     // this run is in the background itself
}

// Main runs patrol and returns its exit code.
func Main(ctx context.Context, env Env) int {
	a := &app{Env: env}
	root := a.root()
	root.SetArgs(env.Args)
	defer a.settleDue()
	if err := root.ExecuteContext(ctx); err != nil {
		return a.fail(err)
	}
	return a.code
}

// Root returns the command tree, for the generator of man pages.
func Root() *cobra.Command { return (&app{}).root() }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "patrol",
		Short: "keep the tokens that Git uses for Azure Repos safe",
		Long: `patrol keeps the tokens that Git uses for Azure Repos in a sealed vault and
hands them to Git. For any other https host it keeps what Git gives it.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 findings, 4 sign-in needed.`,
		Example: `  patrol setup                   # tell Git to ask patrol
  patrol login contoso           # sign in; the first clone does that too
  git clone https://dev.azure.com/contoso/shop/_git/web
  patrol status`,
		Version:       buildVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("patrol {{.Version}}\n")
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	root.PersistentFlags().IntVar(&a.passphraseFD, "passphrase-fd", -1,
		"read the vault's passphrase from this open file `descriptor`")
	for _, make := range commands() {
		root.AddCommand(make(a))
	}
	checkArgs(root)
	return root
}

// checkArgs makes wrong arguments of any command a usage error of ours.
func checkArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage(cmd, err)
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		checkArgs(c)
	}
}

// addJSON gives a command the flag --json.
func (a *app) addJSON(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON; errors too")
	return cmd
}

func (a *app) getenv(name string) string {
	v, _ := a.lookup(name)
	return v
}

// lookup tells an empty variable from one that is not set.
func (a *app) lookup(name string) (value string, set bool) {
	for _, entry := range slices.Backward(a.Environ) {
		if k, v, _ := strings.Cut(entry, "="); k == name {
			return v, true
		}
	}
	return "", false
}
