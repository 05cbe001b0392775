package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/vault"
)

// liar is a proxy in the way that changes what is said of new tokens.
type liar struct {
	honest http.RoundTripper
	lie    func(token map[string]any) // nil: the truth
}

// RoundTrip implements http.RoundTripper.
func (l *liar) RoundTrip(r *http.Request) (*http.Response, error) {
	reply, err := l.honest.RoundTrip(r)
	if err != nil || l.lie == nil || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/_apis/tokens/pats") {
		return reply, err
	}
	defer reply.Body.Close()
	var said map[string]any
	if err := json.NewDecoder(reply.Body).Decode(&said); err != nil {
		return nil, err
	}
	if token, ok := said["patToken"].(map[string]any); ok {
		l.lie(token)
	}
	body, err := json.Marshal(said)
	reply.Body, reply.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return reply, err
}

// lied is a keeper behind a liar.
func (w *world) lied(lie func(map[string]any)) *Keeper {
	k := w.keeper()
	transport := azdo.NewTransport(azdo.TransportConfig{
		Settings: func(string) (azdo.Settings, error) { return azdo.Settings{CAFile: w.emulator.CAFile()}, nil },
		Environ:  w.emulator.Env(),
	})
	w.Cleanup(transport.CloseIdleConnections)
	k.Server = azdo.New(azdo.Config{Version: "test", Transport: &liar{transport, lie}, Now: w.emulator.Now})
	return k
}

// What a server says of a new token may be wrong. Then it is given to nobody, what
// works goes on working, and no other token is revoked for it.
func TestLiesAboutNewTokens(t *testing.T) {
	for name, lie := range map[string]func(map[string]any){
		"ended":     func(token map[string]any) { token["validTo"] = "2020-01-01T00:00:00Z" },
		"in 1970":   func(token map[string]any) { token["validTo"] = "1970-01-01T00:00:00Z" },
		"no end":    func(token map[string]any) { token["validTo"] = nil },
		"another's": func(token map[string]any) { token["displayName"] = "another" },
		"known id":  nil, // below
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			present := w.answer(w.keeper(), "contoso")
			_, foreign, err := w.emulator.Mint(emulator.MintOptions{User: ada, Organization: "contoso", Scope: "vso.code", Life: emulator.Duration(30 * day), Name: "Ada's own"})
			if err != nil {
				t.Fatal(err)
			}
			if lie == nil {
				lie = func(token map[string]any) { token["authorizationId"] = present.ServerID }
			} else if name == "another's" {
				honest := lie
				lie = func(token map[string]any) { honest(token); token["authorizationId"] = foreign.ID }
			}
			w.emulator.Advance(6 * day)
			if err := w.lied(lie).RenewDue(t.Context(), present.ID); !errors.Is(err, azdo.ErrOrphan) {
				t.Errorf("the renewal ended with %v", err)
			}
			if rec := w.working("contoso"); rec.ID != present.ID {
				t.Errorf("the answer is %+v", rec)
			}
			w.emulator.Advance(time.Hour)
			w.upkeep(present.ID)
			if rec := w.working("contoso"); rec.ID == present.ID {
				t.Error("it was not renewed later")
			}
			w.emulator.Advance(25 * time.Hour)
			w.upkeep("")
			if live := w.active(); len(live) != 2 || !slices.Contains(live, "Ada's own") {
				t.Errorf("alive are %q", live)
			}
		})
	}
}

// A token that is said to live for a thousand years is renewed as if it lived for
// as long as was asked.
func TestLongLife(t *testing.T) {
	w := newWorld(t)
	rec := w.answer(w.lied(func(token map[string]any) { token["validTo"] = "9999-12-31T23:59:59Z" }), "contoso")
	if rec.Kind != vault.PAT || rec.Until.Sub(rec.Created) != patLife*3/4 {
		t.Errorf("%+v", rec)
	}
}

// In line, where nothing works, Git gets an access token when no token that is made
// can be used; and nothing is made at each Git.
func TestLiesInLine(t *testing.T) {
	w := newWorld(t)
	k := w.lied(func(token map[string]any) { token["validTo"] = "2020-01-01T00:00:00Z" })
	for range 3 {
		if rec := w.answer(k, "contoso"); rec.Kind != vault.Entra {
			t.Errorf("%+v", rec)
		}
	}
	if len(w.said) != 1 || !strings.Contains(w.said[0], "it made one that cannot be used: the token has ended before it was made") {
		t.Errorf("said was %q", w.said)
	}
	w.emulator.Advance(2 * time.Minute)
	w.upkeep("")
	w.emulator.Advance(2 * time.Hour)
	w.upkeep("")
	if live := w.active(); len(live) != 0 || w.kinds(vault.Intent) != 0 {
		t.Errorf("alive are %q, and %d intents", live, w.kinds(vault.Intent))
	}
}
