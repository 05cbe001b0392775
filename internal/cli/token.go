package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

func tokenCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "look after the tokens in the vault",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.addJSON(&cobra.Command{
		Use:   "list",
		Short: "list the tokens in the vault, with their scopes and ids",
		Long: `List what patrol can give to Git: for whom, which scopes, made and expiring when,
and the id under which the server knows it; then what is still to be revoked.
The tokens themselves are not shown.`,
		Example: `  patrol token list
  patrol token list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.tokenList(cmd.Context()) },
	}))
	return cmd
}

func (a *app) tokenList(ctx context.Context) error {
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	r, err := s.open(ctx)
	if errors.Is(err, vault.ErrNone) {
		r, err = &vault.Records{}, nil
	}
	if err != nil {
		return err
	}
	if helper.Waiting(r, a.Now()) || helper.Unsettled(r, a.Now()) {
		if r, err = s.flush(ctx); err != nil {
			return err
		}
	}
	var tokens, queue []token
	for i := range r.List {
		switch rec := &r.List[i]; {
		case rec.Answers():
			tokens = append(tokens, tokenJSON(rec, a.Now()))
		case queued(rec):
			queue = append(queue, tokenJSON(rec, a.Now()))
		}
	}
	if a.json {
		return a.printJSON(struct {
			Tokens []token `json:"tokens"`
			Queue  []token `json:"queue"`
		}{tokens, queue})
	}
	var rows [][]string
	for _, t := range append(tokens, queue...) {
		id := t.ServerID
		if id == "" {
			id = t.ID
		}
		rows = append(rows, []string{t.where(), t.Account, t.Kind, t.State, joinOr(t.Scopes, "unknown"), day(t.Created), expiryWords(t, a.Now()), id})
	}
	if len(rows) == 0 {
		a.print("There are no tokens.\n")
		return nil
	}
	a.table([]string{"FOR", "ACCOUNT", "KIND", "STATE", "SCOPES", "MADE", "EXPIRES", "ID"}, rows)
	return nil
}

// flush works off the queue and opens the vault again.
func (s *session) flush(ctx context.Context) (*vault.Records, error) {
	k, err := s.keeper(false)
	if err != nil {
		return nil, err
	}
	defer s.progress("revoking on the server ...")()
	_ = s.flushed(k.Flush(ctx))
	return s.open(ctx)
}

// queued reports whether a record is a token that is to be revoked, or one that
// may have been made and is to be looked for.
func queued(rec *vault.Record) bool {
	return rec.Kind == vault.PAT && !rec.Due.IsZero() || rec.Kind == vault.Intent
}
