package doctor

import (
	"context"
	"errors"
	"fmt"

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
		Says: fmt.Sprintf("ask %s whose it is\nkeep it in the vault, unless it is dead or there is one already\n%s: %s\noffer to revoke it", l.Org, m.Short(l.Place), l.Becomes),
		Do:   func(ctx context.Context) (*Fix, error) { return m.move(ctx, l) },
	}
}

func (m *Machine) move(ctx context.Context, l Leak) (*Fix, error) {
	stop := m.Progress("asking " + l.Org + " about the token ...")
	who, err := m.Server.Connection(ctx, l.Org, azdo.PAT(l.Secret))
	stop()
	if errors.Is(err, azdo.ErrRefused) || errors.Is(err, azdo.ErrNoCredential) {
		if err := l.Remove(); err != nil {
			return nil, err
		}
		m.Say("%s does not accept it (any more), so it is only taken out of %s", l.Org, m.Short(l.Place))
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	r, k, err := m.Unlock(ctx)
	if err != nil {
		return nil, err
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
	return m.offerRevocation(ctx, k, l, who.Account)
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

// offerRevocation finds out which of the account's tokens the one is that lay
// in clear. The server does not tell; but if only one of those it lists can be
// meant, that is it.
func (m *Machine) offerRevocation(ctx context.Context, k *lifecycle.Keeper, l Leak, account string) (*Fix, error) {
	page := "https://" + helper.AzureHost + "/" + l.Org + "/_usersSettings/tokens"
	byHand := func(why string) (*Fix, error) {
		m.Say("%s, so revoke it yourself, as it lay in clear: patrol login %s for a new one, then %s", why, l.Org, page)
		return nil, nil
	}
	list, err := k.ServerTokens(ctx, l.Org, account)
	if errors.Is(err, lifecycle.ErrNobody) {
		return byHand("patrol keeps no sign-in of " + account)
	}
	if err != nil {
		return byHand(fmt.Sprintf("the server does not list the tokens of %s (%v)", account, err))
	}
	file, err := k.Vault.Load()
	if err != nil {
		return nil, err
	}
	records, err := file.Open(k.Key)
	if err != nil {
		return nil, err
	}
	may := candidates(records, list, l.Secret)
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
