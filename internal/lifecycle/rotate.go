package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/vault"
)

const (
	// grace is how long the predecessor of a token goes on working: long clones,
	// LFS and editors keep using what they were given.
	grace = 24 * time.Hour
	// tooOften is the least time between two renewals, however short the lives
	// that a policy grants.
	tooOften = 5 * time.Minute
)

var (
	// ErrNotOurs: the credential is not one that patrol can make anew.
	ErrNotOurs = errors.New("patrol did not make this one, and cannot renew it")
	// errNotDue: another run was quicker.
	errNotDue = errors.New("not due")
	// errOvertaken: while the successor was made, somebody put another token in.
	errOvertaken = errors.New("another token has taken its place meanwhile")
)

// RenewDue makes the successor of a credential if that is due, without a person.
// The predecessor is good for a day more. A failure is written down with a time
// before which nobody tries again; so is the attempt itself, before it is made.
func (k *Keeper) RenewDue(ctx context.Context, id string) error {
	quiet := *k
	quiet.Person, quiet.Insist, quiet.grace = false, false, grace
	quiet.Say = func(string, ...any) {}
	err := quiet.succeed(ctx, id, quiet.claim)
	if err == nil || errors.Is(err, errNotDue) {
		return nil
	}
	return errors.Join(err, k.putOff(ctx, id, err))
}

// Upkeep does what is due: revocations, and the renewal of one credential, if an
// id is given.
func (k *Keeper) Upkeep(ctx context.Context, id string) error {
	err := k.Flush(ctx)
	if id != "" {
		err = errors.Join(err, k.RenewDue(ctx, id))
	}
	return err
}

// Rotate makes the successor of a credential now, and queues the predecessor to
// be revoked at once: call Flush. It returns the successor.
func (k *Keeper) Rotate(ctx context.Context, id string) (*vault.Record, error) {
	if err := k.succeed(ctx, id, func(context.Context, string) error { return nil }); err != nil {
		return nil, err
	}
	r, err := k.read()
	if err != nil {
		return nil, err
	}
	for i := range r.List {
		if rec := &r.List[i]; rec.Predecessor == id && rec.Answers() {
			return rec, nil
		}
	}
	return nil, helper.ErrNoRecord // logged out meanwhile
}

// succeed makes the successor of a record under the organisation's lock. Under
// it, claim may say that there is nothing to do.
func (k *Keeper) succeed(ctx context.Context, id string, claim func(context.Context, string) error) error {
	r, err := k.read()
	if err != nil {
		return err
	}
	rec := r.Find(id)
	if rec == nil {
		return helper.ErrNoRecord
	}
	unlock, err := k.lock(ctx, orgLock(rec.Org))
	if err != nil {
		return err
	}
	defer unlock()
	if err := claim(ctx, id); err != nil {
		return err
	}
	if r, err = k.read(); err != nil {
		return err
	}
	if rec = r.Find(id); rec == nil || !rec.Answers() {
		return helper.ErrNoRecord
	}
	if !Renewable(rec) {
		return ErrNotOurs
	}
	renewing := *k
	renewing.tenant, renewing.rotating = rec.Tenant, rec
	if next := successor(r, rec); next != nil { // an earlier run got so far
		return renewing.prove(ctx, next.ID)
	}
	_, err = renewing.renew(ctx, helper.Target{Azure: true, Host: rec.Host, Org: rec.Org, Account: rec.Account, HasAccount: true})
	return err
}

// renewsPAT reports whether a PAT that still works is being renewed: it is better
// than anything but another PAT.
func (k *Keeper) renewsPAT() bool { return k.rotating != nil && k.rotating.Kind == vault.PAT }

// Renewable reports whether patrol made the credential, and can make another.
func Renewable(rec *vault.Record) bool {
	return rec.Kind == vault.PAT && rec.ServerID != "" || rec.Kind == vault.Entra
}

// successor returns the token that is to take the place of rec, once the server
// was seen to accept it.
func successor(r *vault.Records, rec *vault.Record) *vault.Record {
	for i := range r.List {
		if next := &r.List[i]; next.Predecessor == rec.ID && unproved(next) {
			return next
		}
	}
	return nil
}

// unproved reports whether a token was stored as a successor, and not seen to
// work yet. It is suspect until then, so that its predecessor goes first.
func unproved(rec *vault.Record) bool {
	return rec.Kind == vault.PAT && rec.Answers() && rec.Verified.IsZero() && !rec.Suspect.IsZero() && rec.ServerID != ""
}

// claim notes an attempt before it is made: should it be the end of this
// process, the next one waits a little.
func (k *Keeper) claim(ctx context.Context, id string) error {
	due := false
	err := k.update(ctx, func(r *vault.Records) error {
		rec := r.Find(id)
		if due = rec != nil && helper.RenewalDue(rec, k.Now()); !due {
			return vault.ErrUnchanged
		}
		rec.Tries++
		rec.Until = k.Now().Add(backOff(rec.Tries))
		rec.Reason = "it was interrupted"
		return nil
	})
	if err == nil && !due {
		err = errNotDue
	}
	return err
}

// putOff notes why a renewal failed, and when to try again.
func (k *Keeper) putOff(ctx context.Context, id string, failure error) error {
	return k.update(ctx, func(r *vault.Records) error {
		rec := r.Find(id)
		if rec == nil || !rec.Answers() {
			return vault.ErrUnchanged
		}
		rec.Reason = fmt.Sprint(failure)
		rec.Until = k.Now().Add(max(backOff(rec.Tries), patience(failure)))
		return nil
	})
}

// patience is how long to wait after a failed renewal at least: as the server
// asks, and a day where a policy or a person would have to change first.
func patience(failure error) time.Duration {
	var declined *azdo.PATError
	if errors.As(failure, &declined) || errors.Is(failure, ErrNobody) {
		return max(verdictLife, asked(failure))
	}
	return asked(failure)
}

// asked is how long a server asks to wait, in the answer behind an error.
func asked(failure error) (wait time.Duration) {
	var service *azdo.Error
	var provider *oauth.Error
	if errors.As(failure, &service) {
		wait = service.RetryAfter
	}
	if errors.As(failure, &provider) {
		wait = max(wait, provider.RetryAfter)
	}
	return wait
}

// renewAt is when a credential that was made now is to be renewed: with a
// quarter of its life left, which ends at expires. Zero: never.
func renewAt(now, expires time.Time) time.Time {
	if expires.IsZero() {
		return time.Time{}
	}
	return now.Add(max(expires.Sub(now)*3/4, tooOften))
}

// overtook returns what has taken the place of a successor's predecessor since it
// was read: a token somebody pasted, for which no lock is held. It stays.
func overtook(r *vault.Records, next *vault.Record) *vault.Record {
	if old := r.Find(next.Predecessor); !unproved(next) || old != nil && old.Answers() {
		return nil
	}
	for i := range r.List {
		if rec := &r.List[i]; rec.Ours() && rec.Answers() && !unproved(rec) && rec.Org == next.Org && cred.EqualFold(rec.Account, next.Account) {
			return rec
		}
	}
	return nil
}

// prove asks the server with a successor, in one request, and puts it in the
// place of its predecessor.
func (k *Keeper) prove(ctx context.Context, id string) error {
	r, err := k.read()
	if err != nil {
		return err
	}
	rec := r.Find(id)
	if rec == nil || !rec.Answers() {
		return helper.ErrNoRecord // logged out meanwhile
	}
	secrets, err := r.Secrets(rec)
	if err == nil {
		_, err = k.Server.Connection(ctx, rec.Org, azdo.PAT(secrets.Secret))
		if err != nil && !errors.Is(err, azdo.ErrRefused) {
			return fmt.Errorf("verify the new token: %w", err)
		}
	}
	if err != nil { // it is no good; the predecessor still is
		return errors.Join(err, k.update(ctx, func(r *vault.Records) error {
			r.Delete(func(old *vault.Record) bool { return old.ID == id && !retire(old, k.Now(), 0) })
			return nil
		}))
	}
	return k.update(ctx, func(r *vault.Records) error { return k.promote(r, id) })
}

// promote makes a proved successor the one that answers.
func (k *Keeper) promote(r *vault.Records, id string) error {
	rec := r.Find(id)
	if rec == nil || !rec.Answers() {
		return vault.ErrUnchanged
	}
	now := k.Now()
	rec.Suspect, rec.Verified = time.Time{}, now
	next := *rec
	replace(r, &next, now, k.grace)
	return nil
}

// makeRoom revokes tokens of an account that wait for their day to be over,
// before another is made: with the present one, it would be the third.
func (k *Keeper) makeRoom(ctx context.Context, org string, s signedIn) error {
	if k.rotating == nil { // a successor that nobody has verified yet would be the third, too
		if err := k.dropUnproved(ctx, org, s); err != nil {
			return err
		}
	}
	r, err := k.read()
	if err != nil {
		return err
	}
	for i := range r.List {
		rec := r.List[i]
		if !Queued(&rec) || rec.Org != org || !sameAccount(&rec, s) || rec.Dead(k.Now()) && rec.Dead(k.Now().Add(s.skew)) {
			continue
		}
		if k.rotating == nil && rec.Tries > 0 && k.Now().Before(rec.Due) {
			continue // it was tried a moment ago, and Git waits
		}
		err := k.revoke(ctx, rec, s)
		if err := k.settle(ctx, rec.ID, err); err != nil {
			return err
		}
		if err != nil && k.rotating != nil {
			return fmt.Errorf("revoke the token before the present one: %w", err) // there is time
		}
	}
	return nil
}

// dropUnproved queues the successors of an account that were not seen to work
// yet, where another token is about to be made.
func (k *Keeper) dropUnproved(ctx context.Context, org string, s signedIn) error {
	return k.update(ctx, func(r *vault.Records) error {
		left := vault.ErrUnchanged
		r.Delete(func(rec *vault.Record) bool {
			if !unproved(rec) || rec.Org != org || !sameAccount(rec, s) {
				return false
			}
			left = nil
			return !retire(rec, k.Now(), 0)
		})
		return left
	})
}
