package lifecycle

import (
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

func TestBackOff(t *testing.T) {
	t.Parallel()
	want := map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 5: 16 * time.Minute, 11: 1024 * time.Minute, 12: 24 * time.Hour, 1000: 24 * time.Hour}
	for tries, after := range want {
		if got := backOff(tries); got != after {
			t.Errorf("after %d tries: %v, want %v", tries, got, after)
		}
	}
}

func everything(*vault.Record) bool { return true }

// What cannot be reached is tried again, ever less often, until it is done or
// has ended by itself.
func TestQueue(t *testing.T) {
	w := newWorld(t)
	w.answer(w.keeper(), "contoso")
	w.fault(emulator.Fault{Kind: emulator.FaultDropBefore, Host: "vssps.dev.azure.com"})
	gone, err := w.keeper().Forget(t.Context(), everything)
	if err != nil || len(gone.Queued) != 1 || len(gone.Revoked) != 0 {
		t.Fatalf("%+v, %v", gone, err)
	}
	for tries := 1; tries <= 4; tries++ {
		q := w.queued()
		if len(q) != 1 || q[0].Tries != tries || q[0].Reason == "" {
			t.Fatalf("after %d tries: %+v", tries, q)
		}
		if wait := q[0].Due.Sub(w.emulator.Now()); wait > backOff(tries) || wait < backOff(tries)-10*time.Second {
			t.Errorf("after %d tries the next is due in %v", tries, wait)
		}
		before := len(w.emulator.Requests())
		if helper.Waiting(w.records(), w.emulator.Now()) {
			t.Error("it is due at once")
		}
		if err := w.keeper().Flush(t.Context()); err != nil || len(w.emulator.Requests()) != before {
			t.Errorf("it is tried before it is due: %v", err)
		}
		w.emulator.Advance(backOff(tries) + time.Second)
		if !helper.Waiting(w.records(), w.emulator.Now()) {
			t.Error("it is never due")
		}
		if err := w.keeper().Flush(t.Context()); err == nil {
			t.Error("no failure is told")
		}
	}
	w.emulator.ClearFaults()
	w.emulator.Advance(time.Hour)
	if err := w.keeper().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.queued()) != 0 || len(w.active()) != 0 || w.kinds(vault.Refresh) != 0 {
		t.Errorf("queued %d, active %d, sign-ins %d", len(w.queued()), len(w.active()), w.kinds(vault.Refresh))
	}
	if w.browser.windows() != 1 {
		t.Errorf("%d windows", w.browser.windows())
	}
}

// Revoking never asks a person, also when the sign-in is over.
func TestQueueWithoutSignIn(t *testing.T) {
	w := newWorld(t)
	w.answer(w.keeper(), "contoso")
	if err := w.emulator.ChangeUser(emulator.UserChange{User: ada, Action: emulator.UserRevoke}); err != nil {
		t.Fatal(err)
	}
	gone, err := w.keeper().Forget(t.Context(), everything)
	if err != nil || len(gone.Queued) != 1 {
		t.Fatalf("%+v, %v", gone, err)
	}
	if w.browser.windows() != 1 {
		t.Errorf("%d windows", w.browser.windows())
	}
	// Signing in again is what it takes.
	k := w.keeper()
	k.Insist = true
	if _, err := k.SignIn(t.Context(), target("contoso")); err != nil {
		t.Fatal(err)
	}
	w.emulator.Advance(2 * time.Minute)
	if err := w.keeper().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rec := w.working("contoso"); len(w.active()) != 1 || w.active()[0] != rec.Name {
		t.Errorf("on the server are %q", w.active())
	}
}

// A token that has ended needs no revoking: its order goes once the server's
// clock says the same as ours, without a sign-in.
func TestQueueEnds(t *testing.T) {
	w := newWorld(t)
	w.answer(w.keeper(), "contoso")
	w.fault(emulator.Fault{Kind: emulator.FaultDropBefore})
	if _, err := w.keeper().Forget(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	w.emulator.Advance(8 * 24 * time.Hour)
	if err := w.keeper().Flush(t.Context()); err == nil || len(w.queued()) != 1 {
		t.Errorf("nothing can be reached, and the order is dropped: %v", err)
	}
	w.emulator.ClearFaults()
	w.emulator.Advance(time.Hour)
	asked := w.asked("POST", EntraHost)
	if err := w.keeper().Flush(t.Context()); err != nil || len(w.queued()) != 0 {
		t.Errorf("%d are queued, %v", len(w.queued()), err)
	}
	if n := w.asked("POST", EntraHost); n != asked {
		t.Errorf("%d sign-ins", n-asked)
	}
}

// ahead is a run of patrol where the clock has jumped.
func (w *world) ahead(jump time.Duration) *Keeper {
	k := w.keeper()
	k.Now = func() time.Time { return w.emulator.Now().Add(jump) }
	k.OAuth.Now = k.Now
	return k
}

// The clock jumps far ahead while an order waits, and nothing can be reached at
// first: the token, which only seems to have ended, is revoked. That is so while
// the clock is wrong, and once it is right again.
func TestQueueClockAhead(t *testing.T) {
	for _, jump := range []time.Duration{8 * 24 * time.Hour, 700000 * time.Hour} {
		for _, stays := range []time.Duration{jump, 0} {
			t.Run(jump.String()+" then "+stays.String(), func(t *testing.T) {
				w := newWorld(t)
				w.answer(w.keeper(), "contoso")
				w.fault(emulator.Fault{Kind: emulator.FaultDropBefore})
				if _, err := w.ahead(jump).Forget(t.Context(), everything); err != nil {
					t.Fatal(err)
				}
				if err := w.ahead(jump).Flush(t.Context()); err != nil || len(w.queued()) != 1 {
					t.Fatalf("queued are %d, %v", len(w.queued()), err)
				}
				w.emulator.ClearFaults()
				w.emulator.Advance(2 * time.Minute)
				k := w.ahead(stays)
				if !helper.Waiting(w.records(), k.Now()) {
					t.Error("it is not due")
				}
				if err := k.Flush(t.Context()); err != nil || len(w.queued()) != 0 || len(w.active()) != 0 {
					t.Errorf("queued %d, active %d, %v", len(w.queued()), len(w.active()), err)
				}
			})
		}
	}
}

// Somebody else has revoked it, in the portal say.
func TestRevokedAlready(t *testing.T) {
	w := newWorld(t)
	w.answer(w.keeper(), "contoso")
	w.emulator.RevokeAll()
	gone, err := w.keeper().Forget(t.Context(), everything)
	if err != nil || len(gone.Revoked) != 1 || len(w.queued()) != 0 {
		t.Errorf("%+v, %v", gone, err)
	}
}

// Logging out as one account leaves the other's sign-in.
func TestForgetOneAccount(t *testing.T) {
	w := newWorld(t)
	for _, upn := range []string{ada, ben} {
		w.sit(upn, "")
		to := target("contoso")
		to.Account, to.HasAccount = upn, true
		if _, _, err := w.keeper().Answer(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := w.keeper().Forget(t.Context(), func(rec *vault.Record) bool { return rec.Account == ben })
	if err != nil || len(gone.Revoked) != 1 {
		t.Fatalf("%+v, %v", gone, err)
	}
	if rec := w.working("contoso"); rec.Account != ada || w.kinds(vault.Refresh) != 1 {
		t.Errorf("left is %+v", rec)
	}
	r := w.records()
	if signedOut(r, "contoso", ada) || signedOut(r, "contoso", "") || !signedOut(r, "contoso", ben) {
		t.Error("the wrong one is signed out")
	}
}

// Who logs out while a token is being made gets none.
func TestForgetWhileMaking(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	s, err := k.access(t.Context(), target("contoso"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.intend(t.Context(), "contoso", s); err != nil {
		t.Fatal(err)
	}
	if _, err := w.keeper().Forget(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	if _, err := k.issue(t.Context(), "contoso", s); err == nil {
		t.Error("a token was made")
	}
	if w.kinds(vault.PAT)+w.kinds(vault.Entra) != 0 || len(w.active()) != 0 {
		t.Errorf("in the vault %d, on the server %d", w.kinds(vault.PAT), len(w.active()))
	}
}
