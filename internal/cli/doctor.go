package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/doctor"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// doctorChecks lists every check, in the order they are made.
func doctorChecks() []doctor.Check {
	return slices.Concat(doctor.Checks(), doctor.ForeignChecks(), gcmChecks())
}

type doctorFlags struct {
	fix, yes, offline, list bool
	alsoNeeded              bool
	only, skip              []string
	org, bundle             string
}

func doctorCommand(a *app) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [DIR...]",
		Short: "find what is wrong on this machine, and fix it on request",
		Long: `Look for what makes tokens leak or Git fail on this machine, and say for each
finding why it matters and what to do. It looks at your Git configuration, the
vault, and the repository you stand in; name directories to look at the
repositories in them, too. It changes nothing without --fix, which shows each
change and asks first.

No secret is shown, and none leaves this machine but for the organisation it is
of. Exit code 3: there are findings; 0: there is none, or all are fixed.`,
		Example: `  patrol doctor
  patrol doctor ~/src            # the repositories below it, too
  patrol doctor --fix
  patrol doctor --only remote-token,other-helper --json
  patrol doctor --bundle=report.txt   # to show somebody; without names
  patrol doctor --list           # every check, and why it is made`,
		Args:        cobra.ArbitraryArgs,
		Annotations: map[string]string{Items: checkItems()},
		RunE: func(cmd *cobra.Command, dirs []string) error {
			checks, err := f.choose()
			if err != nil {
				return usage(cmd, err)
			}
			if f.bundle != "" && a.json {
				return usage(cmd, errors.New("--bundle does not go with --json: it is a text"))
			}
			if f.list {
				return a.listChecks(checks)
			}
			if dirs, err = absolute(dirs); err != nil {
				return usage(cmd, err)
			}
			return a.doctor(cmd, f, checks, dirs)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.fix, "fix", false, "fix what can be fixed, after showing each change and asking")
	flags.BoolVarP(&f.yes, "yes", "y", false, "with --fix: do not ask")
	flags.BoolVar(&f.alsoNeeded, "also-needed", false, "with --fix: also take out tokens of package managers, which then need others")
	flags.BoolVar(&f.offline, "offline", false, "make no request to any server")
	flags.BoolVar(&f.list, "list", false, "list the checks and why they are made; make none")
	flags.StringSliceVar(&f.only, "only", nil, "make these checks alone (`ID,...`)")
	flags.StringSliceVar(&f.skip, "skip", nil, "leave out these checks (`ID,...`)")
	flags.StringVar(&f.bundle, "bundle", "", "write a report without secrets and with other names, to be read and shared, to standard output or a new `file` (--bundle=FILE)")
	flags.Lookup("bundle").NoOptDefVal = "-"
	flags.StringVar(&f.org, "org", "", "the `organisation` of tokens that do not say theirs")
	ids := cobra.FixedCompletions(checkIDs(), cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc("only", ids)
	_ = cmd.RegisterFlagCompletionFunc("skip", ids)
	_ = cmd.RegisterFlagCompletionFunc("org", a.completeOrg)
	cmd.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	return a.addJSON(cmd)
}

// Items is the annotation of a command whose manual page has a section of items:
// its title, and a line for each with a tab between name and text.
const Items = "items"

// checkItems explains each check on the manual page.
func checkItems() string {
	var b strings.Builder
	b.WriteString("CHECKS\n")
	for _, c := range doctorChecks() {
		fmt.Fprintf(&b, "%s\t%s%s (%s). %s", c.ID, strings.ToUpper(c.Title[:1]), c.Title[1:], c.Severity, c.Why)
		if c.Remedy != "" {
			fmt.Fprintf(&b, " To do: %s.", c.Remedy)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func checkIDs() (ids []string) {
	for _, c := range doctorChecks() {
		ids = append(ids, c.ID)
	}
	return ids
}

// choose returns the checks that are wanted.
func (f *doctorFlags) choose() ([]doctor.Check, error) {
	for _, id := range slices.Concat(f.only, f.skip) {
		if !slices.Contains(checkIDs(), id) {
			return nil, fmt.Errorf("there is no check %q; --list shows them", id)
		}
	}
	switch {
	case f.bundle != "" && f.fix:
		return nil, errors.New("--bundle does not go with --fix")
	case (f.yes || f.alsoNeeded) && !f.fix:
		return nil, errors.New("--yes and --also-needed go with --fix")
	case f.org != "" && !helper.ValidOrg(f.org):
		return nil, fmt.Errorf("%q is not the name of an organisation", f.org)
	}
	return slices.DeleteFunc(doctorChecks(), func(c doctor.Check) bool {
		return f.only != nil && !slices.Contains(f.only, c.ID) || slices.Contains(f.skip, c.ID)
	}), nil
}

// listedCheck is a check as --list --json prints it.
type listedCheck struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Why      string          `json:"why"`
	Remedy   string          `json:"remedy,omitempty"`
	Severity doctor.Severity `json:"severity"`
	Online   bool            `json:"online"` // asks a server
}

func (a *app) listChecks(checks []doctor.Check) error {
	if a.json {
		var list []listedCheck
		for _, c := range checks {
			list = append(list, listedCheck{c.ID, c.Title, c.Why, c.Remedy, c.Severity, c.Online})
		}
		return a.printJSON(list)
	}
	for _, c := range checks {
		a.print("%s (%s): %s\n  %s\n", c.ID, c.Severity, c.Title, c.Why)
		if c.Remedy != "" {
			a.print("  to do: %s\n", c.Remedy)
		}
	}
	return nil
}

func (a *app) doctor(cmd *cobra.Command, f doctorFlags, checks []doctor.Check, dirs []string) error {
	ctx := cmd.Context()
	if f.fix && !f.yes {
		t, err := a.Terminal()
		if err != nil {
			return usage(cmd, errors.New("--fix asks before each change, and there is no terminal to ask at; --yes changes without asking"))
		}
		_ = t.Close()
	}
	s, err := a.session(ctx, f.fix)
	if err != nil {
		return err
	}
	m, err := s.examined(ctx, f, dirs)
	if err != nil {
		return err
	}
	defer m.HTTP.CloseIdleConnections()
	report := doctor.Run(ctx, m, checks)
	if f.bundle != "" {
		return s.bundle(ctx, m, report, f.bundle)
	}
	outcomes := make([]outcome, len(report.Findings))
	if f.fix {
		if !a.json {
			a.showNotMade(report)
		}
		s.applyFixes(ctx, report.Findings, outcomes, f.yes)
	}
	return s.reportDoctor(report, outcomes, f)
}

// absolute checks that there are such directories.
func absolute(dirs []string) (list []string, err error) {
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(abs); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("there is no directory %q", dir)
		}
		list = append(list, abs)
	}
	return list, nil
}

// examined gathers what the checks look at.
func (s *session) examined(ctx context.Context, f doctorFlags, dirs []string) (*doctor.Machine, error) {
	exe, err := git.Find(s.Environ)
	if err != nil {
		return nil, err
	}
	here, _ := os.Getwd() // "" where it was removed
	transport := s.transport()
	m := &doctor.Machine{
		Environ: s.Environ, Home: s.getenv("HOME"), Dirs: dirs, Here: here, Executable: s.Executable,
		Helper: helperValue(s.Executable), Git: exe, Config: s.config, Org: cred.Lower(f.org), Offline: f.offline,
		AlsoNeeded: f.alsoNeeded, Places: s.places(),
		Vault: s.vault, HTTP: transport, Now: s.Now, Say: s.note, Progress: s.progress,
		Server: azdo.New(azdo.Config{Version: buildVersion(), Transport: transport, Now: s.Now}),
		Keeper: func() (*lifecycle.Keeper, error) { return s.keeper(false) },
		Setup: func(ctx context.Context) (*doctor.Fix, error) {
			aside := *s.app // standard output is for the findings
			aside.Stdout = s.Stderr
			return nil, (&session{app: &aside, vault: s.vault, config: s.config}).setupGit(ctx, setupFlags{})
		},
		KeyShared: func(id string) bool {
			_, err := keyring.Remaining(id)
			return err == nil && s.machine().KernelShared()
		},
		GlobalFile: func() (string, error) {
			edit := &configEdit{git: exe, env: git.Environ(s.Environ)}
			path, err := edit.locate(ctx, false, s.lookup)
			return followLinks(path), err
		},
		Unlock: func(ctx context.Context) (*vault.Records, *lifecycle.Keeper, error) {
			r, err := s.ensure(ctx, "")
			if err != nil {
				return nil, nil, err
			}
			k, err := s.keeper(false)
			return r, k, err
		},
	}
	m.Records, m.Closed = s.peek(ctx)
	return m, nil
}

// outcome is what became of a finding with --fix.
type outcome struct {
	Fixed bool   `json:"fixed"`
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// applyFixes makes the fixes that are there, after asking.
func (s *session) applyFixes(ctx context.Context, findings []doctor.Finding, outcomes []outcome, yes bool) {
	for i, f := range findings {
		if f.Fix == nil {
			continue
		}
		s.note("%s: %s: %s", f.Check, f.Where, f.What)
		for fix := f.Fix; fix != nil; {
			for line := range strings.Lines(fix.Says) {
				s.note("  fix: %s", strings.TrimSuffix(line, "\n"))
			}
			if !yes && !s.confirm(ctx) {
				break
			}
			next, err := fix.Do(ctx)
			if err != nil {
				p := explain(err)
				outcomes[i].Error, outcomes[i].Hint = p.what, p.hint
				s.fail(err)
				break
			}
			outcomes[i].Fixed = true // a further fix is an offer
			fix = next
		}
	}
}

// confirm asks at the terminal whether to go on. No answer is a no.
func (s *session) confirm(ctx context.Context) bool {
	t, err := s.Terminal()
	if err != nil {
		return false
	}
	defer t.Close()
	answer, err := t.Ask(ctx, "Do that (y/N)? ")
	answer = strings.ToLower(strings.TrimSpace(answer))
	return err == nil && (answer == "y" || answer == "yes")
}
