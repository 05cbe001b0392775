package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Forgotten is what became of the records that were to go.
type Forgotten struct {
	Revoked []vault.Record // no longer good on the server
	Queued  []vault.Record // still to be revoked there; the next runs try again
	Pasted  []vault.Record // made in the portal, where alone they can be revoked
	Dropped []vault.Record // nothing on a server to revoke, or not ours to
	SignIns []vault.Record // sign-ins that nothing needs any more
	Left    []string       // organisations that Git alone signs in to no more
}

// Forget takes records out of the vault, revokes on the server those that patrol
// made there, and notes that the person is signed out. What cannot be reached is
// queued. Those named are signed out of although nothing is kept for them.
func (k *Keeper) Forget(ctx context.Context, doomed func(*vault.Record) bool, named ...helper.Target) (Forgotten, error) {
	var gone Forgotten
	var due, pending []string
	err := k.update(ctx, func(r *vault.Records) error {
		gone, due, pending = Forgotten{}, nil, nil
		left := map[[2]string]bool{} // organisation and account
		now := k.Now()
		r.Delete(func(rec *vault.Record) bool {
			if Queued(rec) && doomed(rec) {
				rec.Due = now // a person asks: do not wait for the next turn
				due = append(due, rec.ID)
				return false
			}
			if !rec.Answers() && rec.Kind != vault.Intent || !doomed(rec) {
				return false
			}
			if rec.Org != "" && rec.Ours() {
				left[[2]string{rec.Org, rec.Account}] = true
			}
			if rec.Kind == vault.Intent {
				rec.Until = time.Time{}
				pending = append(pending, rec.ID)
				return false // whoever makes that token finds itself logged out
			}
			switch {
			case enqueue(rec, now, 0): // also one that seems to have ended: by our clock alone
				due = append(due, rec.ID)
				return false
			case rec.Kind == vault.PAT && rec.ServerID == "":
				gone.Pasted = append(gone.Pasted, *rec)
			default:
				gone.Dropped = append(gone.Dropped, *rec)
			}
			return true
		})
		for _, t := range named {
			if t.Azure {
				left[[2]string{t.Org, t.Account}] = true
			}
		}
		for who := range left {
			if signOut(r, who[0], who[1]) {
				gone.Left = append(gone.Left, who[0])
			}
		}
		slices.Sort(gone.Left)
		gone.Left = slices.Compact(gone.Left)
		gone.SignIns = retireSignIns(r, now)
		return nil
	})
	if err != nil {
		return gone, err
	}
	return k.flushForgotten(ctx, gone, due, pending)
}

// flushForgotten revokes what was forgotten, and tells what could not be.
func (k *Keeper) flushForgotten(ctx context.Context, gone Forgotten, due, pending []string) (Forgotten, error) {
	before, err := k.read()
	if err != nil {
		return gone, err
	}
	flushed := k.Flush(ctx)
	after, err := k.read()
	if err != nil {
		return gone, errors.Join(flushed, err)
	}
	for _, id := range due {
		if rec := after.Find(id); rec != nil {
			gone.Queued = append(gone.Queued, *rec)
		} else if rec := before.Find(id); rec != nil && rec.Dead(k.Now()) {
			gone.Dropped = append(gone.Dropped, *rec)
		} else if rec != nil {
			gone.Revoked = append(gone.Revoked, *rec)
		}
	}
	for _, id := range pending {
		if rec := after.Find(id); rec != nil {
			gone.Queued = append(gone.Queued, *rec)
		}
	}
	return gone, nil
}

// Queued reports whether a record is a token that is to be revoked.
func Queued(rec *vault.Record) bool { return rec.Kind == vault.PAT && !rec.Due.IsZero() }

// signOut notes a logout as one account, which is one of the whole organisation
// when no other account has anything there. It reports whether that is news.
func signOut(r *vault.Records, org, account string) bool {
	if signedOut(r, org, account) {
		return false
	}
	for i := range r.List {
		if rec := &r.List[i]; rec.Ours() && rec.Answers() && rec.Org == org {
			markSignedOut(r, org, account)
			return true
		}
	}
	markSignedOut(r, org, "")
	return true
}

// retireSignIns marks the sign-ins that no record of the same account needs any
// more: they are used for nothing but revoking what is queued. It returns them.
func retireSignIns(r *vault.Records, now time.Time) (retired []vault.Record) {
	type signIn struct{ tenant, account string }
	of := func(rec *vault.Record) signIn { return signIn{rec.Tenant, cred.Lower(rec.Account)} }
	needed := map[signIn]bool{}
	for i := range r.List {
		// An intent is a token that is being made from its sign-in.
		if rec := &r.List[i]; rec.Ours() && rec.Answers() || rec.Kind == vault.Intent && !signedOut(r, rec.Org, rec.Account) {
			needed[of(rec)] = true
		}
	}
	for i := range r.List {
		rec := &r.List[i]
		if rec.Kind == vault.Refresh && !needed[of(rec)] && rec.Due.IsZero() {
			rec.Due = now
			retired = append(retired, *rec)
		}
	}
	return retired
}

// flushTime bounds one round of revocations: nobody waits for it.
const flushTime = 15 * time.Second

// Flush revokes what is due, silently: it never asks a person. What fails stays
// queued with the reason. It returns the last failure.
func (k *Keeper) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	last, err := k.workOff(ctx, func(rec *vault.Record) bool { return helper.Arrived(rec.Due, k.Now()) }, 0)
	if err != nil {
		return err
	}
	last = cmp.Or(k.sweepAll(ctx), last)
	return errors.Join(last, k.dropSignIns(ctx))
}

// sweepAll looks for the tokens that earlier runs may have made, in every
// organisation where none is being made now.
func (k *Keeper) sweepAll(ctx context.Context) error {
	r, err := k.read()
	if err != nil {
		return err
	}
	var last error
	swept := map[[2]string]bool{}
	for i := range r.List {
		rec := r.List[i]
		who := [2]string{rec.Org, rec.Account}
		if rec.Kind != vault.Intent || swept[who] || !helper.Arrived(rec.Until, k.Now()) {
			continue
		}
		swept[who] = true
		err := k.sweepOne(ctx, rec)
		if errors.Is(err, errBeingMade) {
			continue
		}
		if err := k.lookLater(ctx, who, err); err != nil {
			return err
		}
		if err != nil {
			last = err
		}
	}
	return last
}

// lookLater notes when to look again for tokens that may have been made: those
// that were not found, and those that could not be looked for.
func (k *Keeper) lookLater(ctx context.Context, who [2]string, failure error) error {
	return k.update(ctx, func(r *vault.Records) error {
		left := false
		for i := range r.List {
			if rec := &r.List[i]; rec.Kind == vault.Intent && [2]string{rec.Org, rec.Account} == who {
				rec.Tries++
				rec.Until = k.Now().Add(max(backOff(rec.Tries), asked(failure)))
				left = true
			}
		}
		if !left {
			return vault.ErrUnchanged
		}
		return nil
	})
}

// errBeingMade: whoever holds the organisation's lock sweeps, or made this intent.
var errBeingMade = errors.New("a token is being made")

func (k *Keeper) sweepOne(ctx context.Context, intent vault.Record) error {
	soon, cancel := context.WithTimeout(ctx, idleTime)
	defer cancel()
	unlock, err := k.Vault.Lock(soon, orgLock(intent.Org))
	if err != nil {
		return errBeingMade
	}
	defer unlock()
	s, err := k.silently(ctx, intent)
	if err != nil {
		return err
	}
	r, err := k.read()
	if err != nil {
		return err
	}
	return k.sweep(ctx, r, intent.Org, s)
}

// idleTime is how long a lock may take to get that nobody holds.
const idleTime = 100 * time.Millisecond

// silently signs in as the owner of a record, without a person.
func (k *Keeper) silently(ctx context.Context, rec vault.Record) (signedIn, error) {
	quiet := *k
	quiet.Person, quiet.Insist, quiet.revoking, quiet.tenant = false, false, true, rec.Tenant
	quiet.Say = func(string, ...any) {}
	return quiet.access(ctx, helper.Target{Azure: true, Org: rec.Org, Account: rec.Account, HasAccount: true}, "")
}

func (k *Keeper) revoke(ctx context.Context, rec vault.Record, s signedIn) error {
	_, err := k.Server.RevokePAT(ctx, rec.Org, azdo.Bearer(s.token), rec.ServerID)
	if errors.Is(err, azdo.ErrNoToken) {
		return nil // the account is its owner's, so it is gone
	}
	return err
}

// settle takes a revoked record out of the vault, or notes why it failed.
func (k *Keeper) settle(ctx context.Context, id string, failure error) error {
	return k.update(ctx, func(r *vault.Records) error {
		rec := r.Find(id)
		if rec == nil {
			return vault.ErrUnchanged
		}
		if failure == nil {
			r.Delete(func(rec *vault.Record) bool { return rec.ID == id })
			return nil
		}
		rec.Tries++
		rec.Reason = fmt.Sprint(failure)
		rec.Due = k.Now().Add(max(backOff(rec.Tries), asked(failure)))
		return nil
	})
}

// backOff grows from a minute to a day.
func backOff(tries int) time.Duration {
	return min(time.Minute<<min(tries-1, 11), 24*time.Hour)
}

// dropSignIns forgets retired sign-ins that nothing queued needs any more.
func (k *Keeper) dropSignIns(ctx context.Context) error {
	return k.update(ctx, func(r *vault.Records) error {
		needed := map[string]bool{}
		for i := range r.List {
			if rec := &r.List[i]; rec.Kind == vault.PAT && !rec.Due.IsZero() || rec.Kind == vault.Intent {
				needed[rec.Tenant] = true
			}
		}
		n := r.Delete(func(rec *vault.Record) bool {
			return rec.Kind == vault.Refresh && !rec.Due.IsZero() && !needed[rec.Tenant]
		})
		if n == 0 {
			return vault.ErrUnchanged
		}
		return nil
	})
}
