package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// oldToken is from which age on a token is marked as old: the life that the portal
// gives one by default. See
// https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
const oldToken = 30 * 24 * time.Hour

// serverToken is a token as a server lists it, and what we make of it.
type serverToken struct {
	ServerID string    `json:"authorizationId"`
	Name     string    `json:"name"`
	Org      string    `json:"organization"` // where it was listed
	Account  string    `json:"account"`
	Scopes   []string  `json:"scopes"`
	Global   bool      `json:"allOrganizations"`
	Created  time.Time `json:"created,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
	MadeBy   string    `json:"madeBy"` // as the name suggests
	Marks    []string  `json:"marks"`  // in use, to be revoked, being made, orphan, old, broad, global
	ID       string    `json:"id,omitempty"`

	listed lifecycle.Listed
	mine   bool // made by a patrol of this home
}

// unasked is an organisation that could not be asked.
type unasked struct {
	Org     string `json:"organization"`
	Account string `json:"account,omitempty"`
	Error   string `json:"error"`
	Hint    string `json:"hint"`
	code    int
}

// onServer asks the organisations, those named or all that the vault has something
// for, which tokens of the signed-in accounts are active.
func (s *session) onServer(ctx context.Context, k *lifecycle.Keeper, r *vault.Records, orgs []string) ([]serverToken, []unasked, error) {
	defer s.progress("asking which tokens there are ...")()
	list, failed, err := k.ListServer(ctx, orgs)
	if err != nil {
		return nil, nil, err
	}
	mine := s.vaultIDs(r)
	var tokens []serverToken
	for _, t := range list {
		tokens = append(tokens, judgeListed(r, t, mine, s.Now()))
	}
	var not []unasked
	for _, f := range failed {
		not = append(not, notAsked(f))
	}
	return tokens, not, nil
}

// inVault lists what the vault knows of tokens in the organisations that cannot be
// reached now. Where a sign-in is needed, nothing could be revoked later either.
func (s *session) inVault(r *vault.Records, not []unasked) (tokens []serverToken) {
	mine := s.vaultIDs(r)
	for i := range r.List {
		rec := &r.List[i]
		lost := slices.ContainsFunc(not, func(u unasked) bool {
			return u.Org == rec.Org && u.code == helper.Failed && (u.Account == "" || cred.EqualFold(u.Account, rec.Account))
		})
		if !lost || rec.Kind != vault.PAT || rec.ServerID == "" || rec.Dead(s.Now()) {
			continue
		}
		t := lifecycle.Listed{Org: rec.Org, Account: rec.Account, Tenant: rec.Tenant}
		t.AuthorizationID, t.DisplayName, t.Scopes, t.Created, t.Expires = rec.ServerID, rec.Name, strings.Fields(rec.Scopes), rec.Created, rec.Expires
		tokens = append(tokens, judgeListed(r, t, mine, s.Now()))
	}
	return tokens
}

func notAsked(f lifecycle.Unlisted) unasked {
	p := explain(explainFor(f.Err, helper.Target{Azure: true, Org: f.Org}))
	if errors.Is(f.Err, lifecycle.ErrNobody) {
		p = &problem{"no sign-in is kept for " + f.Org, "patrol login " + f.Org, helper.SignIn}
	}
	return unasked{f.Org, f.Account, p.what, p.hint, p.code}
}

// knownOrgs takes the names of organisations, by default all that the vault has
// something for, or a sign-in.
func knownOrgs(r *vault.Records, named []string) ([]string, error) {
	if len(named) == 0 {
		named = append(organisations(r), lifecycle.Pinned(r)...)
		slices.Sort(named)
		if named = slices.Compact(named); len(named) == 0 {
			return nil, signIn("patrol login ORG, or name one: --org ORG", "there is no organisation to ask")
		}
		return named, nil
	}
	var orgs []string
	for _, name := range named {
		t, err := azureTarget(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(orgs, t.Org) {
			orgs = append(orgs, t.Org)
		}
	}
	return orgs, nil
}

// vaultIDs are the ids of this vault and of those that were set aside here.
func (s *session) vaultIDs(r *vault.Records) []string {
	ids := []string{r.ID}
	asides, _ := s.vault.Asides() // one that cannot be read has no id
	for _, a := range asides {
		ids = append(ids, a.ID)
	}
	return ids
}

func judgeListed(r *vault.Records, t lifecycle.Listed, mine []string, now time.Time) serverToken {
	machine, vaultID := lifecycle.Made(t.DisplayName)
	out := serverToken{
		ServerID: t.AuthorizationID, Name: t.DisplayName, Org: t.Org, Account: t.Account, Scopes: append([]string{}, t.Scopes...),
		Global: t.Global, Created: t.Created, Expires: t.Expires, Marks: []string{}, listed: t, mine: slices.Contains(mine, vaultID),
	}
	switch {
	case out.mine:
		out.MadeBy = "patrol, here"
	case vaultID != "":
		out.MadeBy = "patrol on " + machine
	case strings.HasPrefix(t.DisplayName, "Git: "): // https://github.com/git-ecosystem/git-credential-manager
		out.MadeBy = "Git Credential Manager"
	default:
		out.MadeBy = "portal or other"
	}
	known := ""
	for i := range r.List {
		switch rec := &r.List[i]; {
		case rec.Kind == vault.PAT && rec.ServerID == t.AuthorizationID:
			if out.ID, known = rec.ID, "in use"; lifecycle.Queued(rec) {
				known = "to be revoked"
			}
		case rec.Kind == vault.Intent && rec.Name == t.DisplayName:
			known = "being made"
		}
	}
	if known == "" && out.mine {
		known = "orphan"
	}
	for mark, is := range map[string]bool{
		known: known != "", "old": olderThan(t.Created, oldToken, now), "broad": azdo.HighPrivilege(t.Scopes) != "", "global": t.Global,
	} {
		if is {
			out.Marks = append(out.Marks, mark)
		}
	}
	slices.Sort(out.Marks)
	return out
}

func olderThan(created time.Time, age time.Duration, now time.Time) bool {
	return !created.IsZero() && now.Sub(created) > age
}

func (t *serverToken) is(mark string) bool { return slices.Contains(t.Marks, mark) }

// words names the token in a sentence.
func (t *serverToken) words() string {
	return cred.Escape(t.Name) + " (" + t.ServerID + ") of " + cred.Escape(t.Account)
}

func (a *app) showServer(tokens []serverToken) {
	var rows [][]string
	for i := range tokens {
		t := &tokens[i]
		where := t.Org
		if t.Global {
			where = "all"
		}
		rows = append(rows, []string{
			t.Name, where, t.Account, joinOr(t.Scopes, "unknown"), dayOnly(t.Created), dayOnly(t.Expires), t.MadeBy, strings.Join(t.Marks, ", "), t.ServerID,
		})
	}
	a.table([]string{"NAME", "FOR", "ACCOUNT", "SCOPES", "MADE", "EXPIRES", "MADE BY", "MARKS", "ID"}, rows)
}

func dayOnly(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format(time.DateOnly)
}

// noteUnasked says which organisations could not be asked, and returns the exit
// code for that.
func (a *app) noteUnasked(not []unasked) int {
	code := helper.Done
	for _, u := range not {
		who := u.Org
		if u.Account != "" {
			who += " as " + u.Account
		}
		a.note("could not ask %s: %s; %s", who, u.Error, u.Hint)
		code = max(code, u.code)
	}
	return code
}
