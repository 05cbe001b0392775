package lifecycle

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// issue stores a PAT for the organisation, or where policy refuses PATs the
// access token itself, and returns the id of the record.
func (k *Keeper) issue(ctx context.Context, org string, s signedIn) (string, error) {
	r, err := k.read()
	if err != nil {
		return "", err
	}
	if reason, _ := Verdict(r, org, k.Now()); k.Choice == OnlyEntra || k.Choice == Auto && reason != "" && !k.Insist && !k.renewsPAT() {
		return k.keepEntra(ctx, org, s)
	}
	id, err := k.sweepAndMint(ctx, r, org, s)
	if errors.Is(err, azdo.ErrUnknownOutcome) || errors.Is(err, azdo.ErrOrphan) {
		// What was made without our learning of it goes, and one more try is due.
		if r, err = k.read(); err == nil {
			id, err = k.sweepAndMint(ctx, r, org, s)
		}
	}
	if err == nil || k.Choice == OnlyPAT || k.renewsPAT() {
		return id, err // a token that still works is better than what would take its place
	}
	reason, lasting := whyNoPAT(err)
	if reason == "" {
		return "", err
	}
	if last := policy(r, patPolicy, org, ""); last == nil || last.Reason != reason || k.Insist {
		k.Say("%s gives out no personal access token (%s); Git gets an access token of Microsoft Entra instead", org, reason)
	}
	if lasting {
		err = k.update(ctx, func(r *vault.Records) error {
			setPolicy(r, vault.Record{Name: patPolicy, Org: org, Tenant: s.tenant, Reason: reason, Until: k.Now().Add(verdictLife)})
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return k.keepEntra(ctx, org, s)
}

// sweepAndMint makes a PAT once nothing of earlier runs is left on the server.
func (k *Keeper) sweepAndMint(ctx context.Context, r *vault.Records, org string, s signedIn) (string, error) {
	if err := k.sweep(ctx, r, org, s); err != nil {
		return "", err
	}
	if err := k.makeRoom(ctx, org, s); err != nil {
		return "", err
	}
	return k.mint(ctx, org, s)
}

// whyNoPAT says why a token could not be made, if that is the server's last
// word or a fault of its PAT service alone; "" where the request is at fault.
func whyNoPAT(err error) (reason string, lasting bool) {
	var declined *azdo.PATError
	if errors.As(err, &declined) {
		who := map[azdo.PATGroup]string{
			azdo.GroupOrganization: "a policy of the organisation, which its administrators can change",
			azdo.GroupTenant:       "a policy of the tenant, which its Azure DevOps administrators can change",
			azdo.GroupIdentity:     "this kind of account may not have one",
			azdo.GroupUnknown:      "the service declined",
		}[declined.Group]
		if who == "" {
			return "", false
		}
		lasting := !strings.HasPrefix(declined.Value, "failedToRead") // a policy that could not be looked up
		return who + ": " + cred.Escape(cmp.Or(declined.Message, declined.Value)), lasting
	}
	if errors.Is(err, azdo.ErrForbidden) || errors.Is(err, azdo.ErrRefused) {
		return "the application may not make one for this account", true
	}
	var failed *azdo.Error
	if errors.Is(err, azdo.ErrOrphan) && errors.As(err, &failed) {
		return "it made one that cannot be used: " + cred.Escape(fmt.Sprint(failed.Err)), true
	}
	if errors.As(err, &failed) { // the organisation itself has just answered, from another host
		return "its token service does not answer now", false
	}
	return "", false
}

// mint makes one PAT: written down as an intent, made, stored.
func (k *Keeper) mint(ctx context.Context, org string, s signedIn) (string, error) {
	name, err := k.intend(ctx, org, s)
	if err != nil {
		return "", err
	}
	issued, err := k.Server.CreatePAT(ctx, org, azdo.Bearer(s.token), azdo.PATRequest{
		DisplayName: name, Scopes: []string{patScope}, Expires: k.Now().Add(s.skew + patLife),
	})
	if err == nil {
		err = k.misfit(issued, name, s)
	}
	if err != nil {
		if errors.Is(err, azdo.ErrUnknownOutcome) || errors.Is(err, azdo.ErrOrphan) {
			return "", err // the intent stays: it is how the token is found
		}
		return "", errors.Join(err, k.dropIntent(ctx, name))
	}
	rec := vault.Record{
		Kind: vault.PAT, Host: helper.AzureHost, Org: org, Account: s.account, HasAccount: true, Tenant: s.tenant,
		ServerID: issued.AuthorizationID, Name: issued.DisplayName, Scopes: strings.Join(issued.Scopes, " "),
		Created: k.Now(), Expires: ours(issued.Expires, s.skew), Verified: k.Now(),
	}
	rec.Until = renewAt(rec.Created, earlier(rec.Expires, rec.Created.Add(patLife)))
	rec.SetSecrets(vault.Secrets{Secret: issued.Secret})
	if k.rotating == nil {
		return k.keep(ctx, rec, issued.Secret, name)
	}
	rec.Predecessor, rec.Suspect, rec.Verified = k.rotating.ID, rec.Created, time.Time{}
	id, err := k.keep(ctx, rec, issued.Secret, name)
	if err == nil {
		err = k.prove(ctx, id)
	}
	return id, err
}

// misfit says why a token is not the one that was asked for: nobody is to be given
// it, and its id, which may be another token's, is not one to revoke by.
func (k *Keeper) misfit(issued azdo.IssuedPAT, name string, s signedIn) error {
	r, err := k.read()
	if err != nil {
		return err
	}
	known := func(rec vault.Record) bool { return rec.ServerID == issued.AuthorizationID }
	what := ""
	switch {
	case !strings.Contains(issued.DisplayName, name[strings.LastIndexByte(name, ' ')+1:]): // vault and nonce
		what = "it is about another token"
	case slices.ContainsFunc(r.List, known) || r.WasIssued(issued.Secret):
		what = "it is a token that was there before"
	case !ours(issued.Expires, s.skew).After(k.Now()):
		what = "the token has ended before it was made"
	default:
		return nil
	}
	return &azdo.Error{Kind: azdo.ErrOrphan, Op: "make a token", Err: errors.New(what)}
}

// earlier is the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ours is a time by our clock that a server told by its own. Clocks that differ
// by little do not differ.
func ours(t time.Time, skew time.Duration) time.Time {
	if skew.Abs() < margin {
		return t
	}
	return t.Add(-skew)
}

// intend journals that a token is about to be made, under a name that only this
// vault gives and that is found again on the server.
func (k *Keeper) intend(ctx context.Context, org string, s signedIn) (name string, err error) {
	var nonce [8]byte
	if _, err := io.ReadFull(rand.Reader, nonce[:]); err != nil {
		return "", err
	}
	err = k.update(ctx, func(r *vault.Records) error {
		name = fmt.Sprintf("patrol %s %s-%s", k.Machine, r.ID, hex.EncodeToString(nonce[:]))
		r.Add(vault.Record{
			Kind: vault.Intent, Host: helper.AzureHost, Org: org, Account: s.account, HasAccount: true,
			Tenant: s.tenant, Name: name, Created: k.Now(),
		})
		return nil
	})
	return name, err
}

func (k *Keeper) dropIntent(ctx context.Context, name string) error {
	return k.update(ctx, func(r *vault.Records) error {
		r.Delete(func(rec *vault.Record) bool { return rec.Kind == vault.Intent && rec.Name == name })
		return nil
	})
}

// keep stores a new credential in place of its intent and of the account's older
// ones, which are to be revoked. An unproved one goes beside them.
func (k *Keeper) keep(ctx context.Context, rec vault.Record, secret cred.Secret, intent string) (id string, err error) {
	late, overtaken := false, false
	err = k.update(ctx, func(r *vault.Records) error {
		now := k.Now()
		r.Delete(func(old *vault.Record) bool { return intent != "" && old.Kind == vault.Intent && old.Name == intent })
		if late = signedOut(r, rec.Org, rec.Account); late { // while it was being made
			if retire(&rec, now, 0) {
				r.Add(rec)
			}
			return nil
		}
		if overtaken = overtook(r, &rec) != nil; overtaken {
			if retire(&rec, now, 0) {
				r.Add(rec)
			}
			return nil
		}
		if rec.Kind == vault.PAT {
			dropPolicy(r, patPolicy, rec.Org, "") // it does give them out
		}
		for i := range r.List {
			// A logout elsewhere may have taken the sign-in for one nobody needs.
			if old := &r.List[i]; old.Kind == vault.Refresh && old.Tenant == rec.Tenant && cred.EqualFold(old.Account, rec.Account) {
				old.Due = time.Time{}
			}
		}
		if k.skew.Abs() >= margin { // the ends of what was made by another clock say nothing
			forgetEnds(r, &rec)
		}
		if !unproved(&rec) {
			replace(r, &rec, now, k.grace)
		}
		r.Remember(secret, rec.Expires, now)
		r.Add(rec)
		id = r.List[0].ID
		return nil
	})
	if err == nil && late {
		err = errors.Join(ErrSignedOut, k.Flush(ctx))
	}
	if err == nil && overtaken {
		err = errors.Join(errOvertaken, k.Flush(ctx))
	}
	return id, err
}

// Replace makes room for rec, which is about to be added: the credentials of
// its account for its organisation go, and those patrol made are to be revoked.
func Replace(r *vault.Records, rec *vault.Record, now time.Time) { replace(r, rec, now, 0) }

// replace leaves the others so much time; none to another replacement that came
// to nothing.
func replace(r *vault.Records, rec *vault.Record, now time.Time, grace time.Duration) {
	r.Delete(func(old *vault.Record) bool {
		if !old.Ours() || !old.Answers() || old.ID == rec.ID || old.Org != rec.Org || !cred.EqualFold(old.Account, rec.Account) {
			return false
		}
		if unproved(old) {
			return !retire(old, now, 0)
		}
		rec.Predecessor = old.ID
		return !retire(old, now, grace)
	})
}

// forgetEnds makes sure that the tokens rec takes the place of are revoked: by a
// clock that is wrong they may seem to have ended.
func forgetEnds(r *vault.Records, rec *vault.Record) {
	for i := range r.List {
		if old := &r.List[i]; old.ServerID != "" && old.Org == rec.Org && cred.EqualFold(old.Account, rec.Account) {
			old.Expires = time.Time{}
		}
	}
}

// retire turns a record into an order to revoke its token after grace, or when
// it ends. It reports false when there is nothing to revoke: the token has
// expired, or only its owner can name it to the server.
func retire(rec *vault.Record, now time.Time, grace time.Duration) bool {
	return !rec.Dead(now) && enqueue(rec, now, grace)
}

// enqueue is retire for a token that may seem to have ended: whether it has is
// for the servers' clock to say.
func enqueue(rec *vault.Record, now time.Time, grace time.Duration) bool {
	if rec.Kind != vault.PAT || rec.ServerID == "" {
		return false
	}
	rec.Due, rec.Until, rec.Tries, rec.Reason = now.Add(grace), time.Time{}, 0, ""
	if !rec.Dead(now) && rec.Dead(rec.Due) {
		rec.Due = rec.Expires
	}
	rec.SetSecrets(vault.Secrets{})
	return true
}

// margin is how long before its end an access token is no longer handed out: a
// push begun with it should not fail half-way. It is also the difference from
// which on two clocks differ.
const margin = 5 * time.Minute

// keepEntra stores the access token itself as what Git gets.
func (k *Keeper) keepEntra(ctx context.Context, org string, s signedIn) (string, error) {
	rec := vault.Record{
		Kind: vault.Entra, Host: helper.AzureHost, Org: org, Account: s.account, HasAccount: true, Tenant: s.tenant,
		Created: k.Now(), Expires: s.expires, Verified: k.Now(),
	}
	if !s.expires.IsZero() { // of a life that is hardly longer than the margin, half remains
		rec.Expires = s.expires.Add(-min(margin, max(0, s.expires.Sub(rec.Created)/2)))
	}
	rec.Until = renewAt(rec.Created, rec.Expires)
	rec.SetSecrets(vault.Secrets{Secret: s.token})
	return k.keep(ctx, rec, s.token, "")
}

// sweep revokes what earlier runs made, or may have made, without storing it:
// exactly the tokens that bear the name of an intent of this vault.
func (k *Keeper) sweep(ctx context.Context, r *vault.Records, org string, s signedIn) error {
	intents := map[string]time.Time{}
	for i := range r.List {
		if rec := &r.List[i]; rec.Kind == vault.Intent && rec.Org == org && sameAccount(rec, s) {
			intents[rec.Name] = rec.Created
		}
	}
	if len(intents) == 0 {
		return nil
	}
	list, err := k.Server.ListPATs(ctx, org, azdo.Bearer(s.token), azdo.FilterActive)
	if err != nil {
		return fmt.Errorf("look for tokens that an earlier run may have made: %w", err)
	}
	for _, token := range list.Records {
		if _, ours := intents[token.DisplayName]; !ours {
			continue
		}
		if _, err := k.Server.RevokePAT(ctx, org, azdo.Bearer(s.token), token.AuthorizationID); err != nil && !errors.Is(err, azdo.ErrNoToken) {
			return fmt.Errorf("revoke a token that an earlier run made: %w", err)
		}
		if err := k.dropIntent(ctx, token.DisplayName); err != nil {
			return err
		}
		delete(intents, token.DisplayName)
	}
	// A request whose answer was lost may still be under way for a while.
	for name, created := range intents {
		if k.Now().Sub(created) > again {
			if err := k.dropIntent(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func sameAccount(rec *vault.Record, s signedIn) bool { return cred.EqualFold(rec.Account, s.account) }
