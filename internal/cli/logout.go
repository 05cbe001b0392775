package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

func logoutCommand(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "logout [ORG|URL]",
		Short: "forget the tokens of an organisation",
		Long: `Forget every token and password kept for an organisation, or for the host of a
URL; where the URL has a user name, those of that account alone. Tokens that
patrol made are revoked on the server; one that cannot be reached now is revoked
by the next run of patrol. A token that was pasted goes on working until it is
revoked in the portal; the page is printed. Git alone signs in no more until
patrol login. Without a name, the only organisation there is a token for is
meant.`,
		Example: `  patrol logout contoso
  patrol logout https://git.example.com
  patrol logout --all`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeOrg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return usage(cmd, errors.New("say either a name or --all"))
			}
			return a.logout(cmd.Context(), args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "forget everything in the vault")
	return a.addJSON(cmd)
}

func (a *app) logout(ctx context.Context, args []string, all bool) error {
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	var doomed func(*vault.Record) bool
	var named []helper.Target
	if len(args) == 1 {
		t, err := logoutTarget(args[0])
		if err != nil {
			return err
		}
		doomed, named = targeted(t), []helper.Target{t}
	}
	r, err := s.open(ctx)
	if err != nil && !errors.Is(err, vault.ErrNone) {
		return err
	}
	if doomed == nil {
		if doomed, err = onlyOrg(r, all); err != nil {
			return err
		}
	}
	var gone lifecycle.Forgotten
	if r != nil {
		k, err := s.keeper(false)
		if err != nil {
			return err
		}
		defer s.progress("revoking on the server ...")()
		if gone, err = k.Forget(ctx, doomed, named...); err != nil {
			return err
		}
		s.noteSSHKeys(r, all, gone.Left)
	}
	return a.reportLogout(gone)
}

// logoutTarget says what the argument means.
func logoutTarget(arg string) (helper.Target, error) {
	if !strings.Contains(arg, "://") {
		return azureTarget(arg)
	}
	req, err := cred.FromURL(arg)
	if err != nil {
		return helper.Target{}, err
	}
	if req.Password.IsSet() {
		return helper.Target{}, passwordInURL()
	}
	t, err := helper.Identify(&req)
	if err != nil {
		what, hint := helper.Explain(err, t)
		return t, failed(hint, "%s", what)
	}
	return t, nil
}

// targeted reports whether a record is of the host or organisation, and of the
// account when one is named: the other accounts' stay.
func targeted(t helper.Target) func(*vault.Record) bool {
	return func(rec *vault.Record) bool {
		return rec.Host == t.Host && rec.Org == t.Org && (!t.HasPath || rec.Path == t.Path) &&
			(!t.HasAccount || rec.Account == t.Account || t.Azure && cred.EqualFold(rec.Account, t.Account))
	}
}

// onlyOrg means everything, or the one organisation there is.
func onlyOrg(r *vault.Records, all bool) (func(*vault.Record) bool, error) {
	if all {
		return func(*vault.Record) bool { return true }, nil
	}
	orgs := organisations(r)
	switch len(orgs) {
	case 0:
		if lifecycle.SignedInSomewhere(r) {
			return func(*vault.Record) bool { return false }, nil // the sign-in, which nothing needs, goes by itself
		}
		return nil, failed("patrol status", "there is no token to forget")
	case 1:
		return func(rec *vault.Record) bool { return rec.Org == orgs[0] }, nil
	}
	return nil, failed("patrol logout "+orgs[0]+", or --all", "there are tokens for %s", strings.Join(orgs, ", "))
}

// organisations lists those there are records of.
func organisations(r *vault.Records) []string {
	var orgs []string
	if r == nil {
		return nil
	}
	for i := range r.List {
		if org := r.List[i].Org; org != "" && (r.List[i].Answers() || lifecycle.Queued(&r.List[i]) || r.List[i].Kind == vault.Intent) {
			orgs = append(orgs, org)
		}
	}
	slices.Sort(orgs)
	return slices.Compact(orgs)
}

func (a *app) reportLogout(gone lifecycle.Forgotten) error {
	if a.json {
		return a.printJSON(struct {
			Revoked []token  `json:"revoked"`
			Queued  []token  `json:"queued"` // to be revoked by later runs
			Pasted  []token  `json:"pasted"` // only their owner can revoke them, in the portal
			Dropped []token  `json:"dropped"`
			SignIns []token  `json:"signIns"`
			Left    []string `json:"signedOutOf"` // where Git alone signs in no more
		}{a.tokens(gone.Revoked), a.tokens(gone.Queued), a.tokens(gone.Pasted), a.tokens(gone.Dropped), a.tokens(gone.SignIns), gone.Left})
	}
	for i := range gone.Revoked {
		a.print("Revoked and forgotten: %s.\n", describe(&gone.Revoked[i]))
	}
	for i := range gone.Queued {
		rec := &gone.Queued[i]
		why := cred.Escape(rec.Reason)
		if rec.Kind == vault.Intent {
			why = "its making did not end; it is looked for"
		}
		a.print("Forgotten here, and to be revoked by a later run of patrol: %s (%s).\n", describe(rec), why)
	}
	for i := range gone.Dropped {
		a.print("Forgotten: %s.\n", describe(&gone.Dropped[i]))
	}
	pages := map[string]bool{}
	for i := range gone.Pasted {
		rec := &gone.Pasted[i]
		a.print("Forgotten: %s.\n", describe(rec))
		if !pages[rec.Org] {
			pages[rec.Org] = true
			a.print("It still works on the server. Revoke it there: %s\n", tokensPage(rec.Org))
		}
	}
	for i := range gone.SignIns {
		a.print("Forgotten: the sign-in of %s.\n", cred.Escape(gone.SignIns[i].Account))
	}
	if tokens := len(gone.Revoked) + len(gone.Queued) + len(gone.Dropped) + len(gone.Pasted); tokens > 0 {
		return nil
	}
	for _, org := range gone.Left {
		a.print("There was no token for %s. Git alone does not sign in to it any more.\n", org)
	}
	if len(gone.Left)+len(gone.SignIns) == 0 {
		a.print("There was nothing to forget.\n")
	}
	return nil
}

func (a *app) tokens(records []vault.Record) (list []token) {
	for i := range records {
		list = append(list, tokenJSON(&records[i], a.Now()))
	}
	return list
}

// completeOrg completes the name of an organisation, when the vault is open.
func (a *app) completeOrg(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := a.session(cmd.Context(), false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	r, _ := s.peek(cmd.Context())
	return organisations(r), cobra.ShellCompDirectiveNoFileComp
}
