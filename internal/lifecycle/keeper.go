package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Choice is what Git is to be given for an organisation.
type Choice string

// The choices of patrol.credential.
const (
	Auto      Choice = "auto"  // a PAT, or an Entra token where policy refuses PATs
	OnlyPAT   Choice = "pat"   // a PAT or an error
	OnlyEntra Choice = "entra" // an Entra token
)

// Choices lists the words that patrol.credential takes.
func Choices() []Choice { return []Choice{Auto, OnlyPAT, OnlyEntra} }

// Keeper makes and revokes the tokens of one vault.
type Keeper struct {
	Vault *vault.Vault
	Key   vault.Key

	Server   *azdo.Client
	OAuth    oauth.Config
	ClientID string // of the application to sign in as; "" for the default
	Browser  oauth.Browser
	Show     func(oauth.Invitation) // tells the person where to sign in
	Person   bool                   // somebody is there who may be asked to sign in
	Insist   bool                   // the person asked for it: no cool-down

	Choice  Choice
	Machine string // part of the display name of tokens
	Now     func() time.Time
	Say     func(format string, args ...any) // a line for the person

	revoking bool   // sign-ins that are kept only to revoke may be used
	tenant   string // whose sign-in is used; "" for that of the organisation
	prefer   string // the account whose token is to be renewed, where the URL names none

	rotating *vault.Record // whose successor is being made, while it still works
	grace    time.Duration // how long a predecessor goes on working
	skew     time.Duration // how far the servers' clock is ahead, seen in this run
}

var (
	// ErrNobody: a person would have to sign in, and none may be asked.
	ErrNobody = errors.New("somebody has to sign in")
	// ErrCooling: a sign-in was declined or ran out of time a moment ago.
	ErrCooling = errors.New("the last sign-in came to nothing, less than ten minutes ago")
	// ErrSignedOut: the person logged out of the organisation.
	ErrSignedOut = errors.New("you are signed out")
)

const (
	patLife  = 7 * 24 * time.Hour
	patScope = "vso.code_write" // the least that can push

	verdictLife = 24 * time.Hour   // how long a policy's refusal is remembered
	coolDown    = 10 * time.Minute // after a sign-in that came to nothing

	// again: refused by Git a second time within this, though the server says
	// it accepts it, a token is replaced.
	again = time.Hour

	// quietWait is how long a process without a person waits for another one's
	// sign-in or refresh; with a person, as long as a sign-in may take.
	quietWait = 10 * time.Second
	signWait  = oauth.MaxWait + time.Minute
	lockWait  = 10 * time.Second // for the vault's own lock
)

// Answer returns the record to give to Git for t, where helper.Pick found none
// that is usable. It makes one if it can.
func (k *Keeper) Answer(ctx context.Context, t helper.Target) (*vault.Records, *vault.Record, error) {
	if err := k.hopeless(t); err != nil {
		return nil, nil, err
	}
	unlock, err := k.lock(ctx, orgLock(t.Org))
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	r, err := k.read()
	if err != nil {
		return nil, nil, err
	}
	rec, why := helper.Pick(r, t, k.Now())
	switch {
	case why == nil: // another process made it while we waited
		return r, rec, nil
	case errors.Is(why, helper.ErrOrg):
		return nil, nil, why
	case errors.Is(why, helper.ErrSuspect), errors.Is(why, helper.ErrClock):
		refused, err := k.judge(ctx, r, rec)
		if err != nil && errors.Is(why, helper.ErrClock) {
			return r, rec, nil // nothing but the clock speaks against it
		}
		if err != nil {
			return nil, nil, err
		}
		if refused == nil {
			return k.reread(rec.ID)
		}
		why = refused
	}
	if signedOut(r, t.Org, t.Account) {
		return nil, nil, ErrSignedOut
	}
	if err := k.busy(r, t.Org); err != nil {
		return nil, nil, err
	}
	id, err := k.instead(rec).renew(ctx, t)
	if errors.Is(err, ErrNobody) {
		err = why // says more to the person
	}
	if err != nil {
		return nil, nil, k.noteBusy(ctx, t.Org, err)
	}
	return k.reread(id)
}

// instead returns a Keeper that renews rec: as its account, not as whoever
// signed in to the tenant last.
func (k *Keeper) instead(rec *vault.Record) *Keeper {
	if rec == nil || rec.Tenant == "" {
		return k
	}
	renewing := *k
	renewing.prefer = rec.Account
	return &renewing
}

// hopeless says at once, without a lock or a request, why there is no answer
// where nothing could be done about it.
func (k *Keeper) hopeless(t helper.Target) error {
	r, err := k.read()
	if err != nil {
		return err
	}
	rec, why := helper.Pick(r, t, k.Now())
	switch {
	case why == nil, errors.Is(why, helper.ErrSuspect), errors.Is(why, helper.ErrClock):
		return nil
	case errors.Is(why, helper.ErrOrg):
		return why
	case !k.Person && !signedInAnywhere(r):
		account := t.Account
		if rec != nil {
			account = cmp.Or(account, rec.Account)
		}
		k.sayOver(r, pinned(r, t.Org), account)
		return why
	}
	return nil
}

// SignIn makes a new token for t at a person's wish, whatever there is.
func (k *Keeper) SignIn(ctx context.Context, t helper.Target) (*vault.Record, error) {
	unlock, err := k.lock(ctx, orgLock(t.Org))
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := k.read()
	if err != nil {
		return nil, err
	}
	if !helper.Allowed(r, t.Org) {
		return nil, helper.ErrOrg
	}
	id, err := k.renew(ctx, t)
	if err != nil {
		return nil, err
	}
	_, rec, err := k.reread(id)
	return rec, err
}

// renew signs in, silently if possible, and makes the credential for t. It
// returns the id of its record. The caller holds the organisation's lock.
func (k *Keeper) renew(ctx context.Context, t helper.Target) (string, error) {
	s, err := k.access(ctx, t, "")
	if err != nil {
		return "", err
	}
	conn, err := k.Server.Connection(ctx, t.Org, azdo.Bearer(s.token))
	var e *azdo.Error
	if errors.As(err, &e) && errors.Is(err, azdo.ErrClaims) {
		// The resource wants more proved than the sign-in did.
		if s, err = k.access(ctx, t, e.Claims); err == nil {
			conn, err = k.Server.Connection(ctx, t.Org, azdo.Bearer(s.token))
		}
	}
	if errors.Is(err, azdo.ErrRefused) || errors.Is(err, azdo.ErrForbidden) {
		return "", &NotMember{Account: s.account, Org: t.Org, Err: err}
	}
	if err != nil {
		return "", err
	}
	if s.account == "" { // the sign-in's own name is what finds it again
		s.account = conn.Account
	}
	seen := *k
	seen.skew = s.skew
	return seen.issue(ctx, t.Org, s)
}

// NotMember says that an account signed in, but the organisation does not let
// it in.
type NotMember struct {
	Account, Org string
	Err          error
}

// Error implements error.
func (e *NotMember) Error() string {
	return e.Account + " signed in, but " + e.Org + " does not let that account in"
}

// Unwrap returns what the server said.
func (e *NotMember) Unwrap() error { return e.Err }

func (k *Keeper) read() (*vault.Records, error) {
	f, err := k.Vault.Load()
	if err != nil {
		return nil, err
	}
	return f.Open(k.Key)
}

func (k *Keeper) reread(id string) (*vault.Records, *vault.Record, error) {
	r, err := k.read()
	if err != nil {
		return nil, nil, err
	}
	rec := r.Find(id)
	if rec == nil {
		return nil, nil, helper.ErrNoRecord // logged out meanwhile
	}
	return r, rec, nil
}

func (k *Keeper) update(ctx context.Context, change func(*vault.Records) error) error {
	// What was done on a server is written down even when the person gives up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockWait)
	defer cancel()
	return k.Vault.Update(ctx, k.Key, change)
}

// orgLock is held by whoever makes the token of an organisation.
func orgLock(org string) string { return "org-" + org + ".lock" }

func (k *Keeper) lock(ctx context.Context, name string) (unlock func(), err error) {
	wait := quietWait
	if k.Person {
		wait = signWait
	}
	if k.Insist { // the person sees nothing happen
		timer := time.AfterFunc(time.Second, func() { k.Say("another patrol is signing in; this one begins when that ends") })
		defer timer.Stop()
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return k.Vault.Lock(ctx, name)
}

// judge asks the server about a record that Git said was refused, and returns
// why it is of no more use: helper.ErrExpired or helper.ErrSuspect. A token that
// the server accepts is cleared, unless Git refuses it again so soon: then a new
// one is made in its place, when it is one of those we can make.
func (k *Keeper) judge(ctx context.Context, r *vault.Records, rec *vault.Record) (refused, err error) {
	secrets, err := r.Secrets(rec)
	if err != nil {
		return helper.ErrSuspect, nil // damaged: as good as dead
	}
	auth := azdo.PAT(secrets.Secret)
	if rec.Kind == vault.Entra {
		auth = azdo.Bearer(secrets.Secret)
	}
	_, err = k.Server.Connection(ctx, rec.Org, auth)
	switch {
	case errors.Is(err, azdo.ErrExpired):
		return helper.ErrExpired, nil
	case errors.Is(err, azdo.ErrRefused):
		return helper.ErrSuspect, nil
	case err != nil:
		return nil, err
	}
	if !rec.Suspect.IsZero() && rec.Suspect.Sub(rec.Verified) < again {
		k.Say("%s accepts the token but refused it to Git: it may lack the scope Code (read & write), or %s the right to this repository", rec.Org, rec.Account)
		if rec.ServerID != "" && rec.Suspect.Sub(rec.Created) > again {
			return helper.ErrSuspect, nil
		}
	}
	if unproved(rec) {
		return nil, k.update(ctx, func(r *vault.Records) error { return k.promote(r, rec.ID) })
	}
	now := k.Now()
	return nil, k.update(ctx, func(r *vault.Records) error {
		if rec := r.Find(rec.ID); rec != nil {
			if rec.Suspect.IsZero() {
				rec.Until = now // made by another clock: its times say nothing
			}
			rec.Suspect, rec.Verified = time.Time{}, now
		}
		return nil
	})
}
