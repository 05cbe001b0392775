//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// signedIn is a home in which somebody signed in to an emulator that runs.
type signedIn struct {
	w     *world
	home  string
	env   []string
	token string // that was the last answer
}

// measureRenewal starts many helpers with a token that has ended, with one that
// ends soon, and with one that does not, in turn. Refresh tokens are good for one
// use, as an identity provider may have it: a second use would end the sign-in.
func measureRenewal(ctx context.Context, w *world, r *report) error {
	const rounds = 10
	vars, stop, err := w.emulator(ctx)
	if err != nil {
		return err
	}
	defer stop()
	s, err := w.signIn(ctx, vars)
	if err != nil {
		return err
	}
	kinds := []*struct {
		name string
		ask  func(context.Context) (crowd, error)
		all  []crowd
	}{{name: "a token far from its end", ask: s.cached}, {name: "a token in its last quarter", ask: s.soon}, {name: "a token that has ended", ask: s.over}}
	for range rounds {
		for _, k := range kinds {
			one, err := k.ask(ctx)
			if err != nil {
				return fmt.Errorf("%d gets of %s: %w", many, k.name, err)
			}
			k.all = append(k.all, one)
		}
	}
	var rows []row
	for i, k := range kinds {
		rows = append(rows, row{name: fmt.Sprintf("%d x get of %s", many, k.name), wall: median(k.all, func(c crowd) time.Duration { return c.wall })})
		wrong := 0
		for _, c := range k.all {
			wrong += c.wrong
		}
		r.none(fmt.Sprintf("of %d gets of %s, %d at a time, failed or gave another", many*rounds, k.name, many), wrong)
		if i > 0 {
			one(r, fmt.Sprintf("requests to Entra's token endpoint by %d helpers at once with %s", many, k.name), k.all, func(c crowd) int { return c.refreshes })
			one(r, fmt.Sprintf("tokens made by %d helpers at once with %s", many, k.name), k.all, func(c crowd) int { return c.made })
		}
	}
	r.add(table{
		title: "Renewal",
		text: fmt.Sprintf("%d processes at once, signed in at the emulator; the time is until the last has answered. "+
			"In the last quarter of its life, all get the present token, and one has its successor made in the background, where Entra takes two seconds to answer. "+
			"After its end, all become patrol, one makes another token, and the others wait for that.", many),
		rounds: rounds, rows: rows,
	})
	return nil
}

// signIn makes a home, and signs in with a browser, as a person does.
func (w *world) signIn(ctx context.Context, vars []string) (*signedIn, error) {
	home := filepath.Join(w.dir, "signed-in")
	s := &signedIn{w: w, home: home, env: w.envOf(home, vars...)}
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	const ada = `{"user": "ada@contoso.com", "password": "not-a-real-password"}`
	if err := os.WriteFile(filepath.Join(home, ".browser.json"), []byte(ada), 0o600); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func() { forgetKey(home) })
	desktop := append(slices.Clone(s.env), "DISPLAY=:99", "BROWSER="+filepath.Join(w.bin, "demo", "xdg-open"))
	for _, words := range [][]string{
		{"azdo-emulator", "policy", "tenant", "contoso", "refreshOnce=true"},
		{"patrol", "setup", "--key", "kernel"},
		{"patrol", "login", "contoso"},
	} {
		if _, err := output(ctx, desktop, "", filepath.Join(w.bin, words[0]), words[1:]...); err != nil {
			return nil, err
		}
	}
	first, err := s.get().run()
	s.token = password(first)
	return s, err
}

// crowd is what many helpers at once came to.
type crowd struct {
	wall            time.Duration // until the last had answered
	wrong           int           // of them
	refreshes, made int           // requests of them all, and of what they started
}

// cached asks for a token that is good for days.
func (s *signedIn) cached(ctx context.Context) (crowd, error) { return s.ask(ctx, false) }

// soon asks for a token whose renewal is due. Entra is slow meanwhile, so that
// the successor cannot be there before the last has asked.
func (s *signedIn) soon(ctx context.Context) (crowd, error) {
	if _, err := s.emulator(ctx, "fault", "add", "slow", "--host", "login.microsoftonline.com", "--delay", "2s"); err != nil {
		return crowd{}, err
	}
	now := time.Now()
	err := changeToken(ctx, s.home, func(rec *vault.Record) {
		rec.Created, rec.Verified = now.AddDate(0, 0, -6), now.AddDate(0, 0, -6)
		rec.Until, rec.Expires = now.Add(-time.Hour), now.AddDate(0, 0, 1)
	})
	if err != nil {
		return crowd{}, err
	}
	c, err := s.ask(ctx, false)
	if err != nil {
		return crowd{}, err
	}
	next, err := s.get().run()
	if err == nil && password(next) == s.token {
		err = errors.New("no successor answers")
	}
	s.token = password(next)
	return c, err
}

// over asks for a token that has ended, here and on the server.
func (s *signedIn) over(ctx context.Context) (crowd, error) {
	var id string
	err := changeToken(ctx, s.home, func(rec *vault.Record) {
		id, rec.Expires = rec.ServerID, time.Now().Add(-time.Minute)
	})
	if err != nil {
		return crowd{}, err
	}
	if _, err := s.emulator(ctx, "revoke", id); err != nil {
		return crowd{}, err
	}
	return s.ask(ctx, true)
}

// ask starts many helpers. They are to answer with the token of before, or all
// with one other if that is over.
func (s *signedIn) ask(ctx context.Context, over bool) (c crowd, err error) {
	if _, err := s.emulator(ctx, "log", "--clear"); err != nil {
		return crowd{}, err
	}
	began := time.Now()
	answered, failure := together(s.get(), many)
	c.wall = time.Since(began)
	if failure != nil {
		fmt.Fprintln(os.Stderr, "bench:", failure)
	}
	if len(answered) == 0 {
		return crowd{}, failure
	}
	if before := s.token; over {
		if s.token = password(answered[0]); s.token == before {
			return crowd{}, errors.New("the token that has ended is the answer")
		}
	}
	c.wrong = many - len(answered)
	for _, one := range answered {
		if password(one) != s.token {
			c.wrong++
		}
	}
	if err := s.settled(ctx); err != nil {
		return crowd{}, err
	}
	err = s.count(ctx, &c)
	return c, err
}

// password is the token in an answer.
func password(s sample) string {
	_, rest, _ := strings.Cut(s.said, "password=")
	token, _, _ := strings.Cut(rest, "\n")
	return token
}

// settled waits until nothing is done in the background any more.
func (s *signedIn) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	unlock, err := vault.In(filepath.Dir(vaultIn(s.home))).Lock(ctx, helper.UpkeepLock)
	if err == nil {
		unlock()
	}
	return err
}

// count counts in the emulator's log.
func (s *signedIn) count(ctx context.Context, c *crowd) error {
	text, err := s.emulator(ctx, "log", "--json")
	if err != nil {
		return err
	}
	var log []struct{ Method, Host, Path string }
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		return err
	}
	for _, r := range log {
		switch {
		case r.Method != "POST":
		case r.Host == "login.microsoftonline.com" && strings.HasSuffix(r.Path, "/token"):
			c.refreshes++
		case r.Host == "vssps.dev.azure.com" && strings.HasSuffix(r.Path, "/pats"):
			c.made++
		}
	}
	return nil
}

func (s *signedIn) get() command {
	return command{"get", s.env, []string{filepath.Join(s.w.bin, "git-credential-patrol"), "get"}, azureGet, "password="}
}

func (s *signedIn) emulator(ctx context.Context, words ...string) (string, error) {
	return output(ctx, s.env, "", filepath.Join(s.w.bin, "azdo-emulator"), words...)
}
