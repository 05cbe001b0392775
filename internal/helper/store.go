package helper

import (
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Storable reports whether a store request has anything to keep at all.
func Storable(req *cred.Request, t Target, now time.Time) bool {
	switch {
	case req.Ephemeral, !req.Expiry.IsZero() && !now.Before(req.Expiry):
		return false
	case t.Azure:
		return req.HasUsername && req.Password.IsSet() && req.Password.Reveal() != "" && !req.Credential.IsSet()
	default:
		return req.Password.IsSet() && req.HasUsername || req.Credential.IsSet()
	}
}

// StoreChanges reports whether store would change the vault. Most often it
// would not: Git hands back what it was just given, for Azure under whatever
// user name it asked with.
func StoreChanges(r *vault.Records, t Target, req *cred.Request) bool {
	if r.WasIssued(req.Password) || r.WasIssued(req.Credential) {
		return false
	}
	if t.Azure {
		if !Allowed(r, t.Org) || keptByPatrol(r, t) {
			return false
		}
	}
	held := false
	for i := range r.List {
		rec := &r.List[i]
		if sameEntry(rec, t) {
			s, err := r.Secrets(rec)
			return err != nil || !s.Secret.Equal(req.Password) || !s.Refresh.Equal(req.Refresh) ||
				!s.Credential.Equal(req.Credential) || rec.AuthType != req.AuthType ||
				!rec.Expires.Equal(req.Expiry) || !rec.Suspect.IsZero()
		}
		held = held || t.Azure && sameAccount(rec, t) && equalSecret(r, rec, req)
	}
	return !held
}

// Store keeps what Git hands over, in place of an entry of the same identity.
func Store(r *vault.Records, t Target, req *cred.Request, now time.Time) error {
	if !StoreChanges(r, t, req) {
		return vault.ErrUnchanged
	}
	r.Delete(func(rec *vault.Record) bool { return sameEntry(rec, t) })
	rec := vault.Record{
		Kind: vault.Password, Host: t.Host, Org: t.Org, Path: t.Path, HasPath: t.HasPath,
		Account: t.Account, HasAccount: t.HasAccount, AuthType: req.AuthType,
		Created: now, Expires: req.Expiry, Verified: now,
	}
	rec.SetSecrets(vault.Secrets{Secret: req.Password, Refresh: req.Refresh, Credential: req.Credential})
	r.Add(rec)
	return nil
}

// keptByPatrol reports whether patrol has a record of its own for the account
// of t: a token typed into a URL does not take its place unasked.
func keptByPatrol(r *vault.Records, t Target) bool {
	for i := range r.List {
		if rec := &r.List[i]; rec.Ours() && sameAccount(rec, t) {
			return true
		}
	}
	return false
}

// sameAccount reports whether rec is of the organisation of t, and of the
// account of t if it names one.
func sameAccount(rec *vault.Record, t Target) bool {
	return rec.Answers() && rec.Host == t.Host && rec.Org == t.Org &&
		(!t.HasAccount || cred.EqualFold(rec.Account, t.Account))
}

// sameEntry reports whether rec is the entry that a store for t replaces.
func sameEntry(rec *vault.Record, t Target) bool {
	return !rec.Ours() && rec.Host == t.Host && rec.Org == t.Org &&
		rec.HasPath == t.HasPath && rec.Path == t.Path &&
		rec.HasAccount == t.HasAccount && rec.Account == t.Account
}

// Erase does what Git's erase may do: it deletes passwords Git stored, those
// with an equal secret when the request has one; a record of patrol's own with
// an equal secret becomes suspect, and get asks the server before it is used
// again. Anyone who can make Git erase must not be able to destroy a token.
func Erase(r *vault.Records, t Target, req *cred.Request, now time.Time) error {
	changed := false
	for i := range r.List {
		rec := &r.List[i]
		if rec.Ours() && rec.Suspect.IsZero() && rec.Host == t.Host && rec.Org == t.Org && equalSecret(r, rec, req) {
			rec.Suspect, changed = now, true
		}
	}
	deleted := r.Delete(func(rec *vault.Record) bool {
		return !rec.Ours() && matches(rec, t) &&
			(!req.Password.IsSet() && !req.Credential.IsSet() || equalSecret(r, rec, req))
	})
	if deleted == 0 && !changed {
		return vault.ErrUnchanged
	}
	return nil
}

// equalSecret reports whether every secret the request holds is the record's.
func equalSecret(r *vault.Records, rec *vault.Record, req *cred.Request) bool {
	if !req.Password.IsSet() && !req.Credential.IsSet() {
		return false
	}
	s, err := r.Secrets(rec)
	return err == nil && (!req.Password.IsSet() || s.Secret.Equal(req.Password)) &&
		(!req.Credential.IsSet() || s.Credential.Equal(req.Credential))
}
