package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/sshkey"
	"github.com/gitpatrol/patrol/internal/vault"
)

// entries are the keys in use, for the block of the configuration.
func (r *sshRun) entries(all *vault.Records) []sshkey.Entry {
	var entries []sshkey.Entry
	for _, rec := range sshRecords(all) {
		if sshState(all, rec) != "in use" || !r.own(all, rec) ||
			slices.ContainsFunc(entries, func(e sshkey.Entry) bool { return e.Host == rec.Host }) {
			continue
		}
		entries = append(entries, sshkey.Entry{Host: rec.Host, File: rec.Path, Unlock: unlockLine(r.Executable, rec.Org), Agent: sshkey.AgentSocket(r.dir, rec.Org)})
	}
	slices.SortFunc(entries, func(a, b sshkey.Entry) int { return strings.Compare(a.Host, b.Host) })
	return entries
}

// configurable finds out, before anything else is done, whether the
// configuration can be written.
func (r *sshRun) configurable() error {
	_, err := r.edit([]sshkey.Entry{{Host: sshkey.Host, File: filepath.Join(r.dir, "patrol_"+r.t.Org)}}, true)
	return err
}

// edit puts the block for some entries into the configuration, and reports
// whether that changes anything. With dry nothing is written.
func (r *sshRun) edit(entries []sshkey.Entry, dry bool) (bool, error) {
	block, err := sshkey.Block(entries, r.knownHostsFile())
	if err != nil {
		return false, failed("name your home directory without such characters", "%v", err)
	}
	changed, err := sshkey.Replace(r.configFile(), dry, func(text string) (string, error) { return sshkey.Edit(text, block) })
	switch {
	case errors.Is(err, sshkey.ErrBlock):
		return false, failed("repair it by hand, or delete its lines, and type the command again", "%v", err)
	case err != nil:
		return false, failed("nothing in it was changed; see who may write it: ls -lL "+r.configFile(), "%v", err)
	}
	return changed, nil
}

// writeConfig names the keys in use, and the service's host key, for ssh. It
// reports whether they were not named before.
func (r *sshRun) writeConfig(all *vault.Records) (bool, error) {
	entries := r.entries(all)
	changed := false
	if len(entries) > 0 {
		known := func(string) (string, error) { return sshkey.KnownHosts(r.hostKey), nil }
		var err error
		if changed, err = sshkey.Replace(r.knownHostsFile(), false, known); err != nil {
			return false, failed("see who may write it: ls -l "+r.knownHostsFile(), "%v", err)
		}
	}
	edited, err := r.edit(entries, false)
	if err != nil {
		return false, err
	}
	if len(entries) == 0 {
		sshkey.Sweep(r.knownHostsFile())
		if err := os.Remove(r.knownHostsFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	if r.client.Config != "" {
		r.client.Config = r.configFile()
	}
	if target, err := sshkey.Target(r.configFile()); edited && err == nil && target != r.configFile() {
		r.note("%s is a link: %s was changed", r.configFile(), target)
	}
	return changed || edited, nil
}

// unlockLine is the command that the block runs before ssh connects. ssh
// replaces %, and hands it to the person's shell; a path that neither can be
// told is not written there.
func unlockLine(executable, org string) string {
	if strings.ContainsAny(executable, "'\"\\!") || strings.ContainsFunc(executable, unicode.IsControl) || runtime.GOOS == "windows" {
		return ""
	}
	if strings.ContainsFunc(executable, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+", r)
	}) {
		executable = "'" + strings.ReplaceAll(executable, "%", "%%") + "'"
	}
	return executable + " ssh unlock --for-ssh " + org
}

// toAgent hands a key to ssh-agent if that was asked for, and otherwise says
// when ssh does not get it by itself.
func (r *sshRun) toAgent(all *vault.Records, rec *vault.Record) error {
	socket := r.getenv("SSH_AUTH_SOCK")
	switch {
	case socket == "" && r.f.agent:
		return failed(`eval "$(ssh-agent)", and then patrol ssh unlock `+rec.Org, "there is no ssh-agent here (SSH_AUTH_SOCK is not set); the key is in use all the same")
	case !r.f.agent && unlockLine(r.Executable, rec.Org) == "":
		r.note("ssh gets the key from ssh-agent; in each session: patrol ssh unlock %s", rec.Org)
		return nil
	case !r.f.agent:
		return nil
	}
	return r.agentAdd(all, rec, socket, r.f.lifetime)
}

func (r *sshRun) agentAdd(all *vault.Records, rec *vault.Record, socket string, life time.Duration) error {
	key, err := r.unlockedKey(all, rec)
	if err != nil || key.Private == nil {
		return err
	}
	if err := sshkey.AddToAgent(socket, key.Private, rec.Name, life, r.Now()); err != nil {
		return failed("see whether it runs: ssh-add -l; ssh-add -X opens one that is locked", "%v", err)
	}
	return nil
}

// retire deletes an old key: on the server, where it is tried, and then here.
func (r *sshRun) retire(ctx context.Context, id string) error {
	err := r.set(ctx, id, func(rec *vault.Record) {
		if rec.Due.IsZero() {
			rec.Due = r.Now()
		}
	})
	if err != nil {
		return err
	}
	all, _, err := r.records()
	if err != nil {
		return err
	}
	old := all.Find(id)
	ours := r.own(all, old)
	if ours || r.f.deleteOld {
		if err := r.deleteOnServer(ctx, all, old); err != nil {
			return err
		}
	}
	if public, err := sshkey.ParseLine(old.PublicKey); err == nil && ours {
		if socket := r.getenv("SSH_AUTH_SOCK"); socket != "" {
			sshkey.RemoveFromAgent(socket, public, r.Now())
		}
		if err := sshkey.StopAgents(r.dir, r.Now()); err != nil {
			return failed("type the command again", "the agent of the old key is still there: %v", err)
		}
	}
	switch {
	case ours:
		for _, file := range []string{old.Path, old.Path + ".pub"} {
			sshkey.Sweep(file)
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return failed("type the command again", "%v", err)
			}
		}
	case r.f.deleteOld:
		r.note("%s stays here, because you made it; it is of no more use for Azure Repos", old.Path)
	default:
		r.note("%s stays, here and on the server, because you made it; to delete it there: %s", old.Path, keysPage(r.t.Org))
	}
	return r.update(ctx, func(v *vault.Records) error {
		v.Delete(func(rec *vault.Record) bool { return rec.ID == id })
		return nil
	})
}

// deleteOnServer deletes a key on the server, until the service refuses it.
func (r *sshRun) deleteOnServer(ctx context.Context, all *vault.Records, old *vault.Record) error {
	if old.PublicKey == "" {
		return nil // the run that was to make it died first
	}
	key, err := r.unlockedKey(all, old)
	gone := func() (bool, error) {
		err := r.try(ctx, key)
		if errors.Is(err, sshkey.ErrRefused) {
			return true, nil
		}
		return false, err
	}
	if err != nil || key.Private == nil && !sshkey.Plain(old.Path) {
		// A key that cannot be opened cannot be tried; the list has to do.
		if !r.f.experimental {
			r.note("%s cannot be tried; see that it is no longer on %s", old.Path, keysPage(r.t.Org))
			return nil
		}
		gone = func() (bool, error) { return true, nil }
	} else if !r.f.experimental { // a call deletes it also where it is refused, because its year is over
		if done, err := gone(); done || err != nil {
			return err
		}
	}
	if !r.f.experimental {
		page := keysPage(r.t.Org)
		r.note("delete the old key there: %s: %s", page, describeKey(old))
		r.openPage(ctx, page)
		return r.wait(ctx, "Press Enter when it is deleted: ", gone,
			failed("delete "+describeKey(old)+", then type the same command again", "the new key works; the old one waits to be deleted at %s", page))
	}
	if err := r.deleteByCall(ctx, old); err != nil {
		return err
	}
	done, err := gone()
	if err == nil && !done {
		err = failed("type the command again in a while", "the old key was deleted, and the service still takes it")
	}
	return err
}

// remove deletes the key of an organisation.
func (r *sshRun) remove(ctx context.Context) error {
	_, list, err := r.records()
	if err != nil {
		return err
	}
	var doomed []string
	for _, rec := range list {
		if rec.Org == r.t.Org {
			doomed = append(doomed, rec.ID)
		}
	}
	if len(doomed) == 0 {
		return failed("patrol ssh status", "patrol has no SSH key for %s", r.t.Org)
	}
	for _, id := range doomed { // first all, so that ssh is no longer told of them
		if err := r.set(ctx, id, func(rec *vault.Record) { rec.Due = r.Now() }); err != nil {
			return err
		}
	}
	all, _, err := r.records()
	if err != nil {
		return err
	}
	if _, err := r.writeConfig(all); err != nil {
		return err
	}
	for _, id := range doomed {
		if err := r.retire(ctx, id); err != nil {
			return err
		}
	}
	if r.json {
		return r.printJSON(struct {
			Removed int `json:"removed"`
		}{len(doomed)})
	}
	r.print("Removed the SSH key of %s.\n", r.t.Org)
	return nil
}

// addByCall adds a key by the undocumented call, unless it is there.
func (r *sshRun) addByCall(ctx context.Context, all *vault.Records, rec *vault.Record) error {
	k, err := r.keeper(r.personThere())
	if err != nil {
		return err
	}
	defer r.progress("adding the key at " + r.t.Org + " ...")()
	auth, conn, err := k.Bearer(ctx, r.as(all.Find(rec.Predecessor)))
	if err != nil {
		return explainFor(err, r.t)
	}
	keys, err := k.Server.SSHKeys(ctx, r.t.Org, auth)
	if err != nil {
		return r.undocumented(err)
	}
	i := slices.IndexFunc(keys, func(k azdo.SSHKey) bool { return sameKey(k.PublicKey, rec.PublicKey) })
	var made azdo.SSHKey
	if i >= 0 {
		made = keys[i]
	} else if made, err = k.Server.AddSSHKey(ctx, r.t.Org, conn.InstanceID, auth, rec.Name, rec.PublicKey, r.Now().Add(sshYear)); err != nil {
		return r.undocumented(err)
	}
	return r.set(ctx, rec.ID, func(rec *vault.Record) {
		rec.ServerID, rec.Expires, rec.Account, rec.HasAccount = made.AuthorizationID, made.Expires, conn.Account, conn.Account != ""
	})
}

// as is the organisation for the account that has a key: several may have a
// sign-in there.
func (r *sshRun) as(rec *vault.Record) helper.Target {
	t := r.t
	if !t.HasAccount && rec != nil && rec.HasAccount {
		t.Account, t.HasAccount = rec.Account, true
	}
	return t
}

// deleteByCall deletes a key by the undocumented call.
func (r *sshRun) deleteByCall(ctx context.Context, old *vault.Record) error {
	k, err := r.keeper(r.personThere())
	if err != nil {
		return err
	}
	auth, _, err := k.Bearer(ctx, r.as(old))
	if err != nil {
		return explainFor(err, r.t)
	}
	keys, err := k.Server.SSHKeys(ctx, r.t.Org, auth)
	if err != nil {
		return r.undocumented(err)
	}
	for _, key := range keys {
		if sameKey(key.PublicKey, old.PublicKey) {
			if err := k.Server.DeleteSSHKey(ctx, r.t.Org, auth, key.AuthorizationID); err != nil && !errors.Is(err, azdo.ErrNotFound) {
				return r.undocumented(err)
			}
		}
	}
	return nil
}

// undocumented says what to do where the portal's calls do not work.
func (r *sshRun) undocumented(err error) error {
	var e *azdo.Error
	if errors.As(err, &e) && strings.Contains(e.Message, "sshPolicyDisabled") {
		return failed("an administrator of the organisation can allow it, or use https", "%s does not allow SSH", r.t.Org)
	}
	if errors.Is(err, azdo.ErrNetwork) || errors.Is(err, azdo.ErrProxy) || errors.Is(err, azdo.ErrTLS) || errors.Is(err, azdo.ErrThrottled) {
		return err
	}
	return failed("type it again without --experimental, and use the page", "the undocumented call failed: %v", err)
}

// openPage opens a page of the portal, where there is a browser.
func (r *sshRun) openPage(ctx context.Context, page string) {
	if !r.personThere() {
		return
	}
	if err := (oauth.Desktop{Environ: r.Environ, Find: git.FindProgram, Scrub: git.Environ}).Open(ctx, page); err != nil {
		r.note("open it yourself (%v)", err)
	}
}

// clipboard puts a text on the clipboard, by the first program that can.
func (r *sshRun) clipboard(ctx context.Context, text string) error {
	ways := [][]string{}
	switch {
	case runtime.GOOS == "darwin":
		ways = [][]string{{"/usr/bin/pbcopy"}}
	case runtime.GOOS == "windows":
		ways = [][]string{{"clip"}}
	case r.getenv("WAYLAND_DISPLAY") != "":
		ways = [][]string{{"wl-copy"}}
	}
	if r.getenv("DISPLAY") != "" {
		ways = append(ways, []string{"xclip", "-selection", "clipboard"}, []string{"xsel", "-b", "-i"})
	}
	for _, argv := range ways {
		program, err := git.FindProgram(argv[0], r.Environ)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, argv[1:]...)
		cmd.Env, cmd.Dir, cmd.Stdin = git.Environ(r.Environ), os.TempDir(), strings.NewReader(text)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", argv[0], err)
		}
		return nil
	}
	return errors.New("there is no program for it (wl-copy, xclip, xsel)")
}
