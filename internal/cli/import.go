package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

type importFlags struct {
	dryRun, yes, deleteOriginal, replace bool
	hosts                                []string
	org                                  string
	key                                  string
}

func importCommand(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [FROM...]",
		Short: "take over what another credential helper keeps",
		Long: `Take passwords and tokens that other credential helpers keep into the vault.
Without FROM, every place that is there is looked at:
` + importHelp() + `
What is found is shown first, without the secrets. Tokens for Azure Repos are
shown to the organisation they are for, which says whose they are; dead ones
are left. Passwords for other https hosts are kept as Git would store them;
those for http are refused. What patrol keeps already is not replaced.

The originals stay, unless --delete-original: then each is deleted after the
vault was read again and has it, and if Git asks patrol for its host. Exit
code 1: something was not taken over, or not deleted.`,
		Example: `  patrol import --dry-run
  patrol import
  patrol import store --delete-original
  patrol import cache --host git.example.com
  patrol import netrc --org contoso --yes`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.FixedCompletions(importNames(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, from []string) error {
			sources, err := chooseSources(from)
			if err == nil && f.org != "" && !helper.ValidOrg(f.org) {
				err = fmt.Errorf("%q is not the name of an organisation", f.org)
			}
			if err == nil && f.dryRun && (f.yes || f.deleteOriginal) {
				err = errors.New("--dry-run goes with neither --yes nor --delete-original")
			}
			if err != nil {
				return usage(cmd, err)
			}
			return a.importFrom(cmd, sources, len(from) > 0, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be taken over, and take nothing")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.deleteOriginal, "delete-original", false, "delete each original, once the vault has it")
	flags.BoolVar(&f.replace, "replace", false, "also take what the vault has another one for")
	flags.StringSliceVar(&f.hosts, "host", nil, "only these `HOST,...`; git-credential-cache is asked for them")
	flags.StringVar(&f.org, "org", "", "the `organisation` of tokens that do not say theirs")
	flags.StringVar(&f.key, "key", "", "where a new vault keeps its key: "+sourceNames())
	_ = cmd.RegisterFlagCompletionFunc("org", a.completeOrg)
	return a.addJSON(cmd)
}

// importFrom lists, judges, shows, asks, keeps and deletes, in that order.
func (a *app) importFrom(cmd *cobra.Command, sources []importSource, named bool, f importFlags) error {
	ctx := cmd.Context()
	if !f.dryRun && !f.yes {
		t, err := a.Terminal()
		if err != nil {
			return usage(cmd, errors.New("there is no terminal to ask at; --dry-run only shows, --yes imports without asking"))
		}
		_ = t.Close()
	}
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	s.tellSettings()
	i := &importer{session: s, flags: f, known: map[string]verdictOf{}}
	defer i.close()
	for _, source := range sources {
		if err := i.list(ctx, source, named); err != nil {
			return err
		}
	}
	if len(i.items) == 0 {
		return i.report()
	}
	r, err := i.records(ctx)
	if err != nil {
		return err
	}
	for _, item := range i.items {
		i.judge(ctx, r, item)
	}
	if !f.dryRun && i.work() > 0 {
		if !f.yes {
			i.show(a.Stderr)
		}
		if !f.yes && !i.confirmed(ctx) {
			return failed("patrol import --dry-run shows it again", "nothing was changed")
		}
		i.apply(ctx)
	}
	return i.report()
}

func (i *importer) close() {
	for _, closer := range i.closers {
		_ = closer()
	}
}

// records opens the vault. Where only to look is wanted, none is made.
func (i *importer) records(ctx context.Context) (*vault.Records, error) {
	r, err := i.open(ctx)
	if errors.Is(err, vault.ErrNone) {
		return nil, nil
	}
	return r, err
}

// work counts what there is to do.
func (i *importer) work() (n int) {
	for _, item := range i.items {
		if item.take || item.State == stateKept && i.flags.deleteOriginal {
			n++
		}
	}
	return n
}

func (i *importer) confirmed(ctx context.Context) bool {
	takes := 0
	for _, item := range i.items {
		if item.take {
			takes++
		}
	}
	what := "keep " + count(takes, "credential", "credentials") + " in the vault"
	if i.flags.deleteOriginal {
		what += " and delete the originals"
	}
	i.note("this would %s", what)
	return i.confirm(ctx)
}

// apply keeps what is to be kept, each by itself: what fails does not keep the
// others from it.
func (i *importer) apply(ctx context.Context) {
	if _, err := i.ensure(ctx, i.flags.key); err != nil {
		for _, item := range i.items {
			if item.take {
				item.fail(err)
			}
		}
		return
	}
	for _, item := range i.items {
		if item.take {
			if err := i.keepItem(ctx, item); err != nil {
				item.fail(err)
				continue
			}
			item.State = stateImported
		}
		if i.flags.deleteOriginal && (item.State == stateImported || item.State == stateKept) {
			i.deleteOriginal(ctx, item)
		}
	}
	if i.flags.replace { // what was replaced, if patrol had made that
		if k, err := i.keeper(false); err == nil {
			_ = i.flushed(k.Flush(ctx))
		}
	}
}

// deleteOriginal deletes what the vault, read anew, has.
func (i *importer) deleteOriginal(ctx context.Context, item *importItem) {
	if !i.asksUs(item) {
		item.Error = "the original stays: Git does not ask patrol for " + item.request.Host + "; patrol setup --all-hosts changes that"
		return
	}
	f, err := i.vault.Load()
	var r *vault.Records
	if err == nil {
		r, err = f.Open(i.key)
	}
	if err == nil && !holds(r, item) {
		err = errors.New("the vault does not have it, so the original stays")
	}
	if err == nil {
		err = item.remove(ctx)
	}
	if err != nil {
		item.Error = "the original was not deleted: " + explain(err).what
		return
	}
	item.Deleted = true
}

// asksUs says that Git asks patrol for an item's host: without the original it
// would else find nothing there.
func (i *importer) asksUs(item *importItem) bool {
	own := helperValue(i.Executable)
	return slices.ContainsFunc(i.config.Helpers(gitTarget(&item.request)), func(e git.Entry) bool { return e.Value == own })
}

// report prints what became of each, and sets the exit code.
func (i *importer) report() error {
	for _, item := range i.items {
		if item.Error != "" {
			i.code = helper.Failed
		}
	}
	if i.json {
		return i.printJSON(struct {
			DryRun  bool          `json:"dryRun"`
			Items   []*importItem `json:"items"`
			Skipped []skipped     `json:"skipped"`
			GCM     []gcmFound    `json:"gcmSettings"`
		}{i.flags.dryRun, i.items, i.skipped, i.gcmSettings()})
	}
	for _, sk := range i.skipped {
		i.note("%s was not looked at: %s", sk.From, sk.Reason)
	}
	if len(i.items) == 0 {
		i.print("Nothing was found to import.\n")
		return nil
	}
	i.show(i.Stdout)
	done, deleted, open := 0, 0, 0
	for _, item := range i.items {
		switch {
		case item.State == stateImported:
			done++
		case item.take && item.Error == "":
			open++
		}
		if item.Deleted {
			deleted++
		}
	}
	switch {
	case i.flags.dryRun:
		i.print("%s would be imported; nothing was changed.\n", count(open, "credential", "credentials"))
	case done == 0 && deleted == 0 && i.code == 0:
		i.print("There is nothing to do.\n")
	default:
		i.print("Imported %d, deleted %s.\n", done, count(deleted, "original", "originals"))
	}
	if done > 0 && !i.flags.deleteOriginal {
		i.print("The originals of those are still there; patrol import --delete-original deletes them.\n")
	}
	return nil
}

// show prints the table.
func (i *importer) show(w io.Writer) {
	var rows [][]string
	for _, item := range i.items {
		state := string(item.State)
		if item.Detail != "" {
			state += ": " + item.Detail
		}
		if item.Deleted {
			state += "; the original is deleted"
		}
		if item.Error != "" {
			state += "; FAILED: " + item.Error
		}
		rows = append(rows, []string{item.From, item.Place, item.For, item.User, state})
	}
	_, _ = io.WriteString(w, columns([]string{"FROM", "WHERE", "FOR", "USER", ""}, rows))
}

// holds says that the vault has the very secret of an item for the same place.
func holds(r *vault.Records, item *importItem) bool {
	for n := range r.List {
		rec := &r.List[n]
		if t := item.target; !rec.Answers() || rec.Host != t.Host || rec.Org != t.Org || !t.Azure && !sameIdentity(rec, t) {
			continue
		}
		if secrets, err := r.Secrets(rec); err == nil && secrets.Secret.Equal(item.entry.Secret) {
			return true
		}
	}
	return false
}
