package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/sshkey"
	"github.com/gitpatrol/patrol/internal/vault"
)

// A key is reminded of when it is as old, or as near to its end.
const (
	sshOld  = 300 * 24 * time.Hour
	sshSoon = 30 * 24 * time.Hour
)

// sshStatus is what "ssh status" shows.
type sshStatus struct {
	Keys       []sshKeyRow  `json:"keys"`
	HostKey    string       `json:"hostKey"` // fingerprint that is expected
	KnownHosts []knownHosts `json:"knownHosts"`
	Notes      []string     `json:"notes"` // what is wrong, in words
}

// sshKeyRow is a key.
type sshKeyRow struct {
	File        string    `json:"file"`
	Org         string    `json:"organization,omitempty"`
	Host        string    `json:"host"`
	State       string    `json:"state"` // to be added, in use, to be deleted; yours: made by you; lost; in a locked vault
	Used        bool      `json:"used"`  // ssh shows it to the service first
	Algorithm   string    `json:"algorithm,omitempty"`
	Objection   string    `json:"objection,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Created     time.Time `json:"created,omitzero"`
	AgeDays     int       `json:"ageDays"`
	Expires     time.Time `json:"expires,omitzero"`
	Name        string    `json:"name,omitempty"`
	ServerID    string    `json:"authorizationId,omitempty"`
}

// knownHosts is what one file says of the service's host key.
type knownHosts struct {
	File    string        `json:"file"`
	Verdict sshkey.Pinned `json:"verdict"`
}

func sshStatusCommand(a *app) *cobra.Command {
	return a.addJSON(&cobra.Command{
		Use:   "status [ORG]",
		Short: "show the keys for Azure Repos, their age, and the service's host key",
		Long: `Show the keys that patrol made and those that ssh would show to Azure Repos, with
algorithm, age and end, and whether the known_hosts files have the right key of
the service. It connects to nothing and changes nothing.

Exit codes: 0 nothing is wrong, 3 something is: a key that Azure Repos refuses,
one past its end, or a wrong host key.`,
		Example:           "  patrol ssh status\n  patrol ssh status --json contoso",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeOrg,
		RunE: func(cmd *cobra.Command, args []string) error {
			org := ""
			if len(args) == 1 {
				t, err := azureTarget(args[0])
				if err != nil {
					return err
				}
				org = t.Org
			}
			return a.sshStatus(cmd.Context(), org)
		},
	})
}

func (a *app) sshStatus(ctx context.Context, org string) error {
	s, err := a.session(ctx, false)
	if err != nil {
		return err
	}
	r, err := s.newSSHRun()
	if err != nil {
		return err
	}
	settings, err := r.client.Settings(ctx, sshkey.Host)
	if err != nil {
		return err
	}
	all, locked := s.peek(ctx)
	if errors.Is(locked, vault.ErrNone) {
		locked = nil
	}
	out := sshStatus{HostKey: sshkey.Fingerprint(r.hostKey)}
	if locked != nil {
		out.Notes = append(out.Notes, "the vault is not open, so little is known of the keys in it; to open it: patrol unlock")
	}
	r.fillKeys(&out, all, locked, settings, org)
	r.fillHosts(&out, settings)
	r.judgeKeys(&out, settings)
	if a.json {
		return a.printJSON(out)
	}
	r.showSSH(&out)
	return nil
}

// fillKeys lists patrol's keys, then others that ssh would show.
func (r *sshRun) fillKeys(out *sshStatus, all *vault.Records, locked error, s sshkey.Settings, org string) {
	files := r.identities(s)
	if all != nil {
		for _, rec := range sshRecords(all) {
			first := len(files) > 0 && files[0] == rec.Path
			if org != "" && rec.Org != org && !first { // that one serves all organisations
				continue
			}
			row := sshKeyRow{
				File: rec.Path, Org: rec.Org, Host: rec.Host, State: sshState(all, rec), Created: rec.Created,
				Expires: rec.Expires, Name: rec.Name, ServerID: rec.ServerID,
			}
			row.Used = first || rec.Host != sshkey.Host && row.State == "in use"
			if key, err := sshkey.ParseLine(rec.PublicKey); err == nil {
				row.describe(key, r.Now())
			}
			out.Keys = append(out.Keys, row)
		}
	}
	for i, file := range files {
		if all != nil && slices.ContainsFunc(sshRecords(all), func(rec *vault.Record) bool { return rec.Path == file }) {
			continue
		}
		row := sshKeyRow{File: file, Host: sshkey.Host, State: "yours", Used: i == 0}
		if strings.HasPrefix(filepath.Base(file), "patrol_") {
			row.State = "in a locked vault"
			if locked == nil {
				row.State = "lost" // with the vault that had its passphrase
			}
		}
		if info, err := os.Stat(file); err == nil {
			row.Created = info.ModTime().UTC().Truncate(time.Second)
		}
		if key, err := sshkey.Public(file); err == nil {
			row.describe(key, r.Now())
		}
		out.Keys = append(out.Keys, row)
	}
}

// describe fills in what the key itself tells.
func (k *sshKeyRow) describe(key sshkey.PublicKey, now time.Time) {
	k.Algorithm, k.Objection = sshkey.Algorithm(key)
	k.Fingerprint = sshkey.Fingerprint(key)
	k.AgeDays = int(now.Sub(k.Created) / (24 * time.Hour))
}

// fillHosts looks the service's host key up in the files that ssh would use,
// and in the person's usual one.
func (r *sshRun) fillHosts(out *sshStatus, s sshkey.Settings) {
	files := strings.Fields(s.First("userknownhostsfile"))
	for i, f := range files {
		if rest, ok := strings.CutPrefix(f, "~/"); ok {
			files[i] = filepath.Join(filepath.Dir(r.dir), rest)
		}
	}
	if usual := filepath.Join(r.dir, "known_hosts"); !slices.Contains(files, usual) {
		files = append(files, usual)
	}
	for _, file := range files {
		verdict, err := sshkey.CheckKnownHosts(file, r.hostKey)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		out.KnownHosts = append(out.KnownHosts, knownHosts{file, verdict})
		if err != nil {
			out.Notes = append(out.Notes, err.Error())
		}
		if verdict == sshkey.PinnedWrong {
			out.Notes = append(out.Notes, fmt.Sprintf("%s has ANOTHER host key for Azure Repos than the one that Microsoft publishes (%s): somebody may stand in between; to forget it: ssh-keygen -R %s -f %s",
				file, out.HostKey, sshkey.Host, file))
			r.code = findings
		}
	}
}

// judgeKeys notes what is wrong with the keys, and what conflicts with the block.
func (r *sshRun) judgeKeys(out *sshStatus, s sshkey.Settings) {
	now := r.Now()
	for _, k := range out.Keys {
		switch {
		case k.Used && k.Objection != "":
			out.Notes = append(out.Notes, fmt.Sprintf("%s is %s: %s; to replace it: patrol ssh rotate ORG", k.File, k.Algorithm, k.Objection))
			r.code = findings
		case k.State == "lost":
			out.Notes = append(out.Notes, fmt.Sprintf("the passphrase of %s is lost, with the vault that had it; to make a new key: patrol ssh create ORG, and delete the old one on its page", k.File))
			r.code = findings
		case k.State == "in use" && !k.Expires.IsZero() && !now.Before(k.Expires):
			out.Notes = append(out.Notes, fmt.Sprintf("%s is past its end; to replace it: patrol ssh rotate %s", k.File, k.Org))
			r.code = findings
		case k.State == "in use" && k.Host == sshkey.Host && !k.Used:
			out.Notes = append(out.Notes, fmt.Sprintf("ssh does not show %s to Azure Repos; see ssh -G %s", k.File, sshkey.Host))
			r.code = findings
		}
	}
	managed := slices.ContainsFunc(out.Keys, func(k sshKeyRow) bool { return k.Used && k.State != "yours" })
	if files := r.identities(s); managed && len(files) > 1 {
		out.Notes = append(out.Notes, "your configuration names more keys for Azure Repos, which looks at the first alone: "+strings.Join(files[1:], ", "))
	}
	if managed && s.First("identitiesonly") != "yes" {
		out.Notes = append(out.Notes, "IdentitiesOnly is off: keys of ssh-agent go before the one that is named")
	}
	if r.client.Config != "" {
		out.Notes = append(out.Notes, "HOME is not your home directory, and ssh reads the configuration there: ssh -F "+r.configFile())
	}
}

func (r *sshRun) showSSH(out *sshStatus) {
	if len(out.Keys) == 0 {
		r.print("There is no SSH key for Azure Repos; to make one: patrol ssh create ORG\n")
	}
	var rows [][]string
	for _, k := range out.Keys {
		end := "unknown"
		if !k.Expires.IsZero() {
			end = k.Expires.Format(time.DateOnly)
		}
		used := ""
		if k.Used {
			used = "*"
		}
		rows = append(rows, []string{k.File, k.Org, k.State + used, k.Algorithm, count(k.AgeDays, "day", "days"), end, k.Fingerprint})
	}
	if len(rows) > 0 {
		r.table([]string{"FILE", "FOR", "STATE", "ALGORITHM", "AGE", "EXPIRES", "FINGERPRINT"}, rows)
		r.print("* the one that ssh shows to Azure Repos\n")
	}
	for _, h := range out.KnownHosts {
		r.print("Host key in %s: %s\n", cred.Escape(h.File), h.Verdict)
	}
	for _, n := range out.Notes {
		r.print("Note: %s\n", cred.Escape(n))
	}
}

// report says how a key came out.
func (r *sshRun) report(ctx context.Context, id string) error {
	all, _, err := r.records()
	if err != nil {
		return err
	}
	settings, err := r.client.Settings(ctx, sshkey.Host)
	if err != nil {
		return err
	}
	var out sshStatus
	r.fillKeys(&out, all, nil, settings, r.t.Org)
	r.judgeKeys(&out, settings)
	r.code = 0 // notes, here
	rec := all.Find(id)
	i := slices.IndexFunc(out.Keys, func(k sshKeyRow) bool { return k.File == rec.Path })
	if r.json {
		return r.printJSON(out.Keys[i])
	}
	for _, n := range out.Notes {
		r.note("%s", n)
	}
	host := rec.Host
	r.print("ssh uses %s for %s (%s, %s), until %s at the latest.\n", rec.Path, host, out.Keys[i].Algorithm, out.Keys[i].Fingerprint, rec.Expires.Format(time.DateOnly))
	if host != sshkey.Host {
		r.print("Clone with: git clone git@%s:v3/%s/PROJECT/REPOSITORY\n", host, rec.Org)
	}
	return nil
}

// noteSSHKeys says at a logout which SSH keys stay.
func (s *session) noteSSHKeys(r *vault.Records, all bool, left []string) {
	for _, rec := range sshRecords(r) {
		if (all || slices.Contains(left, rec.Org)) && rec.Due.IsZero() {
			works := ", and works"
			if rec.Verified.IsZero() {
				works = ", though it was never tried"
			}
			s.note("the SSH key of %s stays%s; to delete it: patrol ssh remove %s", rec.Org, works, rec.Org)
		}
	}
}

// sshReminders says which keys should be replaced, for "patrol status".
func sshReminders(r *vault.Records, now time.Time) (list []string) {
	for _, rec := range sshRecords(r) {
		again := "patrol ssh rotate " + rec.Org
		switch state := sshState(r, rec); {
		case state == "to be deleted" && !slices.ContainsFunc(sshRecords(r), func(n *vault.Record) bool { return n.Org == rec.Org && sshState(r, n) != state }):
			list = append(list, fmt.Sprintf("the key of %s is to be deleted: patrol ssh remove %s", rec.Org, rec.Org))
		case state == "to be deleted":
			list = append(list, fmt.Sprintf("the old key of %s is to be deleted: %s", rec.Org, again))
		case state == "to be added":
			list = append(list, fmt.Sprintf("a key of %s waits to be added; type the command that made it again", rec.Org))
		case rec.Dead(now):
			list = append(list, fmt.Sprintf("the key of %s is past its end: %s", rec.Org, again))
		case !rec.Expires.IsZero() && rec.Expires.Sub(now) < sshSoon:
			list = append(list, fmt.Sprintf("the key of %s ends %s: %s", rec.Org, rec.Expires.Format(time.DateOnly), again))
		case now.Sub(rec.Created) > sshOld:
			list = append(list, fmt.Sprintf("the key of %s is %d days old: %s", rec.Org, int(now.Sub(rec.Created)/(24*time.Hour)), again))
		}
	}
	return list
}
