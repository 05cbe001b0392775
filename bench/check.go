//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

// measureCheck compares git-credential-patrol with one that is built without the
// question whether a token is to be renewed or anything to be revoked, and tokens
// that patrol renews with those it cannot.
func measureCheck(ctx context.Context, w *world, r *report) error {
	const most = 1.02
	with, without, err := w.buildWithout(ctx)
	if err != nil {
		return err
	}
	answer := "password=" + w.token
	get := func(name, home, program string) command {
		return command{name, w.envOf(home), []string{program, "get"}, azureGet, answer}
	}
	for i, size := range []int{usual, 1000} {
		renewed, pasted := filepath.Join(w.dir, fmt.Sprintf("renewed%d", size)), filepath.Join(w.dir, fmt.Sprintf("pasted%d", size))
		if err := cmp.Or(w.copyUsed(ctx, renewed, size, time.Now().AddDate(0, 0, 5)), w.copyUsed(ctx, pasted, size, time.Time{})); err != nil {
			return err
		}
		commands := []command{
			w.nothing(azureGet),
			get("get, "+records(size)+", without the check", renewed, without),
			get("with it, a token to be renewed in five days", renewed, with),
			get("with it, a token that patrol cannot renew", pasted, with+"-copy"),
			get("without it, a copy of the program: how exact this is", renewed, without+"-copy"),
		}
		rows, err := interleave(ctx, r.rounds, commands)
		if err != nil {
			return err
		}
		t := table{rounds: r.rounds, rows: rows}
		if i == 0 {
			t.title = "The check for renewal"
			t.text = "Each get of a token for Azure Repos ends with a look at the opened vault: is this token to be renewed, anything to be revoked? " +
				"The program without that is the same one, built for this table with an empty function in its place. The token is far from its end, so nothing comes of the look."
		}
		r.add(t)
		r.atMost(fmt.Sprintf("cached get, %s, with the check for renewal: times one without", records(size)), ratio(rows[2], rows[1]), most)
		if i == 0 {
			r.atMost("cached get of a token to be renewed later: times one of a token that never is", ratio(rows[2], rows[3]), most)
		}
	}
	return nil
}

// buildWithout builds git-credential-patrol, and another from the same source
// but for the check, which is cut out as it is compiled.
func (w *world) buildWithout(ctx context.Context) (with, without string, err error) {
	source, err := filepath.Abs(filepath.Join("internal", "helper", "upkeep.go"))
	if err != nil {
		return "", "", err
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return "", "", err
	}
	begin := []byte("\nfunc Upkeep(v *vault.Vault, r *vault.Records, rec *vault.Record, now time.Time, start Detach) {\n")
	if bytes.Count(text, begin) != 1 {
		return "", "", errors.New("the check for renewal is no longer where it was: see buildWithout")
	}
	cut := filepath.Join(w.dir, "upkeep.go")
	if err := os.WriteFile(cut, bytes.Replace(text, begin, append(begin, "\treturn\n"...), 1), 0o600); err != nil {
		return "", "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: cut}})
	if err != nil {
		return "", "", err
	}
	file := filepath.Join(w.dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", "", err
	}
	with, without = filepath.Join(w.dir, "with-check"), filepath.Join(w.dir, "without-check")
	// Each command has a file of its own: one that runs more often runs faster.
	for _, copied := range []string{"", "-copy"} {
		err := build(ctx, with+copied, "./cmd/git-credential-patrol")
		err = cmp.Or(err, build(ctx, without+copied, "./cmd/git-credential-patrol", "-overlay", file))
		if err != nil {
			return "", "", err
		}
	}
	cutOut, err := differ(with, without)
	if err == nil && !cutOut {
		err = errors.New("the program without the check for renewal is the one with it")
	}
	return with, without, err
}

// differ reports whether two files do.
func differ(one, other string) (bool, error) {
	a, err := os.ReadFile(one)
	if err != nil {
		return false, err
	}
	b, err := os.ReadFile(other)
	return !bytes.Equal(a, b), err
}

// copyUsed makes a copy of the vault of a size, in which the token is two days old
// and to be renewed at a time; zero: never.
func (w *world) copyUsed(ctx context.Context, home string, size int, renewal time.Time) error {
	const data = ".local" // and not what other helpers left, such as a socket
	if err := os.CopyFS(filepath.Join(home, data), os.DirFS(filepath.Join(w.home(size), data))); err != nil {
		return err
	}
	if err := makePrivate(home); err != nil {
		return err
	}
	made, end := time.Now().AddDate(0, 0, -2), time.Now().AddDate(0, 0, 7)
	return changeToken(ctx, home, func(rec *vault.Record) { rec.Created, rec.Verified, rec.Until, rec.Expires = made, made, renewal, end })
}

// changeToken changes the record that answers for Azure Repos in the vault of a
// home.
func changeToken(ctx context.Context, home string, change func(*vault.Record)) error {
	v := vault.In(filepath.Dir(vaultIn(home)))
	f, err := v.Load()
	if err != nil {
		return err
	}
	key, err := keyring.Load(f.ID)
	if err != nil {
		return err
	}
	return v.Update(ctx, key, func(r *vault.Records) error {
		for i := range r.List {
			if rec := &r.List[i]; rec.Kind == vault.PAT && rec.Answers() && rec.Suspect.IsZero() {
				change(rec)
				return nil
			}
		}
		return errors.New("the vault has no token for Azure Repos")
	})
}
