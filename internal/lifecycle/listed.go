package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Listed is an active token that a server lists, whoever made it. Its times are
// by our clock.
type Listed struct {
	azdo.PATRecord
	Org, Account, Tenant string // where it was listed, and with whose sign-in
}

// Unlisted is an organisation that could not be asked, as an account if there is
// one, and why: ErrNobody where no sign-in is kept.
type Unlisted struct {
	Org, Account string
	Err          error
}

// ListServer lists the active tokens in the organisations, of each account with a
// kept sign-in there. A token for all organisations is listed once.
func (k *Keeper) ListServer(ctx context.Context, orgs []string) ([]Listed, []Unlisted, error) {
	r, err := k.read()
	if err != nil {
		return nil, nil, err
	}
	var list []Listed
	var failed []Unlisted
	seen := map[string]bool{}
	for _, org := range orgs {
		who, err := k.signIns(ctx, r, org)
		if err != nil {
			failed = append(failed, Unlisted{Org: org, Err: err})
		}
		for _, rec := range who {
			tokens, err := k.listAs(ctx, rec, azdo.FilterActive)
			if err != nil {
				if len(who) > 1 && stranger(r, rec) && (errors.Is(err, azdo.ErrRefused) || errors.Is(err, azdo.ErrForbidden)) {
					continue // somebody of the same tenant, who has nothing there
				}
				failed = append(failed, Unlisted{org, rec.Account, err})
			}
			for _, t := range tokens {
				if !seen[t.AuthorizationID] {
					seen[t.AuthorizationID] = true
					list = append(list, t)
				}
			}
		}
	}
	return list, failed, nil
}

// signIns returns whose sign-ins are kept for the tenant of an organisation, each
// as a record of the organisation.
func (k *Keeper) signIns(ctx context.Context, r *vault.Records, org string) (who []vault.Record, err error) {
	if !SignedInSomewhere(r) {
		return nil, ErrNobody
	}
	tenant := pinned(r, org)
	if tenant == "" {
		if tenant, err = oauth.DiscoverTenant(ctx, k.OAuth, org); err != nil {
			return nil, err
		}
	}
	for i := range r.List {
		if rec := &r.List[i]; rec.Kind == vault.Refresh && rec.Tenant == tenant && rec.Reason == "" && rec.Due.IsZero() {
			who = append(who, vault.Record{Org: org, Account: rec.Account, Tenant: tenant})
		}
	}
	if len(who) == 0 {
		return nil, ErrNobody
	}
	return who, nil
}

// Pinned lists the organisations whose tenant is known and has a kept sign-in.
func Pinned(r *vault.Records) (orgs []string) {
	for i := range r.List {
		p := &r.List[i]
		if p.Kind == vault.Policy && p.Name == tenantPolicy && slices.ContainsFunc(r.List, func(rec vault.Record) bool {
			return rec.Kind == vault.Refresh && rec.Tenant == p.Tenant && rec.Due.IsZero()
		}) {
			orgs = append(orgs, p.Org)
		}
	}
	return orgs
}

// stranger reports whether the vault has nothing of an account in an organisation.
func stranger(r *vault.Records, who vault.Record) bool {
	return !slices.ContainsFunc(r.List, func(rec vault.Record) bool {
		return rec.Ours() && rec.Org == who.Org && cred.EqualFold(rec.Account, who.Account)
	})
}

func (k *Keeper) listAs(ctx context.Context, who vault.Record, filter azdo.PATFilter) ([]Listed, error) {
	s, err := k.silently(ctx, who)
	if err != nil {
		return nil, err
	}
	list, err := k.Server.ListPATs(ctx, who.Org, azdo.Bearer(s.token), filter)
	var tokens []Listed
	for _, t := range list.Records {
		t.Created, t.Expires = ours(t.Created, s.skew), ours(t.Expires, s.skew)
		tokens = append(tokens, Listed{t, who.Org, who.Account, who.Tenant})
	}
	return tokens, err
}

// Known finds a token by its id or name, also one that has expired or was revoked,
// with the sign-ins kept for an organisation. nil: there is none.
func (k *Keeper) Known(ctx context.Context, org, which string) (t *Listed, active bool, err error) {
	r, err := k.read()
	if err != nil {
		return nil, false, err
	}
	who, err := k.signIns(ctx, r, org)
	for _, filter := range []azdo.PATFilter{azdo.FilterActive, azdo.FilterAll} {
		for _, rec := range who {
			list, failed := k.listAs(ctx, rec, filter)
			if failed != nil {
				err = failed
			}
			for i := range list {
				if t := &list[i]; strings.EqualFold(t.AuthorizationID, which) || t.DisplayName == which {
					return t, filter == azdo.FilterActive, nil
				}
			}
		}
	}
	return nil, false, err
}

// Made says which vault made a token, by its display name; "" for a token that
// no patrol made.
func Made(displayName string) (machine, vaultID string) {
	words := strings.Fields(displayName)
	if len(words) != 3 || words[0] != "patrol" {
		return "", ""
	}
	id, nonce, _ := strings.Cut(words[2], "-")
	if len(id) != 16 || len(nonce) != 16 || strings.Trim(id+nonce, "0123456789abcdef") != "" {
		return "", ""
	}
	return words[1], id
}

// RevokeListed revokes tokens that a server listed. Each is written down first, as
// an order of the queue: what cannot be revoked now, the next runs try again. It
// returns those that are no longer good, and the orders that remain.
func (k *Keeper) RevokeListed(ctx context.Context, tokens []Listed) (revoked []Listed, queued []vault.Record, err error) {
	ids := make([]string, len(tokens))
	err = k.update(ctx, func(r *vault.Records) error {
		for i := range tokens {
			ids[i] = order(r, &tokens[i], k.Now())
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	_, err = k.workOff(ctx, func(rec *vault.Record) bool { return slices.Contains(ids, rec.ID) }, patientWait)
	if err != nil {
		return nil, nil, err
	}
	r, err := k.read()
	if err != nil {
		return nil, nil, err
	}
	for i, id := range ids {
		if rec := r.Find(id); rec != nil {
			queued = append(queued, *rec)
		} else {
			revoked = append(revoked, tokens[i])
		}
	}
	return revoked, queued, nil
}

// order puts a token into the queue and returns the id of its record.
func order(r *vault.Records, t *Listed, now time.Time) string {
	expires := t.Expires
	if !now.Before(expires) { // the server calls it active, and its clock is what counts
		expires = time.Time{}
	}
	for i := range r.List {
		rec := &r.List[i]
		if rec.Kind != vault.PAT || rec.ServerID != t.AuthorizationID {
			continue
		}
		if rec.Expires = expires; Queued(rec) {
			rec.Due = now
		} else {
			retire(rec, now, 0)
		}
		return rec.ID
	}
	r.Add(vault.Record{
		Kind: vault.PAT, Host: helper.AzureHost, Org: t.Org, Account: t.Account, HasAccount: true, Tenant: t.Tenant,
		ServerID: t.AuthorizationID, Name: t.DisplayName, Scopes: strings.Join(t.Scopes, " "), Created: t.Created, Expires: expires, Due: now,
	})
	return r.List[0].ID
}

// patientWait is how long a person waits for a server that is busy, each time it
// says so: Azure DevOps delays requests by up to half a minute. See
// https://learn.microsoft.com/azure/devops/integrate/concepts/rate-limits
const patientWait = 30 * time.Second

// workOff revokes the chosen ones of the queue, silently: it never asks a person.
// What fails stays queued with the reason. A server that asks to wait is waited
// for up to the given time, once; then it is left alone. It returns the last
// failure of a revocation.
func (k *Keeper) workOff(ctx context.Context, chosen func(*vault.Record) bool, wait time.Duration) (last, err error) {
	r, err := k.read()
	if err != nil {
		return nil, err
	}
	w := worker{Keeper: k, wait: wait, access: map[string]signedIn{}, failed: map[string]error{}}
	for i := range r.List {
		rec := r.List[i]
		if !Queued(&rec) || !chosen(&rec) {
			continue
		}
		failure := w.revokeOne(ctx, rec)
		if err := k.settle(ctx, rec.ID, failure); err != nil {
			return nil, err
		}
		if failure != nil {
			last = failure
		}
	}
	return last, nil
}

// worker is one round of revocations.
type worker struct {
	*Keeper
	wait   time.Duration
	access map[string]signedIn // by tenant and account
	failed map[string]error    // of those, and of organisations
	server time.Time           // what the servers' clock showed, once it was asked
}

// ended reports whether a token that has ended by our clock has done so by the
// servers', too: ours may have jumped ahead, and nobody else revokes it.
func (w *worker) ended(ctx context.Context, rec *vault.Record) (bool, error) {
	if !rec.Dead(w.Now()) {
		return false, nil
	}
	if w.server.IsZero() {
		var err error
		if w.server, err = w.Server.Reach(ctx, "https://"+helper.AzureHost+"/"); err != nil {
			return false, err
		}
	}
	return rec.Dead(w.server), nil
}

func (w *worker) revokeOne(ctx context.Context, rec vault.Record) error {
	if ended, err := w.ended(ctx, &rec); ended || err != nil {
		return err
	}
	who := rec.Tenant + " " + rec.Account
	if _, known := w.access[who]; !known && w.failed[who] == nil {
		w.access[who], w.failed[who] = w.silently(ctx, rec)
	}
	if err := w.failed[who]; err != nil {
		return err
	}
	if err := w.failed[rec.Org]; err != nil {
		return err
	}
	err := w.revoke(ctx, rec, w.access[who])
	if busy := asked(err); errors.Is(err, azdo.ErrThrottled) {
		if 0 < busy && busy <= w.wait {
			w.Say("%s asks to wait %s ...", rec.Org, busy)
			if !sleep(ctx, busy) {
				return fmt.Errorf("%w; then: %w", err, ctx.Err())
			}
			err = w.revoke(ctx, rec, w.access[who])
		}
		if errors.Is(err, azdo.ErrThrottled) {
			w.failed[rec.Org] = err
		}
	}
	return err
}

// sleep waits, and reports whether it could to the end.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
