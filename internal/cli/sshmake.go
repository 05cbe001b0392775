package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/sshkey"
	"github.com/gitpatrol/patrol/internal/vault"
)

// A key's way is written in the vault before each step, and each step may be
// done twice, so that a run that was killed is gone on with by the next:
//
//	a record with a name            before the file
//	its public key                  after the file
//	verified                        after the service took it
//	the configuration names it
//	the predecessor is due          after that
//	the predecessor's record gone   after the service refused it

// sshYear is the life of a key at the service:
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
const sshYear = 365 * 24 * time.Hour

// unfinished finds a key of the organisation whose way is not at its end.
func (r *sshRun) unfinished(all *vault.Records) *vault.Record {
	for _, rec := range sshRecords(all) {
		if rec.Org == r.t.Org && rec.Due.IsZero() && (rec.Verified.IsZero() || all.Find(rec.Predecessor) != nil) {
			return rec
		}
	}
	if len(r.due(all)) > 0 {
		return r.current(all)
	}
	return nil
}

// due are the keys of the organisation that are to be deleted.
func (r *sshRun) due(all *vault.Records) []*vault.Record {
	return slices.DeleteFunc(sshRecords(all), func(rec *vault.Record) bool { return rec.Org != r.t.Org || rec.Due.IsZero() })
}

// current finds the key that is in use for the organisation.
func (r *sshRun) current(all *vault.Records) *vault.Record {
	for _, rec := range sshRecords(all) {
		if rec.Org == r.t.Org && sshState(all, rec) == "in use" {
			return rec
		}
	}
	return nil
}

func (r *sshRun) create(ctx context.Context) error {
	all, list, err := r.records()
	if err != nil {
		return err
	}
	host := sshkey.Host
	if r.f.alias {
		host = "azure-" + r.t.Org
	}
	rec := r.unfinished(all)
	if rec == nil {
		if rec = r.current(all); rec != nil {
			// A run may have died before the configuration named it.
			if changed, err := r.writeConfig(all); changed || err != nil {
				if err != nil {
					return err
				}
				return r.report(ctx, rec.ID)
			}
			return failed("to replace it: patrol ssh rotate "+r.t.Org, "%s has a key already", r.t.Org)
		}
		if i := slices.IndexFunc(list, func(o *vault.Record) bool { return o.Host == host && o.Org != r.t.Org }); i >= 0 {
			return failed("it serves "+r.t.Org+" too, if the account is the same; for another account: patrol ssh create --alias "+r.t.Org,
				"there is a key for %s already, made for %s", host, list[i].Org)
		}
		if err := r.configurable(); err != nil {
			return err
		}
		if rec, err = r.begin(ctx, host, ""); err != nil {
			return err
		}
	}
	return r.advance(ctx, rec.ID)
}

func (r *sshRun) rotate(ctx context.Context) error {
	all, _, err := r.records()
	if err != nil {
		return err
	}
	rec := r.unfinished(all)
	if r.f.dryRun {
		return r.plan(ctx, all, rec)
	}
	if rec == nil {
		if err := r.configurable(); err != nil {
			return err
		}
		old := r.current(all)
		if old == nil {
			if old, err = r.adopt(ctx, all); err != nil {
				return err
			}
		}
		if rec, err = r.begin(ctx, old.Host, old.ID); err != nil {
			return err
		}
	}
	return r.advance(ctx, rec.ID)
}

// begin writes down that a key is about to be made.
func (r *sshRun) begin(ctx context.Context, host, predecessor string) (*vault.Record, error) {
	nonce := strings.ToLower(rand.Text()[:8])
	rec := vault.Record{
		Kind: vault.SSH, Host: host, Org: r.t.Org, Predecessor: predecessor, Created: r.Now(),
		Name: "patrol " + machineName(r.Hostname) + " " + nonce,
		Path: filepath.Join(r.dir, "patrol_"+r.t.Org+"_"+nonce), HasPath: true,
	}
	rec.SetSecrets(vault.Secrets{Secret: sshkey.NewPassphrase()})
	err := r.update(ctx, func(v *vault.Records) error {
		v.Add(rec)
		rec.ID = v.List[0].ID
		return nil
	})
	return &rec, err
}

// found describes the key that ssh shows to the service without patrol.
func (r *sshRun) found(ctx context.Context, all *vault.Records) (*vault.Record, error) {
	for _, rec := range sshRecords(all) {
		if rec.Host == sshkey.Host && rec.Org != r.t.Org {
			return nil, failed("patrol ssh rotate "+rec.Org, "the key for %s was made for %s", sshkey.Host, rec.Org)
		}
	}
	settings, err := r.client.Settings(ctx, sshkey.Host)
	if err != nil {
		return nil, err
	}
	for _, file := range r.identities(settings) {
		public, err := sshkey.Public(file)
		if err != nil {
			continue
		}
		rec := &vault.Record{Kind: vault.SSH, Host: sshkey.Host, Org: r.t.Org, Path: file, HasPath: true, PublicKey: sshkey.Line(public)}
		if info, err := os.Stat(file); err == nil {
			rec.Created = info.ModTime()
		}
		return rec, nil
	}
	return nil, failed("patrol ssh create "+r.t.Org, "there is no key for Azure Repos to replace")
}

// adopt writes down a person's own key as the one to be replaced.
func (r *sshRun) adopt(ctx context.Context, all *vault.Records) (*vault.Record, error) {
	rec, err := r.found(ctx, all)
	if err != nil {
		return nil, err
	}
	rec.Verified = r.Now()
	err = r.update(ctx, func(v *vault.Records) error {
		v.Add(*rec)
		rec.ID = v.List[0].ID
		return nil
	})
	return rec, err
}

// identities are the files that ssh would take keys from, if they are there.
func (r *sshRun) identities(s sshkey.Settings) []string {
	var files []string
	home := filepath.Dir(r.dir)
	for _, file := range s["identityfile"] {
		if rest, ok := strings.CutPrefix(file, "~/"); ok {
			file = filepath.Join(home, rest)
		}
		if !isFile(file) { // some versions print tokens as they are written; see TOKENS in ssh_config(5)
			file = strings.NewReplacer("%%", "%", "%d", home).Replace(file)
		}
		if isFile(file) && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

// set changes a record.
func (r *sshRun) set(ctx context.Context, id string, change func(*vault.Record)) error {
	// What was done on a server is written down even when the person gives up.
	return r.update(context.WithoutCancel(ctx), func(v *vault.Records) error {
		rec := v.Find(id)
		if rec == nil {
			return failed("patrol ssh status", "the key was taken out of the vault meanwhile")
		}
		change(rec)
		return nil
	})
}

// advance takes a key from wherever it is to the end of its way.
func (r *sshRun) advance(ctx context.Context, id string) error {
	if err := r.makeKey(ctx, id); err != nil {
		return err
	}
	if err := r.addKey(ctx, id); err != nil {
		return err
	}
	all, _, err := r.records()
	if err != nil {
		return err
	}
	rec := all.Find(id)
	old := all.Find(rec.Predecessor)
	if _, err := r.writeConfig(all); err != nil {
		return err
	}
	if err := r.toAgent(all, rec); err != nil {
		return err
	}
	doomed := r.due(all) // of a removal that was interrupted, too
	if old != nil && old.Due.IsZero() {
		doomed = append(doomed, old)
	}
	for _, old := range doomed {
		if err := r.retire(ctx, old.ID); err != nil {
			return err
		}
	}
	return r.report(ctx, id)
}

// makeKey makes the files of a key, if they are not there.
func (r *sshRun) makeKey(ctx context.Context, id string) error {
	all, _, err := r.records()
	if err != nil {
		return err
	}
	rec := all.Find(id)
	if rec.PublicKey != "" {
		return nil
	}
	secrets, err := all.Secrets(rec)
	if err != nil {
		return err
	}
	sshkey.Sweep(rec.Path)
	sshkey.Sweep(rec.Path + ".pub")
	public, err := sshkey.Public(rec.Path)
	if !isFile(rec.Path) || err != nil {
		stop := r.progress("making a key of " + count(r.f.bits, "bit", "bits") + " ...")
		public, err = sshkey.Create(rec.Path, rec.Name, r.f.bits, secrets.Secret)
		stop()
	}
	if err != nil {
		return failed("see who may write there: ls -ld "+r.dir, "the key could not be made: %v", err)
	}
	return r.set(ctx, id, func(rec *vault.Record) { rec.PublicKey = sshkey.Line(public) })
}

// addKey has the key added to the account, until the service takes it.
func (r *sshRun) addKey(ctx context.Context, id string) error {
	all, _, err := r.records()
	if err != nil {
		return err
	}
	rec := all.Find(id)
	if !rec.Verified.IsZero() {
		return nil
	}
	key, err := r.unlockedKey(all, rec)
	if err != nil {
		return err
	}
	err = r.try(ctx, key) // it may have been added meanwhile
	if errors.Is(err, sshkey.ErrRefused) {
		if r.f.experimental {
			err = r.addByCall(ctx, all, rec)
		} else {
			err = r.addByPerson(ctx, rec, key)
		}
		if err == nil {
			err = r.try(ctx, key)
		}
	}
	if errors.Is(err, sshkey.ErrRefused) {
		return failed("see whether it is on "+keysPage(r.t.Org)+", whole and on one line; then type the command again",
			"the key was added, and %s still refuses it", sshkey.Host)
	}
	if err != nil {
		return err
	}
	now := r.Now()
	return r.set(ctx, id, func(rec *vault.Record) {
		rec.Verified = now
		if rec.Expires.IsZero() {
			rec.Expires = now.Add(sshYear)
		}
	})
}

// addByPerson shows the key and the page, and waits until the key is there.
func (r *sshRun) addByPerson(ctx context.Context, rec *vault.Record, key sshkey.Key) error {
	page := keysPage(r.t.Org)
	r.note("add this key there, under the name %q: %s", rec.Name, page)
	if r.json {
		_, _ = r.Stderr.Write([]byte(rec.PublicKey + "\n"))
	} else {
		r.print("%s\n", rec.PublicKey)
	}
	if r.f.copy {
		if err := r.clipboard(ctx, rec.PublicKey); err != nil {
			r.note("the key is not on the clipboard: %v", err)
		}
	}
	r.openPage(ctx, page)
	return r.wait(ctx, "Press Enter when the page has the key: ", func() (bool, error) {
		err := r.try(ctx, key)
		if errors.Is(err, sshkey.ErrRefused) {
			r.note("%s does not know the key yet", sshkey.Host)
			return false, nil
		}
		return err == nil, err
	}, failed("add it, then type the same command again", "the key waits to be added at %s", page))
}

// wait asks a person to do something, until it is done. Without a terminal
// the next run goes on.
func (r *sshRun) wait(ctx context.Context, question string, done func() (bool, error), nobody error) error {
	var p *problem
	if errors.As(nobody, &p) {
		p.code = helper.SignIn // as with a sign-in: a person has to do something first
	}
	t, err := r.Terminal()
	if err != nil || r.getenv("CI") != "" {
		return nobody
	}
	defer t.Close()
	for {
		if _, err := t.Ask(ctx, question); err != nil {
			return errors.Join(nobody, err)
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
	}
}

// sameKey compares public keys without their comments.
func sameKey(a, b string) bool {
	x, errX := sshkey.ParseLine(a)
	y, errY := sshkey.ParseLine(b)
	return errX == nil && errY == nil && sshkey.Line(x) == sshkey.Line(y)
}

// describeKey names a key for somebody who looks for it on the page of keys.
func describeKey(rec *vault.Record) string {
	name := cred.Escape(rec.Name)
	if public, err := sshkey.ParseLine(rec.PublicKey); err == nil {
		name = strings.TrimSpace(name + " (MD5 " + sshkey.LegacyFingerprint(public) + ", " + sshkey.Fingerprint(public) + ")")
	}
	return name
}
