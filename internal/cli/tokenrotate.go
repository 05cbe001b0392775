package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

func tokenRotateCommand(a *app) *cobra.Command {
	var all, dryRun bool
	cmd := &cobra.Command{
		Use:   "rotate [ID|ORG]",
		Short: "make a new token in place of the present one, now",
		Long: `Make a new token from the kept sign-in, verify it, and revoke the one it takes the
place of, all at once: for when a token may have been seen. (By itself patrol
renews a token before it ends, and leaves the old one a day.) The token is named
by its id, or by its organisation; without a name, the only one there is is meant.
Git notices nothing.

Exit codes: 0 done; 1 failed, or the old token could not be revoked yet and is in
the queue; 4 a sign-in is needed.`,
		Example:           "  patrol token rotate\n  patrol token rotate contoso\n  patrol token rotate --all --dry-run",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeToken,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return usage(cmd, errors.New("say either a name or --all"))
			}
			return a.tokenRotate(cmd.Context(), append(args, "")[0], all, dryRun)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every token that patrol made and gives to Git")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be rotated, and change nothing")
	return a.addJSON(cmd)
}

// rotated is what became of one token.
type rotated struct {
	Old    token  `json:"old"`
	New    *token `json:"new,omitempty"`
	Queued bool   `json:"queued"` // the old one is still to be revoked
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

func (a *app) tokenRotate(ctx context.Context, which string, all, dryRun bool) error {
	s, k, r, err := a.tokenSession(ctx)
	if err != nil {
		return err
	}
	chosen, err := toRotate(r, which, all)
	if err != nil {
		return err
	}
	out := []rotated{}
	for _, rec := range chosen {
		row := rotated{Old: tokenJSON(&rec, a.Now())}
		if !dryRun {
			err = s.rotateOne(ctx, k, rec, &row)
		}
		if err != nil {
			p := explain(err)
			if len(chosen) == 1 && !a.json {
				return p
			}
			row.Error, row.Hint = p.what, p.hint
			a.code = max(a.code, p.code)
		}
		out, err = append(out, row), nil
	}
	if a.json {
		return a.printJSON(struct {
			DryRun bool      `json:"dryRun"`
			Tokens []rotated `json:"tokens"`
		}{dryRun, out})
	}
	if dryRun {
		var tokens []token
		for _, row := range out {
			tokens = append(tokens, row.Old)
		}
		a.showTokens(tokens)
		a.print("%s would be rotated.\n", count(len(tokens), "token", "tokens"))
		return nil
	}
	for i := range out {
		a.showRotated(&out[i])
	}
	return nil
}

// rotateOne makes the successor, and revokes the token.
func (s *session) rotateOne(ctx context.Context, k *lifecycle.Keeper, rec vault.Record, row *rotated) error {
	stop := s.progress("making a new token for " + rec.Org + " ...")
	next, err := k.Rotate(ctx, rec.ID)
	stop()
	switch {
	case errors.Is(err, lifecycle.ErrNobody):
		return signIn("patrol login "+rec.Org, "no sign-in is kept for %s of %s; the token stays as it is", rec.Account, rec.Org)
	case errors.Is(err, helper.ErrNoRecord):
		return failed("patrol token list", "the token of %s was renewed, revoked or forgotten meanwhile", rec.Org)
	case err != nil:
		return explainFor(err, helper.Target{Azure: true, Org: rec.Org})
	}
	made := tokenJSON(next, s.Now())
	row.New = &made
	_ = k.Flush(ctx) // what it could not do shows in the vault
	r, err := s.records()
	if err != nil {
		return err
	}
	if row.Queued = r.Find(rec.ID) != nil; row.Queued {
		s.code = max(s.code, helper.Failed)
	}
	return nil
}

func (a *app) showRotated(row *rotated) {
	if row.New == nil {
		a.note("not rotated: the token of %s for %s: %s; %s", row.Old.Account, row.Old.Org, row.Error, row.Hint)
		return
	}
	a.print("Rotated: the %s of %s for %s; the new one %sexpires %s.\n", kindWords(row.New.Kind), row.New.Account, row.New.Org, spaced(row.New.ServerID), day(row.New.Expires))
	switch {
	case row.Queued:
		a.print("The old one, %s, is not revoked yet; a later run of patrol tries again. patrol status shows why.\n", row.Old.ServerID)
	case row.Old.ServerID != "":
		a.print("The old one, %s, is revoked.\n", row.Old.ServerID)
	}
}

func kindWords(kind string) string {
	if kind == string(vault.Entra) {
		return "access token"
	}
	return "token"
}

func spaced(word string) string {
	if word == "" {
		return ""
	}
	return word + " "
}

// toRotate returns the records that are meant: by id, by organisation, all that
// patrol made, or the only one.
func toRotate(r *vault.Records, which string, all bool) ([]vault.Record, error) {
	var ours []vault.Record
	for i := range r.List {
		rec := &r.List[i]
		if !rec.Answers() || rec.Org == "" || !rec.Suspect.IsZero() && rec.Verified.IsZero() {
			continue // not Git's, or the successor of another
		}
		named := rec.ID == which || rec.ServerID != "" && strings.EqualFold(rec.ServerID, which) || rec.Org == cred.Lower(which)
		if which != "" && !named {
			continue
		}
		if !lifecycle.Renewable(rec) {
			if named {
				return nil, failed("make a new one: "+tokensPage(rec.Org)+", then patrol login --pat "+rec.Org+"; or patrol login "+rec.Org+", if patrol may make tokens there",
					"the %s was not made by patrol, which cannot rotate it", describe(rec))
			}
			continue
		}
		ours = append(ours, *rec)
	}
	switch {
	case len(ours) == 0 && which != "":
		return nil, failed("patrol token list", "there is no token %q to rotate", cred.Escape(which))
	case len(ours) == 0:
		return nil, failed("patrol token list", "there is no token to rotate: patrol made none of those it has")
	case len(ours) > 1 && !all:
		var names []string
		for i := range ours {
			names = append(names, ours[i].ID+" ("+ours[i].Account+" for "+ours[i].Org+")")
		}
		return nil, failed("patrol token rotate "+ours[0].ID+", or --all", "there are several tokens: %s", strings.Join(names, ", "))
	}
	return ours, nil
}
