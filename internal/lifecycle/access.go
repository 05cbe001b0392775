package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/vault"
)

// EntraHost is under which host sign-ins are kept.
const EntraHost = "login.microsoftonline.com"

// signedIn is an access token of Entra and whose it is.
type signedIn struct {
	token   cred.Secret
	expires time.Time
	account string
	tenant  string
	skew    time.Duration // how far the servers' clock is ahead of ours
}

// access returns an access token for the tenant of an organisation: from the
// refresh token, else from a person. claims is what a resource asked to be
// proved.
func (k *Keeper) access(ctx context.Context, t helper.Target, claims string) (signedIn, error) {
	r, err := k.read()
	if err != nil {
		return signedIn{}, err
	}
	if !k.Person && !k.revoking && !signedInAnywhere(r) {
		return signedIn{}, ErrNobody
	}
	tenant := pinned(r, t.Org)
	if k.tenant != "" {
		tenant = k.tenant // of the token, wherever its organisation belongs by now
	}
	if tenant == "" || k.Insist {
		// Only a person's own login may move an organisation to another tenant.
		found, err := oauth.DiscoverTenant(ctx, k.OAuth, t.Org)
		if err != nil {
			return signedIn{}, err
		}
		tenant = found
	}
	unlock, err := k.lock(ctx, "tenant-"+tenant+".lock")
	if err != nil {
		return signedIn{}, err
	}
	defer unlock()
	provider, err := oauth.Entra(tenant, k.ClientID)
	if err != nil {
		return signedIn{}, err
	}
	client, err := oauth.New(provider, k.OAuth)
	if err != nil {
		return signedIn{}, err
	}
	if !k.Insist || claims != "" {
		s, err := k.refresh(ctx, client, tenant, t, claims)
		if !errors.Is(err, errNoSignIn) {
			return s, err
		}
	}
	return k.ask(ctx, client, tenant, t, claims)
}

// errNoSignIn: there is no refresh token that still works.
var errNoSignIn = errors.New("no sign-in is kept")

// refresh uses the kept refresh token. The caller holds the tenant's lock, so
// what is read here is what the last holder stored.
func (k *Keeper) refresh(ctx context.Context, client *oauth.Client, tenant string, t helper.Target, claims string) (signedIn, error) {
	r, err := k.read()
	if err != nil {
		return signedIn{}, err
	}
	rec := k.findSignIn(r, tenant, cmp.Or(t.Account, k.prefer))
	if rec == nil {
		return signedIn{}, errNoSignIn
	}
	secrets, err := r.Secrets(rec)
	if err != nil {
		return signedIn{}, errors.Join(errNoSignIn, k.forget(ctx, rec.ID))
	}
	// It may be good for a single use: where its successor could not be stored, on
	// a full disk, it is not used up.
	if err := k.update(ctx, func(*vault.Records) error { return nil }); err != nil {
		return signedIn{}, err
	}
	tokens, err := client.Refresh(ctx, secrets.Secret, claims)
	if errors.Is(err, oauth.ErrSignIn) {
		return signedIn{}, errors.Join(errNoSignIn, k.over(ctx, rec.ID, err))
	}
	if err != nil {
		return signedIn{}, err
	}
	s := signedIn{tokens.Access, tokens.Expires, rec.Account, tenant, tokens.Skew}
	if !tokens.Rotated {
		return s, nil
	}
	return s, k.update(ctx, func(r *vault.Records) error {
		rec := r.Find(rec.ID)
		if rec == nil {
			return vault.ErrUnchanged // logged out meanwhile
		}
		rec.SetSecrets(vault.Secrets{Secret: tokens.Refresh})
		rec.Verified = k.Now()
		return nil
	})
}

// findSignIn returns the sign-in of a tenant, of one account when one is named.
// After logout a sign-in is good for revoking only.
func (k *Keeper) findSignIn(r *vault.Records, tenant, account string) *vault.Record {
	for i := range r.List {
		rec := &r.List[i]
		if rec.Kind == vault.Refresh && rec.Reason == "" && rec.Tenant == tenant && (rec.Due.IsZero() || k.revoking) && (account == "" || cred.EqualFold(rec.Account, account)) {
			return rec
		}
	}
	return nil
}

// signedInAnywhere reports whether any sign-in could be renewed.
func signedInAnywhere(r *vault.Records) bool {
	for i := range r.List {
		if rec := &r.List[i]; rec.Kind == vault.Refresh && rec.Reason == "" && rec.Due.IsZero() {
			return true
		}
	}
	return false
}

// SignedInSomewhere reports whether any sign-in is kept, be it over.
func SignedInSomewhere(r *vault.Records) bool {
	return r != nil && slices.ContainsFunc(r.List, func(rec vault.Record) bool { return rec.Kind == vault.Refresh && rec.Due.IsZero() })
}

func (k *Keeper) forget(ctx context.Context, id string) error {
	return k.update(ctx, func(r *vault.Records) error {
		r.Delete(func(rec *vault.Record) bool { return rec.ID == id })
		return nil
	})
}

// over takes the secret of a sign-in that the provider has ended, and keeps why:
// it may be that nobody is there to be told now.
func (k *Keeper) over(ctx context.Context, id string, ended error) error {
	return k.update(ctx, func(r *vault.Records) error {
		rec := r.Find(id)
		if rec == nil {
			return vault.ErrUnchanged
		}
		rec.Reason = why(ended)
		rec.SetSecrets(vault.Secrets{})
		if !rec.Due.IsZero() { // it was kept to revoke with
			r.Delete(func(rec *vault.Record) bool { return rec.ID == id })
		}
		return nil
	})
}

// why says in words why a sign-in has ended, and then in the provider's.
func why(ended error) string {
	var e *oauth.Error
	if errors.As(ended, &e) {
		return e.Advice() + "; " + e.Error()
	}
	return ended.Error()
}

// sayOver tells the person why there is no sign-in any more.
func (k *Keeper) sayOver(r *vault.Records, tenant, account string) {
	for i := range r.List {
		rec := &r.List[i]
		if rec.Kind == vault.Refresh && rec.Reason != "" && rec.Tenant == tenant && (account == "" || cred.EqualFold(rec.Account, account)) {
			k.Say("the sign-in of %s is over: %s", rec.Account, rec.Reason)
			return
		}
	}
}

// ask lets a person sign in, and keeps the sign-in.
func (k *Keeper) ask(ctx context.Context, client *oauth.Client, tenant string, t helper.Target, claims string) (signedIn, error) {
	r, err := k.read()
	if err != nil {
		return signedIn{}, err
	}
	k.sayOver(r, tenant, cmp.Or(t.Account, k.prefer))
	if !k.Person {
		return signedIn{}, ErrNobody
	}
	if p := policy(r, signInPolicy, "", tenant); p != nil && k.Now().Before(p.Until) && !k.Insist {
		return signedIn{}, ErrCooling
	}
	tokens, err := client.SignIn(ctx, oauth.SignIn{
		Account: t.Account, LoginHint: cmp.Or(t.Account, k.prefer), Prompt: "select_account", Claims: claims, Browser: k.Browser, Show: k.Show,
	})
	if err != nil {
		var failed *oauth.Error
		if errors.As(err, &failed) && failed.Kind != oauth.ErrListen && failed.Kind != oauth.ErrProvider {
			// Whoever waits for the lock would open the next window.
			err = errors.Join(err, k.coolDown(ctx, tenant))
		}
		return signedIn{}, err
	}
	s := signedIn{tokens.Access, tokens.Expires, tokens.Identity.Account, tenant, tokens.Skew}
	return s, k.update(ctx, func(r *vault.Records) error {
		dropPolicy(r, signedOutPolicy, t.Org, "")
		setPolicy(r, vault.Record{Name: tenantPolicy, Org: t.Org, Tenant: tenant})
		dropPolicy(r, signInPolicy, "", tenant)
		if !tokens.Refresh.IsSet() {
			return nil
		}
		r.Delete(func(rec *vault.Record) bool {
			return rec.Kind == vault.Refresh && rec.Tenant == tenant && cred.EqualFold(rec.Account, s.account)
		})
		rec := vault.Record{
			Kind: vault.Refresh, Host: EntraHost, Tenant: tenant, Account: s.account, HasAccount: true,
			Created: k.Now(), Verified: k.Now(),
		}
		rec.SetSecrets(vault.Secrets{Secret: tokens.Refresh})
		r.Add(rec)
		return nil
	})
}

func (k *Keeper) coolDown(ctx context.Context, tenant string) error {
	return k.update(ctx, func(r *vault.Records) error {
		setPolicy(r, vault.Record{Name: signInPolicy, Tenant: tenant, Until: k.Now().Add(coolDown), Reason: "a sign-in came to nothing"})
		return nil
	})
}
