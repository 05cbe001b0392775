package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// signInLife is how long a sign-in lasts that is not used. See
// https://learn.microsoft.com/entra/identity-platform/refresh-tokens
const signInLife = 90 * 24 * time.Hour

// ending is something that ends soon, or has ended, and is not renewed by itself.
type ending struct {
	What    string    `json:"what"`
	Expires time.Time `json:"expires,omitzero"` // zero: it is over
	Hint    string    `json:"hint"`
}

// statusWarn says in one line what ends within a time.
func (a *app) statusWarn(ctx context.Context, within time.Duration) error {
	s, err := a.session(ctx, false)
	if err != nil {
		return err
	}
	list := []ending{}
	switch r, err := s.peek(ctx); {
	case errors.Is(err, vault.ErrNone):
	case err != nil:
		return err
	default:
		list = append(list, endings(r, a.Now(), within)...)
	}
	if len(list) > 0 {
		a.code = findings
	}
	if a.json {
		return a.printJSON(struct {
			Ending []ending `json:"ending"`
		}{list})
	}
	if len(list) == 0 {
		return nil
	}
	line := list[0].words(a.Now())
	if n := len(list) - 1; n > 0 {
		line += "; and " + count(n, "more thing", "more things") + ": patrol status"
	} else {
		line += ": " + list[0].Hint
	}
	a.print("patrol: %s\n", line)
	return nil
}

func (e *ending) words(now time.Time) string {
	switch {
	case e.Expires.IsZero():
		return e.What + " is over"
	case !now.Before(e.Expires):
		return e.What + " has ended (" + day(e.Expires) + ")"
	}
	return e.What + " ends " + expiryWords(token{Expires: e.Expires}, now)
}

// endings lists what needs a person within a time, the next first.
func endings(r *vault.Records, now time.Time, within time.Duration) []ending {
	var list []ending
	soon := func(at time.Time) bool { return !at.IsZero() && at.Sub(now) <= within }
	for i := range r.List {
		rec := &r.List[i]
		if !rec.Due.IsZero() {
			continue // on its way out
		}
		login := "patrol login " + rec.Org
		switch {
		case rec.Kind == vault.SSH && soon(rec.Expires):
			list = append(list, ending{"the SSH key of " + rec.Org, rec.Expires, "patrol ssh rotate " + rec.Org})
		case rec.Kind == vault.Refresh && rec.Reason != "":
			list = append(list, ending{What: "the sign-in of " + cred.Escape(rec.Account), Hint: "patrol login ORG"})
		case rec.Kind == vault.Refresh && soon(rec.Verified.Add(signInLife)):
			list = append(list, ending{"the sign-in of " + cred.Escape(rec.Account) + ", if nothing uses it,", rec.Verified.Add(signInLife), "patrol token rotate"})
		case rec.Kind == vault.PAT && rec.ServerID == "" && soon(rec.Expires):
			list = append(list, ending{"the " + describe(rec), rec.Expires, "patrol login --pat " + rec.Org})
		case lifecycle.Renewable(rec) && soon(rec.Expires) && (rec.Tries > 0 || !renews(r, rec)):
			list = append(list, ending{"the " + describe(rec), rec.Expires, login})
		}
	}
	slices.SortStableFunc(list, func(x, y ending) int { return x.Expires.Compare(y.Expires) })
	return list
}

// renews reports whether the sign-in is kept that a successor is made from.
func renews(r *vault.Records, rec *vault.Record) bool {
	return slices.ContainsFunc(r.List, func(s vault.Record) bool {
		return s.Kind == vault.Refresh && s.Reason == "" && s.Due.IsZero() && s.Tenant == rec.Tenant && cred.EqualFold(s.Account, rec.Account)
	})
}
