package lifecycle

import (
	"time"

	"github.com/gitpatrol/patrol/internal/vault"
)

// issuedFor is how long a secret without an end is remembered as handed out:
// the longest life of a personal access token. See
// https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
const issuedFor = 366 * 24 * time.Hour

// Adopt copies into r what another vault has and r has no equal of: tokens,
// passwords, sign-ins, what is still to be revoked or looked for, and the
// tenants of organisations. What else was known is out of date. It says how
// many records came over and how many cannot be read.
func Adopt(r, old *vault.Records, now time.Time) (adopted, damaged int) {
	for i := len(old.List) - 1; i >= 0; i-- { // Add puts the newest first
		rec := &old.List[i]
		if rec.Kind == vault.Policy && rec.Name != tenantPolicy || hasEqual(r, rec) {
			continue
		}
		secrets, err := old.Secrets(rec)
		if err != nil {
			damaged++
			continue
		}
		mine := *rec
		mine.SetSecrets(secrets)
		r.Add(mine)
		adopted++
		if mine.Answers() && mine.Ours() && secrets.Secret.IsSet() {
			end := mine.Expires
			if end.IsZero() {
				end = now.Add(issuedFor)
			}
			r.Remember(secrets.Secret, end, now)
		}
	}
	if len(r.AllowOrg) == 0 {
		r.AllowOrg = old.AllowOrg
	}
	return adopted, damaged
}

// hasEqual reports whether r has the record, or one for the same use.
func hasEqual(r *vault.Records, rec *vault.Record) bool {
	if r.Find(rec.ID) != nil {
		return true
	}
	for i := range r.List {
		have := &r.List[i]
		if have.Kind != rec.Kind || have.Org != rec.Org || have.Account != rec.Account {
			continue
		}
		switch {
		case rec.Answers() && have.Answers():
			if have.Host == rec.Host && have.Path == rec.Path && have.HasPath == rec.HasPath && have.AuthType == rec.AuthType {
				return true
			}
		case rec.Kind == vault.Refresh:
			if have.Tenant == rec.Tenant && rec.Due.IsZero() == have.Due.IsZero() {
				return true
			}
		case rec.Kind == vault.Policy && have.Name == rec.Name, rec.Kind == vault.SSH && have.Host == rec.Host: // one for each
			return true
		}
	}
	return false
}
