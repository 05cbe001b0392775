package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

func tokenShowCommand(a *app) *cobra.Command {
	return a.addJSON(&cobra.Command{
		Use:   "show ID",
		Short: "show all that is known of one token, but the token",
		Long: `Show all that is known of one token: by its id in the vault, or by the one under
which the server knows it. A token that the vault does not have is looked for on
the server, with the sign-ins that are kept. The token itself is not shown.`,
		Example:           "  patrol token show 0c1d2e3f-4a5b-6c7d-8e9f-0a1b2c3d4e5f",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeToken,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.tokenShow(cmd.Context(), args[0]) },
	})
}

func (a *app) tokenShow(ctx context.Context, id string) error {
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	r, err := s.open(ctx)
	if errors.Is(err, vault.ErrNone) {
		err = signIn("patrol login ORG", "there is no vault yet, so there is no token")
	}
	if err != nil {
		return err
	}
	if rec := findToken(r, id); rec != nil {
		t := tokenJSON(rec, a.Now())
		if a.json {
			return a.printJSON(t)
		}
		a.showToken(&t)
		return nil
	}
	none := failed("patrol token list --server shows those there are", "there is no token with the id %q", cred.Escape(id))
	if !azdo.ValidID(id) {
		return none
	}
	k, err := s.keeper(false)
	if err != nil {
		return err
	}
	orgs, err := knownOrgs(r, nil)
	if err != nil {
		return err
	}
	defer s.progress("asking about the token ...")()
	for _, org := range orgs {
		listed, active, err := k.Known(ctx, org, id)
		if err != nil {
			return explainFor(err, helper.Target{Azure: true, Org: org})
		}
		if listed == nil {
			continue
		}
		t := judgeListed(r, *listed, s.vaultIDs(r), a.Now())
		if !active {
			t.Marks = []string{"expired or revoked"}
		}
		if a.json {
			return a.printJSON(t)
		}
		a.showFacts([][2]string{
			{"For", t.Org}, {"Account", t.Account}, {"Name", t.Name}, {"Made by", t.MadeBy}, {"Scopes", joinOr(t.Scopes, "unknown")},
			{"Made", day(t.Created)}, {"Expires", day(t.Expires)}, {"Marks", strings.Join(t.Marks, ", ")}, {"Id", t.ServerID},
		})
		return nil
	}
	return none
}

// findToken finds what Git can be given, or what is to be revoked, by either id.
func findToken(r *vault.Records, id string) *vault.Record {
	for i := range r.List {
		rec := &r.List[i]
		if (rec.Answers() || queued(rec)) && (rec.ID == id || rec.ServerID != "" && strings.EqualFold(rec.ServerID, id)) {
			return rec
		}
	}
	return nil
}

func (a *app) showToken(t *token) {
	facts := [][2]string{
		{"For", t.where()}, {"Account", t.Account}, {"Kind", t.Kind}, {"State", t.State}, {"Name", t.Name}, {"Scopes", joinOr(t.Scopes, "unknown")},
		{"Made", day(t.Created)}, {"Expires", expiryWords(*t, a.Now())}, {"Verified", day(t.Verified)}, {"Id", t.ServerID}, {"In the vault", t.ID},
	}
	if !t.Renews.IsZero() {
		facts = append(facts, [2]string{"Renewed", "from " + day(t.Renews)})
	}
	if !t.NextTry.IsZero() {
		facts = append(facts, [2]string{"Revoked", "from " + day(t.NextTry)})
	}
	if t.Tries > 0 {
		facts = append(facts, [2]string{"Trouble", tried(*t)})
	}
	a.showFacts(facts)
}

// showFacts prints what is known, one a line.
func (a *app) showFacts(facts [][2]string) {
	for _, f := range facts {
		if f[1] != "" {
			a.print("%-13s %s\n", f[0]+":", f[1])
		}
	}
}
