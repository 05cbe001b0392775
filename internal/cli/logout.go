package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

func logoutCommand(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "logout [ORG|URL]",
		Short: "forget the tokens of an organisation",
		Long: `Forget every token and password kept for an organisation, or for the host of a
URL. A token that was pasted goes on working on the server until it is revoked
in the portal; the page is printed. Without a name, the only organisation there
is a token for is meant.`,
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
	if len(args) == 1 {
		if doomed, err = logoutTarget(args[0]); err != nil {
			return err
		}
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
	var gone []vault.Record
	if r != nil {
		err = s.update(ctx, func(r *vault.Records) error {
			gone = nil
			r.Delete(func(rec *vault.Record) bool {
				if doomed(rec) {
					gone = append(gone, *rec)
					return true
				}
				return false
			})
			if len(gone) == 0 {
				return vault.ErrUnchanged
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return a.reportLogout(gone)
}

// logoutTarget says which records the argument means.
func logoutTarget(arg string) (func(*vault.Record) bool, error) {
	if !strings.Contains(arg, "://") || strings.Contains(arg, helper.AzureHost) {
		t, err := azureTarget(arg)
		return func(rec *vault.Record) bool { return rec.Host == t.Host && rec.Org == t.Org }, err
	}
	req, err := cred.FromURL(arg)
	if err != nil {
		return nil, err
	}
	t, err := helper.Identify(&req)
	if err != nil {
		what, hint := helper.Explain(err, t)
		return nil, failed(hint, "%s", what)
	}
	return func(rec *vault.Record) bool {
		return rec.Host == t.Host && rec.Org == t.Org &&
			(!t.HasPath || rec.Path == t.Path) && (!t.HasAccount || rec.Account == t.Account)
	}, nil
}

// onlyOrg means everything, or the one organisation there is.
func onlyOrg(r *vault.Records, all bool) (func(*vault.Record) bool, error) {
	if all {
		return func(*vault.Record) bool { return true }, nil
	}
	orgs := organisations(r)
	switch len(orgs) {
	case 0:
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
		if org := r.List[i].Org; org != "" {
			orgs = append(orgs, org)
		}
	}
	slices.Sort(orgs)
	return slices.Compact(orgs)
}

func (a *app) reportLogout(gone []vault.Record) error {
	if a.json {
		list := []token{}
		for i := range gone {
			list = append(list, tokenJSON(&gone[i], a.Now()))
		}
		return a.printJSON(struct {
			Forgotten []token `json:"forgotten"`
		}{list})
	}
	if len(gone) == 0 {
		a.print("There was nothing to forget.\n")
		return nil
	}
	pages := map[string]bool{}
	for i := range gone {
		rec := &gone[i]
		a.print("Forgotten: %s.\n", describe(rec))
		if rec.Org == "" || pages[rec.Org] {
			continue
		}
		pages[rec.Org] = true
		a.print("It still works on the server. Revoke it there: %s\n", tokensPage(rec.Org))
	}
	return nil
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
	r, _ := s.peek()
	return organisations(r), cobra.ShellCompDirectiveNoFileComp
}
