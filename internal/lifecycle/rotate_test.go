package lifecycle

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/vault"
)

const day = 24 * time.Hour

func TestRenewAt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for life, after := range map[time.Duration]time.Duration{
		7 * day: 126 * time.Hour, day: 18 * time.Hour, time.Hour: 45 * time.Minute,
		5 * time.Minute: tooOften, time.Minute: tooOften, -time.Hour: tooOften,
	} {
		if got := renewAt(now, now.Add(life)).Sub(now); got != after {
			t.Errorf("a life of %v is renewed after %v, want %v", life, got, after)
		}
	}
	if !renewAt(now, time.Time{}).IsZero() {
		t.Error("what has no end is renewed")
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	busy := &azdo.Error{Kind: azdo.ErrThrottled, RetryAfter: 7 * time.Minute}
	for _, row := range []struct {
		err  error
		want time.Duration
	}{
		{errors.New("the disk is full"), 0},
		{busy, 7 * time.Minute},
		{errors.Join(busy, &oauth.Error{Kind: oauth.ErrTemporary, RetryAfter: time.Hour}), time.Hour},
		{&azdo.PATError{Value: "disablePatCreationPolicyViolation"}, verdictLife},
		{ErrNobody, verdictLife},
	} {
		if got := patience(row.err); got != row.want {
			t.Errorf("%v: %v, want %v", row.err, got, row.want)
		}
	}
}

// upkeep does what a run in the background does.
func (w *world) upkeep(id string) {
	w.Helper()
	if err := w.keeper().Upkeep(w.Context(), id); err != nil {
		w.Fatal(err)
	}
}

// However short the lives are that a policy grants, and however often Git asks,
// no more than two tokens live, and a renewal is made once in its time.
func TestShortLives(t *testing.T) {
	w := newWorld(t)
	if err := w.emulator.SetTenantPolicy("contoso", emulator.TenantPolicy{MaxPATDays: 1}); err != nil {
		t.Fatal(err)
	}
	w.answer(w.keeper(), "contoso")
	const hours, every = 5 * 24, time.Hour
	for range hours {
		w.emulator.Advance(every)
		rec, err := helper.Pick(w.records(), target("contoso"), w.emulator.Now())
		if err != nil {
			t.Fatalf("a command fails: %v", err)
		}
		if now := w.emulator.Now(); helper.RenewalDue(rec, now) || helper.Waiting(w.records(), now) {
			w.upkeep(rec.ID)
		}
		if n := len(w.active()); n > 2 {
			t.Fatalf("%d tokens live", n)
		}
		w.working("contoso")
	}
	if made, most := len(w.emulator.State().PATs), hours/18+1; made > most {
		t.Errorf("%d tokens were made, more than %d", made, most)
	}
	if w.browser.windows() != 1 {
		t.Errorf("%d windows", w.browser.windows())
	}
}

// A predecessor still waits for its day to be over when the next token is made:
// it goes first, so that no third one lives.
func TestNoThird(t *testing.T) {
	w := newWorld(t)
	first := *w.answer(w.keeper(), "contoso")
	w.emulator.Advance(6 * day)
	w.upkeep(first.ID)
	if n := len(w.active()); n != 2 {
		t.Fatalf("%d live", n)
	}
	k := w.keeper()
	second := *w.working("contoso")
	third, err := k.Rotate(t.Context(), second.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.active()); n != 2 || slices.Contains(w.active(), first.Name) {
		t.Errorf("live are %q", w.active())
	}
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.active(); len(got) != 1 || got[0] != third.Name {
		t.Errorf("live are %q, want %q alone", got, third.Name)
	}
	if w.working("contoso").ID != third.ID || third.Predecessor != second.ID || third.Verified.IsZero() {
		t.Errorf("the successor is %+v", third)
	}

	// Where the one before cannot be revoked, the renewal waits: there is time.
	w.emulator.Advance(6 * day)
	w.upkeep(third.ID)
	fourth := *w.working("contoso")
	w.fault(emulator.Fault{Kind: emulator.FaultDropBefore, Host: "vssps.dev.azure.com", Method: "DELETE"})
	if _, err := w.keeper().Rotate(t.Context(), fourth.ID); err == nil {
		t.Error("a third was made")
	}
	if n := len(w.active()); n != 2 || w.working("contoso").ID != fourth.ID {
		t.Errorf("%d live", n)
	}
}

// Rotate and RenewDue leave alone what is not theirs, or gone.
func TestRotateWhat(t *testing.T) {
	w := newWorld(t)
	rec := *w.answer(w.keeper(), "contoso")
	if err := w.keeper().RenewDue(t.Context(), rec.ID); err != nil || len(w.active()) != 1 {
		t.Errorf("not due, and yet: %v, %q", err, w.active())
	}
	if _, err := w.keeper().Rotate(t.Context(), "0123456789abcdef"); !errors.Is(err, helper.ErrNoRecord) {
		t.Errorf("one that is not there: %v", err)
	}
	err := w.keeper().update(t.Context(), func(r *vault.Records) error {
		r.Add(vault.Record{ID: "pasted", Kind: vault.PAT, Host: helper.AzureHost, Org: "fabrikam", Account: ada, HasAccount: true})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.keeper().Rotate(t.Context(), "pasted"); !errors.Is(err, ErrNotOurs) {
		t.Errorf("one made in the portal: %v", err)
	}
	if _, err := w.keeper().Rotate(t.Context(), w.signIn().ID); err == nil {
		t.Error("a sign-in is rotated")
	}
}

// signIn is the one sign-in of the vault.
func (w *world) signIn() *vault.Record {
	r := w.records()
	for i := range r.List {
		if r.List[i].Kind == vault.Refresh {
			return &r.List[i]
		}
	}
	w.Fatal("no sign-in is kept")
	return nil
}

// A token that is revoked leaves the person signed in: Git gets a new one.
func TestRevoke(t *testing.T) {
	w := newWorld(t)
	first := *w.answer(w.keeper(), "contoso")
	list, unlisted, err := w.keeper().ListServer(t.Context(), []string{"contoso"})
	if err != nil || len(unlisted) != 0 {
		t.Fatalf("%+v, %v", unlisted, err)
	}
	revoked, queued, err := w.keeper().RevokeListed(t.Context(), list)
	if err != nil || len(revoked) != 1 || len(queued) != 0 {
		t.Fatalf("%+v, %+v, %v", revoked, queued, err)
	}
	if len(w.active()) != 0 || w.kinds(vault.Refresh) != 1 {
		t.Errorf("live are %q, sign-ins %d", w.active(), w.kinds(vault.Refresh))
	}

	// Nothing to revoke, and no token: the sign-in stays all the same.
	revoked, queued, err = w.keeper().RevokeListed(t.Context(), nil)
	if err != nil || len(revoked) != 0 || len(queued) != 0 || w.kinds(vault.Refresh) != 1 {
		t.Errorf("%+v, %+v, %v", revoked, queued, err)
	}
	if r := w.records(); signedOut(r, "contoso", ada) {
		t.Error("signed out")
	}
	second := w.answer(w.keeper(), "contoso")
	if second.ID == first.ID || w.browser.windows() != 1 {
		t.Errorf("%d windows", w.browser.windows())
	}
	w.working("contoso")
}
