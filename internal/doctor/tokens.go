package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// tokenChecks are about the tokens in the vault and on the server.
func tokenChecks() []Check {
	return []Check{{
		ID:    "global-token",
		Title: "a token for all organisations",
		Why: "It opens everything its owner can reach, and from 1 December 2026 it opens nothing: Azure DevOps ends tokens of all " +
			"organisations on that day.", // https://devblogs.microsoft.com/devops/retirement-of-global-personal-access-tokens-in-azure-devops
		Remedy:   "make one for each organisation (patrol login ORG), then revoke it in the portal",
		Severity: High,
		Online:   true,
		Find:     findGlobal,
	}, {
		ID:       "broad-token",
		Title:    "a token that can do more, or lives longer, than Git needs",
		Why:      "Whoever finds it can do all of that for as long. Git needs vso.code_write, and patrol makes such tokens for a week.",
		Remedy:   "patrol login ORG makes a narrow one; revoke this one in the portal when nothing else uses it",
		Severity: Low,
		Online:   true,
		Find:     findBroad,
	}, {
		ID:       "orphan-token",
		Title:    "a token that patrol made and that no vault has",
		Why:      "It still opens the organisation, and nothing of yours uses it.",
		Severity: Medium,
		Online:   true,
		Find:     findOrphans,
	}, {
		ID:       "queue-stuck",
		Title:    "a token could not be revoked for hours",
		Why:      "It was replaced or logged out of, and still opens the organisation.",
		Remedy:   "patrol login ORG, as that account; the next run revokes it",
		Severity: Medium,
		Find:     findStuck,
	}, {
		ID:       "user-no-account",
		Title:    "Git asks for an account that patrol has nothing of",
		Why:      "Each Git operation there asks for a new sign-in, or fails.",
		Remedy:   "git config --global --unset credential.URL.username, or sign in as that account: patrol login ORG",
		Severity: Medium,
		Find:     findUserNoAccount,
	}}
}

// serverToken is one that the server lists.
type serverToken struct {
	azdo.PATRecord
	org, account string
}

func (t serverToken) name() string {
	return fmt.Sprintf("%q (%s) of %s", t.DisplayName, t.AuthorizationID, t.account)
}

// listed asks the server for the tokens of each account with a kept sign-in, in
// each organisation that the vault has a token for. It asks once per run.
func (m *Machine) listed(ctx context.Context) ([]serverToken, error) {
	if m.listing == nil {
		tokens, err := m.list(ctx)
		m.listing = &listing{tokens, err}
	}
	return m.listing.tokens, m.listing.err
}

// listing is what the server listed, or why it did not.
type listing struct {
	tokens []serverToken
	err    error
}

func (m *Machine) list(ctx context.Context) ([]serverToken, error) {
	r, err := m.records()
	if err != nil {
		return nil, err
	}
	k, err := m.Keeper()
	if err != nil {
		return nil, err
	}
	var list []serverToken
	var failed error
	asked := map[[2]string]bool{}
	for i := range r.List {
		rec := &r.List[i]
		who := [2]string{rec.Org, cred.Lower(rec.Account)}
		if rec.Org == "" || rec.Account == "" || !rec.Ours() || !rec.Answers() || asked[who] {
			continue
		}
		asked[who] = true
		tokens, err := k.ServerTokens(ctx, rec.Org, rec.Account)
		if err != nil && !errors.Is(err, lifecycle.ErrNobody) { // a pasted token; its owner alone can list
			failed = errors.Join(failed, fmt.Errorf("%s: %w", rec.Org, err))
		}
		for _, t := range tokens {
			list = append(list, serverToken{t, rec.Org, rec.Account})
		}
	}
	return list, failed
}

// records is the open vault; none is as good as an empty one.
func (m *Machine) records() (*vault.Records, error) {
	switch {
	case m.Records != nil:
		return m.Records, nil
	case errors.Is(m.Closed, vault.ErrNone):
		return &vault.Records{}, nil
	case errors.Is(m.Closed, vault.ErrLocked), errors.Is(m.Closed, vault.ErrNoKey), errors.Is(m.Closed, vault.ErrNoSource):
		return nil, errLocked
	}
	return nil, m.Closed
}

func findGlobal(ctx context.Context, m *Machine) ([]Finding, error) {
	list, err := m.listed(ctx)
	var found []Finding
	seen := map[string]bool{}
	for _, t := range list {
		if t.Global && !seen[t.AuthorizationID] { // each organisation lists it
			seen[t.AuthorizationID] = true
			found = append(found, Finding{Where: t.org, What: "the token " + t.name() + " is good for all organisations"})
		}
	}
	return found, err
}

// longLife is how long a token may live before that is worth a word: the
// portal's own default.
const longLife = 31 * 24 * time.Hour

func findBroad(ctx context.Context, m *Machine) ([]Finding, error) {
	list, err := m.listed(ctx)
	var found []Finding
	for _, t := range list {
		var why []string
		switch scope := azdo.HighPrivilege(t.Scopes); scope {
		case "":
		case "app_token", "user_impersonation":
			why = append(why, "may do all that its owner may")
		default:
			why = append(why, "has the scope "+scope)
		}
		if life := t.Expires.Sub(t.Created); !t.Created.IsZero() && life > longLife {
			why = append(why, fmt.Sprintf("lives %d days, until %s", int(life.Hours()/24), t.Expires.Format(time.DateOnly)))
		}
		if len(why) > 0 && !t.Global {
			found = append(found, Finding{Where: t.org, What: "the token " + t.name() + " " + strings.Join(why, " and ")})
		}
	}
	return found, err
}

func findOrphans(ctx context.Context, m *Machine) ([]Finding, error) {
	list, err := m.listed(ctx)
	if len(list) == 0 {
		return nil, err
	}
	known := map[string]bool{}
	for i := range m.Records.List {
		rec := &m.Records.List[i]
		known[rec.ServerID] = rec.ServerID != ""
		known[rec.Name] = rec.Name != "" // an intent: it is looked for anyway
	}
	var found []Finding
	for _, t := range list {
		// The display name ends in the vault's id and a nonce: no other vault's.
		if !strings.HasPrefix(t.DisplayName, "patrol ") || !strings.Contains(t.DisplayName, " "+m.Records.ID+"-") ||
			known[t.AuthorizationID] || known[t.DisplayName] {
			continue
		}
		found = append(found, Finding{
			Where: t.org, What: "the token " + t.name() + " is not in the vault that made it",
			Fix: &Fix{
				Says: "revoke on the server the token " + t.name(),
				Do: func(ctx context.Context) (*Fix, error) {
					k, err := m.Keeper()
					if err != nil {
						return nil, err
					}
					return nil, k.RevokeFound(ctx, t.org, t.account, t.AuthorizationID, cred.Secret{})
				},
			},
		})
	}
	return found, err
}

func findStuck(_ context.Context, m *Machine) ([]Finding, error) {
	r, err := m.records()
	if err != nil {
		return nil, err
	}
	var found []Finding
	const many = 8 // with the queue's growing pauses, a minute, two, four ..., more than two hours
	for i := range r.List {
		if rec := &r.List[i]; lifecycle.Queued(rec) && rec.Tries >= many && !rec.Dead(m.Now()) {
			found = append(found, Finding{Where: rec.Org, What: fmt.Sprintf("the token %s of %s was tried %d times: %s", rec.ServerID, rec.Account, rec.Tries, rec.Reason)})
		}
	}
	return found, nil
}

// findUserNoAccount looks at credential.<url>.username for Azure: a sign-in
// name there counts for every repository.
func findUserNoAccount(_ context.Context, m *Machine) ([]Finding, error) {
	r, err := m.records()
	if err != nil {
		return nil, err
	}
	accounts := map[string]bool{}
	for i := range r.List {
		accounts[cred.Lower(r.List[i].Account)] = true
	}
	var found []Finding
	seen := map[string]bool{}
	for _, t := range m.asked("username") {
		e, ok := m.Config.Credential(t, "username")
		if !ok || !strings.Contains(e.Value, "@") || len(azdo.FindPATs([]byte(e.Value))) > 0 || accounts[cred.Lower(e.Value)] || seen[e.Origin+e.Key] {
			continue
		}
		seen[e.Origin+e.Key] = true
		found = append(found, Finding{Where: m.origin(e), What: SafeKey(e.Key) + " is " + e.Value})
	}
	return found, nil
}
