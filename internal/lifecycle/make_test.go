package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/vault"
)

// A run may be killed at any point. At each, there is a working token in the
// vault for whoever had one, and what the server has that the vault has not is
// gone after the next run.
func TestKilledAtEachGap(t *testing.T) {
	for name, run := range map[string]func(*world, *Keeper, signedIn){
		"after the intent": func(w *world, k *Keeper, s signedIn) {
			if _, err := k.intend(w.Context(), "contoso", s); err != nil {
				w.Fatal(err)
			}
		},
		"after the making": func(w *world, k *Keeper, s signedIn) {
			name, err := k.intend(w.Context(), "contoso", s)
			if err == nil {
				_, err = k.Server.CreatePAT(w.Context(), "contoso", azdo.Bearer(s.token), azdo.PATRequest{
					DisplayName: name, Scopes: []string{patScope}, Expires: k.Now().Add(patLife),
				})
			}
			if err != nil {
				w.Fatal(err)
			}
		},
		"after the storing": func(w *world, k *Keeper, s signedIn) {
			if _, err := k.mint(w.Context(), "contoso", s); err != nil {
				w.Fatal(err)
			}
		},
		"after the revoking": func(w *world, k *Keeper, s signedIn) {
			if _, err := k.mint(w.Context(), "contoso", s); err != nil {
				w.Fatal(err)
			}
			rec := w.queued()[0]
			if err := k.revoke(w.Context(), rec, s); err != nil {
				w.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answer(w.keeper(), "contoso")
			k := w.keeper()
			s, err := k.access(t.Context(), target("contoso"), "")
			if err != nil {
				t.Fatal(err)
			}
			run(w, k, s)
			w.working("contoso")

			if err := w.keeper().Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			rec := w.working("contoso")
			if active := w.active(); !slices.Equal(active, []string{rec.Name}) {
				t.Errorf("on the server are %q, the vault has %q", active, rec.Name)
			}
			if n := len(w.queued()); n != 0 {
				t.Errorf("%d are queued", n)
			}

			w.emulator.Advance(again + time.Minute)
			if err := w.keeper().Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := w.kinds(vault.Intent); n != 0 {
				t.Errorf("%d intents are left", n)
			}
		})
	}
}

// queued lists the tokens that are to be revoked.
func (w *world) queued() []vault.Record {
	w.Helper()
	var list []vault.Record
	for _, rec := range w.records().List {
		if rec.Kind == vault.PAT && !rec.Due.IsZero() {
			list = append(list, rec)
		}
	}
	return list
}

// An orphan is exactly a token with a name that this vault has written down:
// not another vault's, not one that looks alike, not the person's own.
func TestSweepTakesNothingElse(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	s, err := k.access(t.Context(), target("contoso"), "")
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := k.intend(t.Context(), "contoso", s)
	if err != nil {
		t.Fatal(err)
	}
	id := w.records().ID
	others := []string{
		"patrol machine 0123456789abcdef-" + orphan[len(orphan)-16:], // another vault, the same nonce
		"patrol machine " + id + "-0123456789abcdef",                 // this vault, a nonce it does not know
		orphan + "0", "laptop",
	}
	for _, name := range append([]string{orphan}, others...) {
		_, err := k.Server.CreatePAT(t.Context(), "contoso", azdo.Bearer(s.token), azdo.PATRequest{
			DisplayName: name, Scopes: []string{patScope}, Expires: k.Now().Add(patLife),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.active(); !slices.Equal(got, others) {
		t.Errorf("left are %q, want %q", got, others)
	}
}

// While somebody makes a token, its intent is not taken for an orphan's.
func TestSweepLeavesWhatIsBeingMade(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	s, err := k.access(t.Context(), target("contoso"), "")
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := w.vault.Lock(t.Context(), orgLock("contoso"))
	if err != nil {
		t.Fatal(err)
	}
	name, err := k.intend(t.Context(), "contoso", s)
	if err == nil {
		_, err = k.Server.CreatePAT(t.Context(), "contoso", azdo.Bearer(s.token), azdo.PATRequest{
			DisplayName: name, Scopes: []string{patScope}, Expires: k.Now().Add(patLife),
		})
	}
	if err == nil {
		err = w.keeper().Flush(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(w.active()) != 1 {
		t.Error("it was revoked")
	}
	unlock()
	if err := w.keeper().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.active()) != 0 {
		t.Error("it stays")
	}
}

// A refusal of the organisation, the tenant or the service ends in an Entra
// token; one of our own request does not.
func TestRefusals(t *testing.T) {
	for value, entra := range map[string]bool{
		"disablePatCreationPolicyViolation": true, "failedToReadOrgPolicy": true, "failedToReadTenantPolicy": true,
		"fullScopePatPolicyViolation": true, "patLifespanPolicyViolation": true, "globalPatPolicyViolation": true,
		"accessDenied": true, "invalidUserType": true, "invalidClientId": true, "somethingNew": true,
		"invalidScope": false, "invalidValidTo": false, "invalidDisplayName": false,
	} {
		t.Run(value, func(t *testing.T) {
			w := newWorld(t)
			if err := w.emulator.SetOrgPolicy("contoso", emulator.OrgPolicy{PATError: value}); err != nil {
				t.Fatal(err)
			}
			_, rec, err := w.keeper().Answer(t.Context(), target("contoso"))
			if !entra {
				if err == nil {
					t.Errorf("the answer is of kind %s", rec.Kind)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if rec.Kind != vault.Entra || len(w.said) != 1 {
				t.Errorf("the answer is of kind %s; patrol says %q", rec.Kind, w.said)
			}
			w.working("contoso")
			reason, until := Verdict(w.records(), "contoso", w.emulator.Now())
			if strings.HasPrefix(value, "failedToRead") { // for now
				if reason != "" {
					t.Errorf("the verdict is %q", reason)
				}
				return
			}
			if reason == "" || until.After(w.emulator.Now().Add(verdictLife)) {
				t.Errorf("the verdict is %q until %v", reason, until)
			}
		})
	}
}

// A verdict is good for a day, and a token that was made ends it.
func TestVerdictEnds(t *testing.T) {
	w := newWorld(t)
	restrict := func(on bool) {
		if err := w.emulator.SetOrgPolicy("contoso", emulator.OrgPolicy{RestrictPATs: on}); err != nil {
			t.Fatal(err)
		}
	}
	restrict(true)
	w.answer(w.keeper(), "contoso")
	restrict(false)
	tries := w.asked("POST", "vssps.dev.azure.com")

	w.emulator.Advance(verdictLife - time.Minute)
	if rec := w.answer(w.keeper(), "contoso"); rec.Kind != vault.Entra {
		t.Errorf("within the day: a %s", rec.Kind)
	}
	if n := w.asked("POST", "vssps.dev.azure.com"); n != tries {
		t.Errorf("%d tries, it were %d", n, tries)
	}
	w.emulator.Advance(3 * time.Hour)
	if rec := w.answer(w.keeper(), "contoso"); rec.Kind != vault.PAT {
		t.Errorf("after it: a %s", rec.Kind)
	}
	if reason, _ := Verdict(w.records(), "contoso", w.emulator.Now()); reason != "" {
		t.Errorf("the verdict is still %q", reason)
	}
	if w.browser.windows() != 1 {
		t.Errorf("%d windows", w.browser.windows())
	}
}
