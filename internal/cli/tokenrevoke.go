package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

// revokeFlags say which tokens.
type revokeFlags struct {
	all, machine, broad, global bool
	olderThan                   string
	orgs                        []string
	dryRun, yes                 bool

	age time.Duration // of olderThan
}

func tokenRevokeCommand(a *app) *cobra.Command {
	var f revokeFlags
	cmd := &cobra.Command{
		Use:   "revoke [ID|NAME]",
		Short: "revoke tokens on the server, whoever made them",
		Long: `Revoke tokens of the signed-in accounts on the server: one, by its id there or in
the vault or by its display name, or all that are as the flags say. Of several
flags all must hold. The organisations are those that the vault has something
for, or those named with --org. Only tokens that still work are looked at, and
Azure DevOps lets nobody but their owner see them: a sign-in must be kept. Of an
organisation that cannot be reached, those that the vault knows are queued.

The tokens are shown before, and you confirm. Without a terminal, and with --json,
--yes or --dry-run is needed. What uses a token stops working. Where it is the
one that patrol gives to Git, the next Git command gets a new one.

What was confirmed is written down first. A token that cannot be revoked now stays
in the queue, which patrol status shows; each later run of patrol tries again,
with growing pauses, also when this one was interrupted.

Exit codes: 0 done, or there was nothing to do; 1 something is left in the queue,
or an organisation could not be asked; 4 a sign-in is needed.`,
		Example: `  patrol token revoke --dry-run --all
  patrol token revoke 0c1d2e3f-4a5b-6c7d-8e9f-0a1b2c3d4e5f
  patrol token revoke --older-than 90d --broad
  patrol token revoke --global --yes --org contoso`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeToken,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return usage(cmd, err)
			}
			t, err := a.confirmer(&f)
			if err != nil {
				return usage(cmd, err)
			}
			if t != nil {
				_ = t.Close()
			}
			return a.tokenRevoke(cmd.Context(), append(args, "")[0], &f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "every active token of the account, whoever made it")
	flags.BoolVar(&f.machine, "this-machine", false, "those that patrol made here: for this vault, and for vaults set aside")
	flags.StringVar(&f.olderThan, "older-than", "", "those made longer ago than this `time`: 30d, 12h")
	flags.BoolVar(&f.broad, "broad", false, "those with full access or a scope of high privilege")
	flags.BoolVar(&f.global, "global", false, "those for all organisations, which end on 1 December 2026")
	flags.StringSliceVar(&f.orgs, "org", nil, "ask this `organisation`; may be repeated")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be revoked, and revoke nothing")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	return a.addJSON(cmd)
}

func (f *revokeFlags) check(args []string) error {
	chosen := f.all || f.machine || f.broad || f.global || f.olderThan != ""
	if chosen == (len(args) == 1) {
		return errors.New("say which: either an id or a name, or --all, --this-machine, --older-than, --broad or --global")
	}
	if len(args) == 1 && strings.TrimSpace(args[0]) == "" {
		return errors.New("the id or name is empty")
	}
	if f.olderThan == "" {
		return nil
	}
	var err error
	f.age, err = parseSpan(f.olderThan)
	return err
}

// parseSpan reads a number of days (30, 30d) or hours (12h).
func parseSpan(text string) (time.Duration, error) {
	digits, unit := strings.TrimSuffix(text, "d"), 24*time.Hour
	if hours, ok := strings.CutSuffix(text, "h"); ok {
		digits, unit = hours, time.Hour
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no time; it looks like 30d or 12h", text)
	}
	return time.Duration(n) * unit, nil
}

// confirmer returns the terminal to confirm at; nil: there is no need to.
func (a *app) confirmer(f *revokeFlags) (*term.Terminal, error) {
	if f.dryRun || f.yes {
		return nil, nil
	}
	if a.json {
		return nil, errors.New("--json asks nothing: add --yes or --dry-run")
	}
	t, err := a.Terminal()
	if err != nil {
		return nil, errors.New("there is no terminal to confirm it at, and nothing was done: add --yes or --dry-run")
	}
	return t, nil
}

func (f *revokeFlags) matches(t *serverToken, now time.Time) bool {
	return !t.is("being made") && // it is being stored, or looked for
		(!f.machine || t.mine) && (!f.broad || t.is("broad")) && (!f.global || t.Global) && (f.olderThan == "" || olderThan(t.Created, f.age, now))
}

// revokeReport is what --json prints.
type revokeReport struct {
	DryRun   bool          `json:"dryRun"`
	Selected []serverToken `json:"selected"`
	Revoked  []serverToken `json:"revoked"`
	Queued   []token       `json:"queued"` // to be revoked by later runs
	Unasked  []unasked     `json:"unasked"`
}

func (a *app) tokenRevoke(ctx context.Context, which string, f *revokeFlags) error {
	s, k, r, err := a.tokenSession(ctx)
	if err != nil {
		return err
	}
	out := revokeReport{DryRun: f.dryRun, Selected: []serverToken{}, Revoked: []serverToken{}, Queued: []token{}, Unasked: []unasked{}}
	orgs, err := knownOrgs(r, f.orgs)
	if err != nil {
		return err
	}
	list, not, err := s.onServer(ctx, k, r, orgs)
	if err != nil {
		return err
	}
	out.Unasked, list = append(out.Unasked, not...), append(list, s.inVault(r, not)...)
	if which != "" {
		if list, err = s.named(ctx, k, r, orgs, list, which); err != nil && len(not) == 0 {
			return err
		}
	}
	for i := range list {
		if f.matches(&list[i], a.Now()) {
			out.Selected = append(out.Selected, list[i])
		}
	}
	if len(not) > 0 && len(out.Selected) == 0 {
		return &problem{not[0].Error, not[0].Hint, not[0].code}
	}
	a.code = a.noteUnasked(not)
	if len(out.Selected) == 0 || f.dryRun {
		return a.showSelected(&out)
	}
	if err := s.confirmRevoke(ctx, r, &out, f); err != nil {
		return err
	}
	return s.revokeSelected(ctx, k, &out)
}

// tokenSession opens the vault, and does what is due first.
func (a *app) tokenSession(ctx context.Context) (*session, *lifecycle.Keeper, *vault.Records, error) {
	s, err := a.session(ctx, true)
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := s.open(ctx)
	if errors.Is(err, vault.ErrNone) {
		err = signIn("patrol login ORG", "there is no vault yet, so no sign-in is kept")
	}
	if err != nil {
		return nil, nil, nil, err
	}
	k, err := s.keeper(false)
	if err == nil && (helper.Waiting(r, a.Now()) || helper.Unsettled(r, a.Now())) {
		r, err = s.flush(ctx)
	}
	return s, k, r, err
}

// named returns the one token that is meant.
func (s *session) named(ctx context.Context, k *lifecycle.Keeper, r *vault.Records, orgs []string, list []serverToken, which string) ([]serverToken, error) {
	var found []serverToken
	for _, t := range list {
		if strings.EqualFold(t.ServerID, which) || t.ID == which {
			return []serverToken{t}, nil
		}
		if t.Name == which {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 1:
		return found, nil
	case 0:
		return nil, s.notActive(ctx, k, r, orgs, which)
	}
	var ids []string
	for _, t := range found {
		ids = append(ids, t.ServerID)
	}
	return nil, failed("name one by its id: "+strings.Join(ids, ", "), "%d tokens are called %q; none was revoked", len(found), which)
}

// notActive says what became of the token that is meant; nil: nothing is left to do.
func (s *session) notActive(ctx context.Context, k *lifecycle.Keeper, r *vault.Records, orgs []string, which string) error {
	id := which
	if rec := r.Find(which); rec != nil {
		switch {
		case rec.Kind == vault.PAT && rec.ServerID != "":
			id = rec.ServerID
		case rec.Kind == vault.PAT:
			return failed("revoke it in the portal: "+tokensPage(rec.Org)+"; then patrol logout "+rec.Org,
				"that token was made elsewhere, and patrol does not know its id on the server")
		default:
			return failed("patrol logout forgets it", "that is no personal access token; nothing on a server could be revoked")
		}
	}
	for _, org := range orgs {
		t, _, err := k.Known(ctx, org, id)
		if err != nil {
			return err
		}
		if t != nil {
			s.note("%s (%s) of %s is not active any more: it has expired or was revoked", t.DisplayName, t.AuthorizationID, t.Account)
			return nil
		}
	}
	return failed("patrol token list --server shows those there are", "no active token has the id or name %q", cred.Escape(which))
}

func (s *session) confirmRevoke(ctx context.Context, r *vault.Records, out *revokeReport, f *revokeFlags) error {
	if !s.json {
		s.showServer(out.Selected)
	}
	if f.yes {
		return nil
	}
	t, err := s.confirmer(f)
	if err != nil {
		return err
	}
	defer t.Close()
	question := "Revoke " + count(len(out.Selected), "token", "tokens") + "? What uses them stops working."
	if len(out.Selected) == 1 {
		question = "Revoke this token? What uses it stops working."
	}
	for _, org := range orgsInUse(out.Selected) {
		question += " Git gets a new one for " + org + "."
	}
	if s.mayBePasted(r, out.Selected) {
		question += " The one that you brought may be among them."
	}
	yes, err := t.Confirm(ctx, question)
	if err == nil && !yes {
		err = term.ErrCanceled
	}
	return err
}

// orgsInUse lists for which organisations Git uses one of the tokens now.
func orgsInUse(tokens []serverToken) (orgs []string) {
	for i := range tokens {
		if t := &tokens[i]; t.is("in use") && !slices.Contains(orgs, t.Org) {
			orgs = append(orgs, t.Org)
		}
	}
	return orgs
}

// mayBePasted reports whether one of the tokens may be one that the vault has
// without knowing its id.
func (s *session) mayBePasted(r *vault.Records, tokens []serverToken) bool {
	return slices.ContainsFunc(r.List, func(rec vault.Record) bool {
		return rec.Kind == vault.PAT && rec.ServerID == "" && rec.Answers() && slices.ContainsFunc(tokens, func(t serverToken) bool {
			return t.ID == "" && !t.mine && (t.Global || t.Org == rec.Org) && cred.EqualFold(t.Account, rec.Account)
		})
	})
}

func (s *session) revokeSelected(ctx context.Context, k *lifecycle.Keeper, out *revokeReport) error {
	var tokens []lifecycle.Listed
	for _, t := range out.Selected {
		tokens = append(tokens, t.listed)
	}
	stop := s.progress("revoking " + count(len(tokens), "token", "tokens") + " ...")
	revoked, queued, err := k.RevokeListed(ctx, tokens)
	stop()
	if err != nil {
		return err
	}
	for _, t := range out.Selected {
		if slices.ContainsFunc(revoked, func(l lifecycle.Listed) bool { return l.AuthorizationID == t.ServerID }) {
			out.Revoked = append(out.Revoked, t)
		}
	}
	out.Queued = s.tokens(queued)
	if len(queued) > 0 {
		s.code = max(s.code, helper.Failed)
	}
	if s.json {
		return s.printJSON(out)
	}
	for i := range out.Revoked {
		s.print("Revoked: %s.\n", out.Revoked[i].words())
	}
	for _, org := range orgsInUse(out.Revoked) {
		s.print("The next Git command for %s gets a new one.\n", org)
	}
	for _, t := range out.Queued {
		s.print("Not revoked yet: %s (%s) of %s: %s. A later run of patrol tries again.\n", t.Name, t.ServerID, t.Account, t.Reason)
	}
	return nil
}

// showSelected shows what would be revoked, or that there is nothing.
func (a *app) showSelected(out *revokeReport) error {
	switch {
	case a.json:
		return a.printJSON(out)
	case len(out.Selected) == 0:
		a.print("There is no such token to revoke.\n")
	default:
		a.showServer(out.Selected)
		a.print("%s would be revoked.\n", count(len(out.Selected), "token", "tokens"))
	}
	return nil
}

// completeToken completes the ids of the vault's tokens, when it is open.
func (a *app) completeToken(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	if s, err := a.session(cmd.Context(), false); err == nil && len(args) == 0 {
		if r, err := s.peek(cmd.Context()); err == nil {
			for i := range r.List {
				if rec := &r.List[i]; rec.Kind == vault.PAT && rec.ServerID != "" {
					ids = append(ids, rec.ServerID+"\t"+cred.Escape(describe(rec)))
				}
			}
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
