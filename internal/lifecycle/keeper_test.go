package lifecycle

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

func TestAnswerMakesANarrowToken(t *testing.T) {
	w := newWorld(t)
	rec := w.answer(w.keeper(), "contoso")
	if rec.Kind != vault.PAT || rec.Account != ada || rec.Scopes != patScope || rec.ServerID == "" || rec.Tenant == "" {
		t.Errorf("the record is %+v", rec)
	}
	if life := rec.Expires.Sub(rec.Created); life > patLife+time.Second || life < patLife-time.Minute {
		t.Errorf("it lives for %v", life)
	}
	if prefix := "patrol machine " + w.records().ID + "-"; !strings.HasPrefix(rec.Name, prefix) || len(rec.Name) != len(prefix)+16 {
		t.Errorf("its name is %q", rec.Name)
	}
	w.working("contoso")
	if n := w.kinds(vault.Intent); n != 0 {
		t.Errorf("%d intents are left", n)
	}
}

// Processes that want the same at once make it once.
func TestAnswerOnce(t *testing.T) {
	w := newWorld(t)
	const many = 12
	ids := make([]string, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			_, rec, err := w.keeper().Answer(context.Background(), target("contoso"))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = rec.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("the answers are %v", ids)
			break
		}
	}
	if len(w.active()) != 1 || w.browser.windows() != 1 {
		t.Errorf("%d tokens, %d windows", len(w.active()), w.browser.windows())
	}
}

// answerWhileLocked asks with nobody there, while somebody holds contoso's lock,
// and says how long that took.
func (w *world) answerWhileLocked(want error) time.Duration {
	w.Helper()
	unlock, err := w.vault.Lock(w.Context(), orgLock("contoso"))
	if err != nil {
		w.Fatal(err)
	}
	defer unlock()
	k := w.keeper()
	k.Person = false
	begin := time.Now()
	if _, _, err := k.Answer(w.Context(), target("contoso")); !errors.Is(err, want) {
		w.Errorf("the error is %v", err)
	}
	return time.Since(begin)
}

// Where nothing can be done, that is said without a lock or a request.
func TestHopelessAtOnce(t *testing.T) {
	w := newWorld(t)
	if took := w.answerWhileLocked(helper.ErrNoRecord); took > quietWait/2 {
		t.Errorf("it took %v", took)
	}
	if n := len(w.emulator.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Each process without a person gives up on a lock that nobody lets go.
func TestLockIsNotWaitedForEver(t *testing.T) {
	w := newWorld(t)
	w.answer(w.keeper(), "contoso")
	w.emulator.Advance(8 * 24 * time.Hour)
	if took := w.answerWhileLocked(vault.ErrBusy); took < quietWait-time.Second || took > quietWait+3*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCoolDown(t *testing.T) {
	w := newWorld(t)
	w.sit(ada, "cancel")
	if _, _, err := w.keeper().Answer(t.Context(), target("contoso")); err == nil || errors.Is(err, ErrCooling) {
		t.Fatalf("the error is %v", err)
	}
	w.sit(ada, "")
	w.emulator.Advance(coolDown - time.Minute)
	if _, _, err := w.keeper().Answer(t.Context(), target("contoso")); !errors.Is(err, ErrCooling) {
		t.Errorf("the error is %v", err)
	}
	w.emulator.Advance(2 * time.Minute)
	w.answer(w.keeper(), "contoso")
	if w.browser.windows() != 2 {
		t.Errorf("%d windows", w.browser.windows())
	}
}

// A process that ends with its context, as when Git is killed, does not keep the
// next one from asking.
func TestGivingUpIsNoCancel(t *testing.T) {
	w := newWorld(t)
	w.sit(ada, "close")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, _, err := w.keeper().Answer(ctx, target("contoso"))
		ended <- err
	}()
	for w.browser.windows() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	w.sit(ada, "")
	w.answer(w.keeper(), "contoso")
}

// A resource that wants more proved than the sign-in did gets it.
func TestClaimsChallenge(t *testing.T) {
	w := newWorld(t)
	w.answer(w.keeper(), "contoso")
	w.emulator.Advance(8 * 24 * time.Hour)
	if err := w.emulator.SetOrgPolicy("contoso", emulator.OrgPolicy{ClaimsChallenge: true}); err != nil {
		t.Fatal(err)
	}
	w.answer(w.keeper(), "contoso")
	w.working("contoso")
}

func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*world)
		same   bool  // the answer is the token of before
		err    error // or there is none
	}{
		"alive":       {func(*world) {}, true, nil},
		"dead":        {func(w *world) { w.emulator.RevokeAll() }, false, nil},
		"unreachable": {func(w *world) { w.fault(emulator.Fault{Kind: emulator.FaultDropBefore, Path: "*connectionData"}) }, false, errAny},
		"throttled":   {func(w *world) { w.fault(emulator.Fault{Kind: emulator.FaultThrottled, Path: "*connectionData"}) }, false, errAny},
		"a portal":    {func(w *world) { w.fault(emulator.Fault{Kind: emulator.FaultGarbage, Path: "*connectionData"}) }, false, errAny},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.answer(w.keeper(), "contoso")
			w.emulator.Advance(2 * time.Hour)
			w.suspect(first.ID)
			test.before(w)
			_, rec, err := w.keeper().Answer(t.Context(), target("contoso"))
			switch {
			case test.err != nil:
				if err == nil {
					t.Fatal("there is an answer")
				}
				if again := w.records().Find(first.ID); again == nil || again.Suspect.IsZero() {
					t.Errorf("the record is %+v", again)
				}
			case err != nil:
				t.Fatal(err)
			case (rec.ID == first.ID) != test.same:
				t.Errorf("the answer is %s, it was %s", rec.ID, first.ID)
			default:
				w.working("contoso")
			}
		})
	}
}

var errAny = errors.New("any")

// suspect does what Git's erase does.
func (w *world) suspect(id string) {
	w.Helper()
	err := w.keeper().update(w.Context(), func(r *vault.Records) error {
		r.Find(id).Suspect = w.emulator.Now()
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}
