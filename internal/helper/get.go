package helper

import (
	"errors"
	"slices"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Why an Azure request has no answer in the vault.
var (
	ErrNoRecord = errors.New("there is no token for this organisation")
	ErrAccount  = errors.New("the token is of another account")
	ErrExpired  = errors.New("the token has expired")
	ErrSuspect  = errors.New("the server refused the token")
	ErrClock    = errors.New("the clock was put back since the token was made")
	ErrOrg      = errors.New("this organisation is not on the list of allowed ones")
)

// Pick returns the record that answers t at now. For a generic host without
// one it returns nil and no error. For Azure the error says why there is none,
// and the record, when there is one, which was meant.
func Pick(r *vault.Records, t Target, now time.Time) (*vault.Record, error) {
	if !t.Azure {
		for i := range r.List {
			if rec := &r.List[i]; matches(rec, t) && rec.HasPath == t.HasPath && !rec.Dead(now) {
				return rec, nil
			}
		}
		return nil, nil
	}
	if !Allowed(r, t.Org) {
		return nil, ErrOrg
	}
	return pickAzure(r, t, now)
}

// Allowed reports whether the vault's list of organisations, if any, has org.
func Allowed(r *vault.Records, org string) bool {
	return len(r.AllowOrg) == 0 || slices.Contains(r.AllowOrg, org)
}

// pickAzure prefers what patrol made or verified to what Git stored, then the
// newest. An expired or suspect record is passed over but remembered as the
// reason.
func pickAzure(r *vault.Records, t Target, now time.Time) (best *vault.Record, reason error) {
	reason = ErrNoRecord
	for i := range r.List {
		rec := &r.List[i]
		if rec.Host != t.Host || rec.Org != t.Org || !rec.Answers() {
			continue
		}
		why := usable(rec, t, now)
		switch {
		case why == nil && (reason != nil || rec.Ours() && !best.Ours()):
			best, reason = rec, nil
		case reason != nil && rank(why) > rank(reason):
			best, reason = rec, why
		}
	}
	return best, reason
}

func usable(rec *vault.Record, t Target, now time.Time) error {
	switch {
	case t.HasAccount && !cred.EqualFold(rec.Account, t.Account):
		return ErrAccount
	case rec.Dead(now):
		return ErrExpired
	case !rec.Suspect.IsZero():
		return ErrSuspect
	case !rec.Until.IsZero() && now.Before(rec.Verified.Add(-skew)):
		return ErrClock
	}
	return nil
}

// skew is how far a clock is put right now and then: by no more than this.
const skew = 5 * time.Minute

// rank orders reasons by how much they help a person.
func rank(reason error) int {
	return slices.Index([]error{ErrNoRecord, ErrAccount, ErrExpired, ErrClock, ErrSuspect}, reason)
}

// matches is Git's rule for generic hosts: what the request does not say
// matches anything, what it says must be equal.
// See credential_match in https://git-scm.com/docs/api-credentials.
func matches(rec *vault.Record, t Target) bool {
	return rec.Answers() && rec.Host == t.Host && rec.Org == t.Org &&
		(!t.HasPath || rec.HasPath && rec.Path == t.Path) &&
		(!t.HasAccount || rec.HasAccount && rec.Account == t.Account)
}

// Answer makes the reply of a record to a request. Azure gets user name and
// password whatever the caller can do: typed credentials break large pushes
// of Git 2.46 to 2.53 (https://github.com/git/git/commit/ed0f7a62f7).
func Answer(r *vault.Records, rec *vault.Record, t Target, req *cred.Request) (cred.Reply, error) {
	s, err := r.Secrets(rec)
	if err != nil {
		return cred.Reply{}, err
	}
	if t.Azure {
		if s.Secret.Reveal() == "" { // a user name alone would make Git ask for the rest
			return cred.Reply{}, ErrNoRecord
		}
		user := req.Username
		if user == "" {
			user = t.Org
		}
		return cred.Reply{Username: user, HasUsername: true, Password: s.Secret, Expiry: rec.Expires}, nil
	}
	reply := cred.Reply{Username: rec.Account, HasUsername: rec.HasAccount, Expiry: rec.Expires}
	typed := s.Credential.IsSet() && req.Announces("authtype")
	if !typed && !s.Secret.IsSet() {
		return cred.Reply{}, nil
	}
	reply.Password, reply.Refresh = s.Secret, s.Refresh
	if typed {
		reply.AuthType, reply.Credential = rec.AuthType, s.Credential
	}
	return reply, nil
}

// WhyNot says in words why a record of the same host does not answer t.
func WhyNot(rec *vault.Record, t Target, now time.Time) string {
	switch {
	case rec.Org != t.Org:
		return "it is for " + rec.Org
	case t.Azure:
		if err := usable(rec, t, now); err != nil {
			return err.Error()
		}
	case rec.HasPath != t.HasPath || rec.Path != t.Path:
		return "it is for another path"
	case t.HasAccount && rec.Account != t.Account:
		return ErrAccount.Error()
	case rec.Dead(now):
		return ErrExpired.Error()
	}
	return "another one goes first"
}
