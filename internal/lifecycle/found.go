package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// MaxPATLife is the longest life Azure DevOps gives a personal access token.
// See https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate.
const MaxPATLife = 366 * 24 * time.Hour

// KeepPasted adds a token that was made elsewhere and that the server has just
// accepted, in place of its account's older ones. helper.ErrOrg: the
// organisation is not one that patrol may answer.
func KeepPasted(r *vault.Records, rec vault.Record, token cred.Secret, now time.Time) error {
	if !helper.Allowed(r, rec.Org) {
		return helper.ErrOrg
	}
	Replace(r, &rec, now)
	SignedIn(r, rec.Org)
	until := rec.Expires
	if until.IsZero() {
		until = now.Add(MaxPATLife)
	}
	r.Remember(token, until, now)
	r.Add(rec)
	return nil
}

// ServerTokens lists the active tokens of an account in an organisation, with a
// kept sign-in of it. ErrNobody: there is none.
func (k *Keeper) ServerTokens(ctx context.Context, org, account string) ([]azdo.PATRecord, error) {
	s, err := k.signedInAs(ctx, org, account)
	if err != nil {
		return nil, err
	}
	list, err := k.Server.ListPATs(ctx, org, azdo.Bearer(s.token), azdo.FilterActive)
	return list.Records, err
}

// RevokeFound revokes a token of an account by its id on the server, with a
// kept sign-in. A record with its secret, if there is one, goes too.
func (k *Keeper) RevokeFound(ctx context.Context, org, account, id string, secret cred.Secret) error {
	s, err := k.signedInAs(ctx, org, account)
	if err != nil {
		return err
	}
	if _, err := k.Server.RevokePAT(ctx, org, azdo.Bearer(s.token), id); err != nil && !errors.Is(err, azdo.ErrNoToken) {
		return err
	}
	return k.update(ctx, func(r *vault.Records) error {
		n := r.Delete(func(rec *vault.Record) bool {
			if rec.Kind != vault.PAT || rec.Org != org || !rec.Due.IsZero() {
				return false
			}
			secrets, err := r.Secrets(rec)
			return rec.ServerID == id || err == nil && secret.IsSet() && secrets.Secret.Equal(secret)
		})
		if n == 0 {
			return vault.ErrUnchanged
		}
		return nil
	})
}

// signedInAs uses the kept sign-in of an account, if there is one.
func (k *Keeper) signedInAs(ctx context.Context, org, account string) (signedIn, error) {
	r, err := k.read()
	if err != nil {
		return signedIn{}, err
	}
	for i := range r.List {
		rec := &r.List[i]
		if rec.Kind == vault.Refresh && rec.Due.IsZero() && cred.EqualFold(rec.Account, account) {
			return k.silently(ctx, vault.Record{Org: org, Account: account, Tenant: pinned(r, org)})
		}
	}
	return signedIn{}, ErrNobody
}
