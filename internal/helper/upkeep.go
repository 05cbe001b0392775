package helper

import (
	"os"
	"time"

	"github.com/gitpatrol/patrol/internal/vault"
)

// UpkeepLock is held by the one process that does what is due in the background.
const UpkeepLock = "upkeep.lock"

// Detach runs patrol in the background with the given arguments. It hands the
// lock over to it.
type Detach func(lock *os.File, args ...string)

// Upkeep starts what is due, if anything is and nobody does it yet. Nobody waits
// for it.
func Upkeep(v *vault.Vault, r *vault.Records, rec *vault.Record, now time.Time, start Detach) {
	id, due := Due(r, rec, now)
	if !due {
		return
	}
	lock, err := v.TryLock(UpkeepLock)
	if err != nil {
		return // somebody is at it; or nothing can be written here, and renewed neither
	}
	defer lock.Close()
	if id == "" {
		start(lock, "upkeep")
		return
	}
	start(lock, "upkeep", id)
}

// Due reports whether anything is due: the renewal of rec, which was just handed
// out (nil: none), and then its id, or revocations.
func Due(r *vault.Records, rec *vault.Record, now time.Time) (id string, due bool) {
	if rec != nil && RenewalDue(rec, now) {
		return rec.ID, true
	}
	return "", Waiting(r, now) || Unsettled(r, now)
}

// RenewalDue reports whether a successor of rec should be made. A record that
// patrol cannot renew has no time for it; one whose renewal failed, a later one.
func RenewalDue(rec *vault.Record, now time.Time) bool {
	return rec.Answers() && !rec.Until.IsZero() && !now.Before(rec.Until)
}

// longest is more than the time for which any try is put off: a day.
const longest = 25 * time.Hour

// Arrived reports whether it is time for what was put off until at. It is also
// when that is too far away: it was written down by a clock that was ahead.
func Arrived(at, now time.Time) bool { return !now.Before(at) || at.After(now.Add(longest)) }

// Waiting reports whether anything is due to be revoked now.
func Waiting(r *vault.Records, now time.Time) bool {
	for i := range r.List {
		if rec := &r.List[i]; rec.Kind == vault.PAT && !rec.Due.IsZero() && Arrived(rec.Due, now) {
			return true
		}
	}
	return false
}

// Unsettled reports whether a token may have been made that nobody has, and it
// is time to look for it: its making began a while ago and did not end.
func Unsettled(r *vault.Records, now time.Time) bool {
	for i := range r.List {
		if rec := &r.List[i]; rec.Kind == vault.Intent && now.Sub(rec.Created).Abs() > time.Minute && Arrived(rec.Until, now) {
			return true
		}
	}
	return false
}
