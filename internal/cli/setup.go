package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

type setupFlags struct {
	system, allHosts, dryRun, remove bool
	vault, yes                       bool
	key                              keyFlags
	only                             string
}

func setupCommand(a *app) *cobra.Command {
	var f setupFlags
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "tell Git to ask patrol, and choose where the vault's key is kept",
		Long: `Write to your Git configuration that patrol is asked for Azure Repos, and make
the vault. For https://dev.azure.com and https://*.visualstudio.com this adds an
empty helper, which drops those configured before it, then patrol, and
useHttpPath, which tells patrol the organisation. Entries of yours stay as they
are, and --remove takes out only what setup put in.

The vault's key is kept, with --key:
` + sourceHelp() + `
Without --key each place is tried, and the first of them that works and fits this
machine is taken; patrol key status shows why. Never one in clear.`,
		Example: `  patrol setup --dry-run
  patrol setup
  patrol setup --all-hosts --key age
  patrol setup --key age --identity ~/.ssh/id_ed25519
  sudo patrol setup --system     # each user still has a vault of their own
  patrol setup --only contoso,fabrikam
  patrol setup --remove
  patrol setup --remove --vault  # and delete the vault with its key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.vault && (!f.remove || f.system || f.dryRun) {
				return usage(cmd, errors.New("--vault goes with --remove, and with neither --system nor --dry-run"))
			}
			if f.remove && (f.key.any() || cmd.Flags().Changed("only")) {
				return usage(cmd, errors.New("--remove goes with neither --key nor --only"))
			}
			return a.setup(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.system, "system", false, "for every user of this machine instead of you")
	flags.BoolVar(&f.allHosts, "all-hosts", false, "ask patrol for every other https host too")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be written, and write nothing")
	flags.BoolVar(&f.remove, "remove", false, "take out what setup put in; the vault stays")
	flags.BoolVar(&f.vault, "vault", false, "with --remove: delete the vault and its key too, after asking")
	flags.BoolVar(&f.yes, "yes", false, "with --vault: do not ask")
	f.key.register(cmd, "key", "where the vault's key is kept, the `source`")
	flags.StringVar(&f.only, "only", "", "answer only these organisations (`ORG,...`); empty: all")
	return cmd
}

func sourceHelp() string {
	var b strings.Builder
	for _, k := range keys.Kinds() {
		fmt.Fprintf(&b, "  %-13s  %s\n", k.Name, k.Help)
	}
	return b.String()
}

func (a *app) setup(cmd *cobra.Command, f setupFlags) error {
	ctx := cmd.Context()
	only, err := parseOnly(f.only)
	if err != nil {
		return usage(cmd, err)
	}
	if err := f.key.check(); err != nil {
		return usage(cmd, err)
	}
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	if err := s.use(&f.key); err != nil {
		return err
	}
	if err := s.checkHelper(); err != nil && !f.remove {
		return err
	}
	if !f.remove && !f.system && !f.dryRun {
		if err := s.setupVault(ctx, f.key.kind, only, cmd.Flags().Changed("only")); err != nil {
			return err
		}
	}
	if f.vault {
		if err := s.removeVault(ctx, f.yes); err != nil {
			return err
		}
	}
	return s.setupGit(ctx, f)
}

func parseOnly(list string) ([]string, error) {
	var orgs []string
	for _, org := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !helper.ValidOrg(org) {
			return nil, fmt.Errorf("%q is not the name of an organisation", org)
		}
		orgs = append(orgs, cred.Lower(org))
	}
	if list != "" && len(orgs) == 0 {
		return nil, errors.New("the list of organisations has no name in it")
	}
	slices.Sort(orgs)
	return slices.Compact(orgs), nil
}

// helperPath is git-credential-patrol beside the patrol that runs.
func helperPath(executable string) string {
	name := "git-credential-patrol"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(filepath.Dir(executable), name)
}

// helperValue is that path as a value of credential.helper. Git hands an
// absolute path to sh as it is, and must still see that it is absolute, so
// what sh could read otherwise is escaped one by one.
// See https://git-scm.com/docs/gitcredentials#_custom_helpers.
func helperValue(executable string) string {
	const plain = "/._-+,@:=%"
	var b strings.Builder
	for _, c := range []byte(filepath.ToSlash(helperPath(executable))) {
		isPlain := strings.IndexByte(plain, c) >= 0 || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
		if !isPlain {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

func (s *session) checkHelper() error {
	path := helperPath(s.Executable)
	if strings.ContainsAny(path, "\n\r") {
		return failed("install patrol in another directory", "the path of patrol holds a line break")
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return failed("install both programs in one directory", "git-credential-patrol is not beside patrol (%s)", path)
	}
	return nil
}

// setupVault makes the vault, or moves its key where another source is asked
// for, and keeps the list of organisations.
func (s *session) setupVault(ctx context.Context, source string, only []string, setOnly bool) error {
	r, err := s.ensure(ctx, source)
	if err != nil {
		return err
	}
	if source != "" && !s.made && (source != r.Source || s.seal.Identity != "") {
		if err := s.moveKey(ctx, source); err != nil {
			return err
		}
	}
	if setOnly {
		err := s.update(ctx, func(r *vault.Records) error {
			if slices.Equal(r.AllowOrg, only) {
				return vault.ErrUnchanged
			}
			r.AllowOrg = only
			return nil
		})
		if err != nil {
			return err
		}
	}
	f, err := s.vault.Load()
	if err != nil {
		return err
	}
	s.print("The vault is %s; its key: %s.\n", s.vault.Path(), f.Source)
	if s.because != "" {
		s.print("patrol chose that place for the key: %s.\n", s.because)
	}
	if kind, err := keys.Find(f.Source); err == nil && kind.Insecure {
		s.note("the key is in clear beside the vault: whoever reads your files, a backup or the disk reads the vault")
	}
	if f.Source == "kernel" {
		s.note("the key is gone after a reboot, and with it every stored password and token")
	}
	if _, err := keyring.Remaining(f.ID); err == nil && s.machine().KernelShared() {
		s.note("this container shares its kernel keyring, where the key is while unlocked, with others of the same user")
	}
	return nil
}

// setupGit changes one configuration file of Git.
func (s *session) setupGit(ctx context.Context, f setupFlags) error {
	exe, err := git.Find(s.Environ)
	if err != nil {
		return err
	}
	edit := &configEdit{git: exe, env: git.Environ(s.Environ), own: helperValue(s.Executable)}
	path, err := edit.locate(ctx, f.system, s.lookup)
	if err != nil {
		return err
	}
	changes, err := edit.apply(ctx, path, f.dryRun, func(ctx context.Context) error {
		if f.remove {
			return edit.remove(ctx)
		}
		return edit.add(ctx, f.allHosts)
	})
	if err != nil {
		return err
	}
	s.reportSetup(path, changes, f)
	return nil
}

func (s *session) reportSetup(path string, changes []string, f setupFlags) {
	switch {
	case len(changes) == 0:
		s.print("Git's configuration needs no change (%s).\n", path)
	case f.dryRun:
		s.print("These lines would change in %s:\n", path)
	default:
		s.print("Changed in %s:\n", path)
	}
	for _, c := range changes {
		s.print("  %s\n", c)
	}
	if !f.remove && !f.dryRun {
		s.print("Next: patrol login ORG\n")
	}
}
