//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gitpatrol/patrol/internal/keys"
)

// source is a way to keep a vault's key, with a vault of its own that holds one
// password.
type source struct {
	name  string
	kind  string
	setup []string   // flags of patrol setup, besides --key
	git   [][]string // settings, each a key and its value
	env   []string
	home  string
}

// measureSources measures each kind of key source, with the key cached in the
// kernel keyring as nearly always, and without.
func measureSources(ctx context.Context, w *world, r *report) error {
	rounds := max(r.rounds/2, 20)
	all, err := w.sources(ctx)
	if err != nil {
		return err
	}
	cached := []command{w.nothing(login(7, ""))}
	for i := range all {
		if err := w.keep(ctx, &all[i]); err != nil {
			return fmt.Errorf("%s: %w", all[i].name, err)
		}
		cached = append(cached, w.get(all[i]))
	}
	rows, err := interleave(ctx, rounds, cached)
	if err != nil {
		return err
	}
	r.add(table{
		title:  "A cached get behind each key source",
		text:   "A vault with one password, once it is open: whatever keeps the key, it is in the kernel keyring then, for eight hours.",
		rounds: rounds, rows: rows,
	})
	for i, s := range all {
		r.atMost(fmt.Sprintf("cached get, key source %s: times the program that only reads and prints", s.name), ratio(rows[1+i], rows[0]), 1.25)
	}
	return w.measureUnlocks(ctx, r, all, rows[0])
}

// measureUnlocks takes the key out of the kernel keyring before each get.
func (w *world) measureUnlocks(ctx context.Context, r *report, all []source, least row) error {
	const rounds = 7
	rows := []row{least}
	for _, s := range all {
		if s.kind == "kernel" {
			rows = append(rows, row{name: s.name, note: "the keyring is its only place"})
			continue
		}
		var samples []sample
		for range rounds {
			if _, err := output(ctx, s.env, "", filepath.Join(w.bin, "patrol"), "lock"); err != nil {
				return err
			}
			one, err := w.get(s).run()
			if err != nil {
				return cmp.Or(ctx.Err(), err)
			}
			samples = append(samples, one)
		}
		rows = append(rows, row{
			name: s.name,
			wall: median(samples, func(s sample) time.Duration { return s.wall }),
			cpu:  median(samples, func(s sample) time.Duration { return s.cpu }),
		})
	}
	r.add(table{
		title: "The first get, after patrol lock",
		text: "git-credential-patrol becomes patrol, which takes the key from its source, answers, and puts it into the kernel keyring. " +
			"The passphrase comes from a program (cat), as does the key of the source command (sh and cat). The time that age takes for a passphrase is what it makes an attacker pay for each guess.",
		rounds: rounds, rows: rows,
	})
	return nil
}

func (w *world) get(s source) command {
	return command{s.name, s.env, []string{filepath.Join(w.bin, "git-credential-patrol"), "get"}, "protocol=https\nhost=" + otherHost(7) + "\n", "password=password 7"}
}

// sources is every kind that patrol has.
func (w *world) sources(ctx context.Context) ([]source, error) {
	var all []source
	for _, kind := range keys.Kinds() {
		ways := []source{{name: kind.Name}}
		switch kind.Name {
		case "kernel":
		case "file":
			ways[0].setup = []string{"--insecure-plaintext-key"}
		case "command":
			ways[0].git = [][]string{{"patrol.keyCommand", filepath.Join(w.dir, "keeper")}}
		case keys.SecretService:
			session, err := w.keyring(ctx)
			if err != nil {
				return nil, err
			}
			ways[0].env = session
		case "age":
			ways = []source{
				{name: "age, a passphrase", git: [][]string{{"patrol.passphraseCommand", "cat " + filepath.Join(w.dir, "passphrase")}}},
				{name: "age, an SSH key", setup: []string{"--identity", filepath.Join(w.dir, "id_ed25519")}},
			}
		default:
			return nil, fmt.Errorf("it is not known here how to set up the key source %s", kind.Name)
		}
		for _, s := range ways {
			s.kind, s.home = kind.Name, filepath.Join(w.dir, fmt.Sprintf("source%d", len(all)))
			s.env = w.envOf(s.home, s.env...)
			all = append(all, s)
		}
	}
	return all, w.fillSafe(ctx)
}

// fillSafe makes what the sources need: a passphrase, an SSH key without one, and
// a program that keeps keys.
func (w *world) fillSafe(ctx context.Context) error {
	if err := need(ctx, "openssh-client:ssh-keygen"); err != nil {
		return err
	}
	if _, err := output(ctx, w.env(usual), "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", filepath.Join(w.dir, "id_ed25519")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.dir, "passphrase"), []byte("correct horse battery staple\n"), 0o600); err != nil {
		return err
	}
	const keeper = "#!/bin/sh\nf=${0%/*}/kept-$2\numask 077\ncase $1 in\nget) if [ -e \"$f\" ]; then cat \"$f\"; else echo none; fi ;;\nstore) cat >\"$f\" ;;\nerase) rm -f \"$f\" ;;\nesac\n"
	return os.WriteFile(filepath.Join(w.dir, "keeper"), []byte(keeper), 0o700)
}

// keep makes the vault whose key s keeps.
func (w *world) keep(ctx context.Context, s *source) error {
	if err := os.Mkdir(s.home, 0o700); err != nil {
		return err
	}
	for _, setting := range s.git {
		if _, err := output(ctx, s.env, "", w.git, "config", "--global", setting[0], setting[1]); err != nil {
			return err
		}
	}
	w.undo = append(w.undo, func() { forgetKey(s.home) })
	if _, err := output(ctx, s.env, "", filepath.Join(w.bin, "patrol"), append([]string{"setup", "--key", s.kind}, s.setup...)...); err != nil {
		return err
	}
	_, err := output(ctx, s.env, login(7, "password 7"), filepath.Join(w.bin, "git-credential-patrol"), "store")
	return err
}
