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
		Short: "look after the tokens in the vault and on the server",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tokenListCommand(a), tokenShowCommand(a), tokenRotateCommand(a), tokenRevokeCommand(a))
	return cmd
}

func tokenListCommand(a *app) *cobra.Command {
	var server bool
	var orgs []string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the tokens in the vault, with their scopes and ids",
		Long: `List what patrol can give to Git: for whom, which scopes, made and expiring when,
and the id under which the server knows it; then what is still to be revoked.
The tokens themselves are not shown.

With --server, also list every token of the signed-in accounts that works on the
server, whoever made it, with marks: in use (Git gets it), to be revoked, being
made, orphan (patrol made it here, and the vault does not have it), old (made
more than 30 days ago), broad (full access, or a scope of high privilege),
global (for all organisations). patrol token revoke revokes them.`,
		Example: `  patrol token list
  patrol token list --server --org contoso
  patrol token list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.tokenList(cmd.Context(), server || len(orgs) > 0, orgs)
		},
	}
	cmd.Flags().BoolVar(&server, "server", false, "also list what is on the server")
	cmd.Flags().StringSliceVar(&orgs, "org", nil, "ask this `organisation`, with --server; may be repeated")
	return a.addJSON(cmd)
}

// tokenLists is what "token list" prints as JSON.
type tokenLists struct {
	Tokens  []token       `json:"tokens"`
	Queue   []token       `json:"queue"`
	Server  []serverToken `json:"server,omitempty"`
	Unasked []unasked     `json:"unasked,omitempty"`
}

func (a *app) tokenList(ctx context.Context, server bool, orgs []string) error {
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	r, err := s.open(ctx)
	if errors.Is(err, vault.ErrNone) && !server {
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
	out := tokenLists{Tokens: []token{}, Queue: []token{}}
	for i := range r.List {
		switch rec := &r.List[i]; {
		case rec.Answers():
			out.Tokens = append(out.Tokens, tokenJSON(rec, a.Now()))
		case queued(rec):
			out.Queue = append(out.Queue, tokenJSON(rec, a.Now()))
		}
	}
	if server {
		k, err := s.keeper(false)
		if err != nil {
			return err
		}
		if orgs, err = knownOrgs(r, orgs); err != nil {
			return err
		}
		if out.Server, out.Unasked, err = s.onServer(ctx, k, r, orgs); err != nil {
			return err
		}
	}
	if a.json {
		for _, u := range out.Unasked {
			a.code = max(a.code, u.code)
		}
		return a.printJSON(out)
	}
	a.showTokens(append(out.Tokens, out.Queue...))
	if server {
		a.print("\nOn the server:\n")
		a.showServer(out.Server)
		a.code = a.noteUnasked(out.Unasked)
	}
	return nil
}

func (a *app) showTokens(tokens []token) {
	var rows [][]string
	for _, t := range tokens {
		id := t.ServerID
		if id == "" {
			id = t.ID
		}
		rows = append(rows, []string{t.where(), t.Account, t.Kind, t.State, joinOr(t.Scopes, "unknown"), day(t.Created), expiryWords(t, a.Now()), id})
	}
	if len(rows) == 0 {
		a.print("There are no tokens.\n")
		return
	}
	a.table([]string{"FOR", "ACCOUNT", "KIND", "STATE", "SCOPES", "MADE", "EXPIRES", "ID"}, rows)
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
