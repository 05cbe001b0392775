package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// What Policy records say, by their Name.
const (
	tenantPolicy = "tenant"  // of an organisation: which tenant it belongs to
	patPolicy    = "pat"     // of an organisation: why it gives out no PAT, until when
	signInPolicy = "sign-in" // of a tenant: no new window until then

	waitPolicy = "wait" // of an organisation: a server asked not to come back before

	signedOutPolicy = "signed out" // of an organisation: only login makes a new token
)

// longestWait bounds how long Git is kept from a server that said when to come
// back: a person looks at it then.
const longestWait = 15 * time.Minute

// Busy says that a server asked to wait, and the wait is not over.
type Busy struct {
	Org, Reason string
	Until       time.Time
}

// Error implements error.
func (e *Busy) Error() string { return e.Reason }

// busy returns what a server asked for, of whichever process.
func (k *Keeper) busy(r *vault.Records, org string) error {
	if p := policy(r, waitPolicy, org, ""); p != nil && k.Now().Before(p.Until) && p.Until.Before(k.Now().Add(longestWait+time.Minute)) {
		return &Busy{org, p.Reason, p.Until}
	}
	return nil
}

// noteBusy tells the other processes for how long a server asked to wait.
func (k *Keeper) noteBusy(ctx context.Context, org string, failure error) error {
	wait := min(asked(failure), longestWait)
	if wait <= 0 {
		return failure
	}
	return errors.Join(failure, k.update(ctx, func(r *vault.Records) error {
		setPolicy(r, vault.Record{Name: waitPolicy, Org: org, Until: k.Now().Add(wait), Reason: failure.Error()})
		return nil
	}))
}

func policy(r *vault.Records, name, org, tenant string) *vault.Record {
	for i := range r.List {
		rec := &r.List[i]
		if rec.Kind == vault.Policy && rec.Name == name && rec.Org == org && (org != "" || rec.Tenant == tenant) {
			return rec
		}
	}
	return nil
}

func setPolicy(r *vault.Records, rec vault.Record) {
	dropPolicy(r, rec.Name, rec.Org, rec.Tenant)
	rec.Kind = vault.Policy
	r.Add(rec)
}

func dropPolicy(r *vault.Records, name, org, tenant string) {
	r.Delete(func(rec *vault.Record) bool {
		return rec.Kind == vault.Policy && rec.Name == name && rec.Org == org && (org != "" || rec.Tenant == tenant)
	})
}

// pinned is the tenant an organisation was signed in to, or "".
func pinned(r *vault.Records, org string) string {
	if p := policy(r, tenantPolicy, org, ""); p != nil {
		return p.Tenant
	}
	return ""
}

// markSignedOut notes that a person has logged out of an organisation, all of it or
// as one account. Git alone does not sign in to it again.
func markSignedOut(r *vault.Records, org, account string) {
	if account == "" {
		SignedIn(r, org)
	}
	r.Add(vault.Record{Kind: vault.Policy, Name: signedOutPolicy, Org: org, Account: account, HasAccount: account != ""})
}

// SignedIn takes that back.
func SignedIn(r *vault.Records, org string) { dropPolicy(r, signedOutPolicy, org, "") }

// signedOut reports whether a person has logged out of an organisation, or as
// the account that is meant.
func signedOut(r *vault.Records, org, account string) bool {
	for i := range r.List {
		rec := &r.List[i]
		if rec.Kind == vault.Policy && rec.Name == signedOutPolicy && rec.Org == org && (rec.Account == "" || cred.EqualFold(rec.Account, account)) {
			return true
		}
	}
	return false
}

// Verdict says why an organisation gives out no personal access tokens, and how
// long that is remembered; "" when it does, or nothing is known.
func Verdict(r *vault.Records, org string, now time.Time) (reason string, until time.Time) {
	if p := policy(r, patPolicy, org, ""); p != nil && now.Before(p.Until) {
		return p.Reason, p.Until
	}
	return "", time.Time{}
}
