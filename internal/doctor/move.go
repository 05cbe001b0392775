package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Move offers to take a secret of Azure DevOps from where it lies in clear into
// the vault: the organisation says whose it is, the vault keeps it unless it has
// one for that account, the place is rewritten, and its revocation is offered.
// It returns nil where the organisation is not known: nobody could be asked.
func (m *Machine) Move(l Leak) *Fix {
	if l.Org == "" || m.Offline || !l.Secret.IsSet() {
		return nil
	}
	return &Fix{
		Says: fmt.Sprintf("ask %s whose it is\nkeep it in the vault, unless there is one already\n%s: %s\n"+
			"it is taken out and not kept if %s refuses it: it is dead, or a rule of the network keeps it out\noffer to revoke it",
			l.Org, m.Short(l.Place), l.Becomes, l.Org),
		Do: func(ctx context.Context) (*Fix, error) { return m.move(ctx, l) },
	}
}

// ErrNotForGit says that Git has no use for a token, and something else seems to.
var ErrNotForGit = errors.New("the token is none for Git, so it stays where it is; nothing was changed")

func (m *Machine) move(ctx context.Context, l Leak) (*Fix, error) {
	stop := m.Progress("asking " + l.Org + " about the token ...")
	who, err := m.Server.Connection(ctx, l.Org, azdo.PAT(l.Secret))
	stop()
	if errors.Is(err, azdo.ErrRefused) || errors.Is(err, azdo.ErrNoCredential) {
		if err := l.Remove(); err != nil {
			return nil, err
		}
		why := "(any more)"
		if !errors.Is(err, azdo.ErrExpired) { // the one refusal that can be told apart
			why += " from here"
		}
		m.Say("%s does not accept it %s, so it is only taken out of %s", l.Org, why, m.Short(l.Place))
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	r, k, err := m.Unlock(ctx)
	if err != nil {
		return nil, err
	}
	may, listErr := m.onServer(ctx, k, l, who.Account)
	if scopes := noCode(may); scopes != "" {
		return nil, fmt.Errorf("%w: its scopes are %s", ErrNotForGit, cred.Escape(scopes))
	}
	t := helper.Target{Azure: true, Host: helper.AzureHost, Org: l.Org, Account: who.Account, HasAccount: true}
	if rec, err := helper.Pick(r, t, m.Now()); err == nil && rec != nil {
		m.Say("the vault has a token of %s for %s already", who.Account, l.Org)
	} else if err := m.keep(ctx, k, l, who.Account); err != nil {
		return nil, err
	} else {
		m.Say("the vault keeps the token of %s for %s", who.Account, l.Org)
	}
	if err := l.Remove(); err != nil {
		return nil, err
	}
	return m.offerRevocation(k, l, who.Account, may, listErr)
}

// noCode returns the scopes of the tokens that one may be, if none of them opens
// a repository; "" if one does, or nothing is known. See
// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/oauth#scopes.
func noCode(may []azdo.PATRecord) string {
	var all []string
	for _, t := range may {
		for _, s := range t.Scopes {
			if s == "app_token" || s == "vso.code" || strings.HasPrefix(s, "vso.code_") && s != "vso.code_status" {
				return ""
			}
		}
		all = append(all, t.Scopes...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// keep stores what the server has just accepted.
func (m *Machine) keep(ctx context.Context, k *lifecycle.Keeper, l Leak, account string) error {
	now := m.Now()
	rec := vault.Record{
		Kind: vault.PAT, Host: helper.AzureHost, Org: l.Org, Account: account, HasAccount: true, Created: now, Verified: now,
	}
	rec.SetSecrets(vault.Secrets{Secret: l.Secret})
	return k.Vault.Update(ctx, k.Key, func(r *vault.Records) error {
		return lifecycle.KeepPasted(r, rec, l.Secret, now)
	})
}

// onServer lists the account's tokens that the one may be that lay in clear:
// the server does not tell which it is. It takes a kept sign-in.
func (m *Machine) onServer(ctx context.Context, k *lifecycle.Keeper, l Leak, account string) ([]azdo.PATRecord, error) {
	list, err := k.ServerTokens(ctx, l.Org, account)
	if err != nil {
		return nil, err
	}
	file, err := k.Vault.Load()
	if err != nil {
		return nil, err
	}
	records, err := file.Open(k.Key)
	if err != nil {
		return nil, err
	}
	return candidates(records, list, l.Secret), nil
}

// offerRevocation offers to revoke what lay in clear, if only one of those that
// the server lists can be meant.
func (m *Machine) offerRevocation(k *lifecycle.Keeper, l Leak, account string, may []azdo.PATRecord, err error) (*Fix, error) {
	page := "https://" + helper.AzureHost + "/" + l.Org + "/_usersSettings/tokens"
	byHand := func(why string) (*Fix, error) {
		m.Say("%s, so revoke it yourself, as it lay in clear: patrol login %s for a new one, then %s", why, l.Org, page)
		return nil, nil
	}
	if errors.Is(err, lifecycle.ErrNobody) {
		return byHand("patrol keeps no sign-in of " + account)
	}
	if err != nil {
		return byHand(fmt.Sprintf("the server does not list the tokens of %s (%v)", account, err))
	}
	if len(may) != 1 {
		return byHand(fmt.Sprintf("the server lists %d tokens that it may be", len(may)))
	}
	token := may[0]
	return &Fix{
		Says: fmt.Sprintf("revoke on the server the token %s (%s), the only one it can be: whatever else uses it stops working",
			cred.Escape(token.DisplayName), token.AuthorizationID),
		Do: func(ctx context.Context) (*Fix, error) {
			return nil, k.RevokeFound(ctx, l.Org, account, token.AuthorizationID, l.Secret)
		},
	}, nil
}

// candidates are the tokens on the server that a secret may be of: made in the
// month that it tells, and not those the vault knows with another secret.
func candidates(r *vault.Records, list []azdo.PATRecord, secret cred.Secret) []azdo.PATRecord {
	others := map[string]bool{}
	for i := range r.List {
		rec := &r.List[i]
		secrets, err := r.Secrets(rec)
		if rec.ServerID != "" && (err != nil || !secrets.Secret.Equal(secret)) {
			others[rec.ServerID] = true
		}
	}
	info, _ := azdo.InspectPAT(secret)
	var may []azdo.PATRecord
	for _, token := range list {
		if !others[token.AuthorizationID] && info.MayBe(token) {
			may = append(may, token)
		}
	}
	return may
}
