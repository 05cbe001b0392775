package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/sshkey"
	"github.com/gitpatrol/patrol/internal/vault"
)

// sshFlags are those of create, rotate and remove.
type sshFlags struct {
	experimental, agent, copy, dryRun bool
	alias                             bool // create
	deleteOld                         bool // rotate
	bits                              int
	lifetime                          time.Duration
	key                               string
}

func sshCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ssh",
		Short: "make, renew and watch the SSH key for Azure Repos",
		Long: `Git over SSH needs a key that Azure Repos knows. patrol makes one (RSA: Azure
Repos takes no other), seals its file with a passphrase that is kept in the
vault, tries it with ssh, and names it in a block of ~/.ssh/config, together with
the published host key of the service. The key itself reaches ssh by ssh-agent:
that block runs "patrol ssh unlock" before ssh connects.

All organisations share the host ssh.dev.azure.com, and a key belongs to a
person: one serves all organisations of one account.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(sshStatusCommand(a), sshCreateCommand(a), sshRotateCommand(a), sshRemoveCommand(a), sshUnlockCommand(a), sshServeCommand(a))
	return cmd
}

func sshCreateCommand(a *app) *cobra.Command {
	var f sshFlags
	cmd := &cobra.Command{
		Use:   "create ORG",
		Short: "make a key, and have it added to your account",
		Long: `Make a key and show its public half, which you add on the page of keys that
opens. Then patrol tries it, and names it in ~/.ssh/config. With --experimental
patrol adds it by itself, by a call of the portal that Microsoft does not
document. Type the command again if it was interrupted: it goes on.

For another account than that of the first key, --alias makes a key under a name
of its own: git clone git@azure-ORG:v3/ORG/PROJECT/REPOSITORY`,
		Example: `  patrol ssh create contoso
  patrol ssh create --experimental --agent contoso
  git clone git@ssh.dev.azure.com:v3/contoso/shop/web`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOrg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSSH(cmd, args[0], f, (*sshRun).create)
		},
	}
	sshAddFlags(cmd, &f)
	cmd.Flags().BoolVar(&f.alias, "alias", false, "for another account: the key is for the name azure-ORG")
	cmd.Flags().StringVar(&f.key, "key", "", "where a new vault keeps its key: "+sourceNames())
	return a.addJSON(cmd)
}

func sshRotateCommand(a *app) *cobra.Command {
	var f sshFlags
	cmd := &cobra.Command{
		Use:   "rotate ORG",
		Short: "replace the key by a new one, and delete the old one",
		Long: `Make a new key, have it added, try it alone, name it in ~/.ssh/config, and only
then delete the old one: on the server, which is tried too, and here. A working
key is named there at any moment; if the command was interrupted, type it again.

A key that you made yourself is not deleted here, and on the server only with
--delete-old.`,
		Example: `  patrol ssh rotate --dry-run contoso
  patrol ssh rotate contoso
  patrol ssh rotate --experimental contoso`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOrg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSSH(cmd, args[0], f, (*sshRun).rotate)
		},
	}
	sshAddFlags(cmd, &f)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVar(&f.deleteOld, "delete-old", false, "delete a key that you made yourself on the server too")
	return a.addJSON(cmd)
}

// sshAddFlags are the flags of commands that make a key.
func sshAddFlags(cmd *cobra.Command, f *sshFlags) {
	cmd.Flags().BoolVar(&f.experimental, "experimental", false, "add and delete keys by undocumented calls, without the portal's page")
	cmd.Flags().BoolVar(&f.copy, "copy", false, "put the public key on the clipboard")
	cmd.Flags().BoolVar(&f.agent, "agent", false, "hand the key to ssh-agent at once")
	cmd.Flags().DurationVar(&f.lifetime, "lifetime", cacheTime, "how long ssh-agent keeps it; 0: until it ends")
	cmd.Flags().IntVar(&f.bits, "bits", sshkey.DefaultBits, "length of the key, 3072 to 8192 `bits`")
}

func sshRemoveCommand(a *app) *cobra.Command {
	var f sshFlags
	cmd := &cobra.Command{
		Use:               "remove ORG",
		Short:             "delete the key, and its lines in ~/.ssh/config",
		Long:              `Take the key out of ~/.ssh/config, delete it on the server, and then here.`,
		Example:           `  patrol ssh remove contoso`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOrg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSSH(cmd, args[0], f, (*sshRun).remove)
		},
	}
	cmd.Flags().BoolVar(&f.experimental, "experimental", false, "delete it by an undocumented call, without the portal's page")
	return a.addJSON(cmd)
}

// sshRun is one of these commands at work, for one organisation.
type sshRun struct {
	*session
	t       helper.Target
	f       sshFlags
	dir     string // ~/.ssh
	client  sshkey.Client
	hostKey sshkey.PublicKey
}

// newSSHRun finds ssh and its configuration.
func (s *session) newSSHRun() (*sshRun, error) {
	program, err := git.FindProgram("ssh", s.Environ)
	if err != nil {
		return nil, failed("install the OpenSSH client", "%v", err)
	}
	home := s.getenv("HOME")
	if runtime.GOOS == "windows" {
		home = cmp.Or(s.getenv("USERPROFILE"), home)
	}
	if !filepath.IsAbs(home) {
		return nil, failed("set HOME to your home directory", "HOME is not set, so there is no SSH configuration of yours")
	}
	r := &sshRun{session: s, dir: sshkey.Dir(home)}
	r.client = sshkey.Client{Program: program, Environ: git.Environ(s.Environ)}
	if u, err := user.Current(); err != nil || filepath.Clean(u.HomeDir) != filepath.Clean(home) {
		r.client.Config = "none"
		if isFile(r.configFile()) {
			r.client.Config = r.configFile()
		}
	}
	other := ""
	if e, ok := s.config.Get("patrol.sshHostKey"); ok {
		other = e.Value
	}
	if r.hostKey, err = sshkey.HostKey(other); err != nil {
		return nil, failed("git config --global patrol.sshHostKey 'ssh-rsa AAAA...'", "patrol.sshHostKey is %v", err)
	}
	return r, nil
}

func (r *sshRun) configFile() string     { return filepath.Join(r.dir, "config") }
func (r *sshRun) knownHostsFile() string { return filepath.Join(r.dir, "patrol_known_hosts") }

// withSSH runs one of the commands that change something, one at a time.
func (a *app) withSSH(cmd *cobra.Command, org string, f sshFlags, do func(*sshRun, context.Context) error) error {
	if cmd.Flags().Lookup("bits") != nil && (f.bits < sshkey.LeastBits || f.bits > sshkey.MostBits) {
		return usage(cmd, errors.New("--bits must be between 3072 and 8192"))
	}
	if f.lifetime < 0 {
		return usage(cmd, errors.New("--lifetime cannot be negative"))
	}
	t, err := azureTarget(org)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	r, err := s.newSSHRun()
	if err != nil {
		return err
	}
	if _, err := s.ensure(ctx, f.key); err != nil {
		return err
	}
	r.t, r.f = t, f
	if err := sshkey.MakeDir(r.dir); err != nil {
		return failed("see who may write there: ls -ld "+r.dir, "%v", err)
	}
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err := s.vault.Lock(wait, "ssh.lock")
	if errors.Is(err, vault.ErrBusy) {
		return failed("let it end, and type the command again", "another patrol is changing SSH keys")
	}
	if err != nil {
		return err
	}
	defer unlock()
	return do(r, ctx)
}

// records are the SSH records of the vault as it is now, newest first.
func (r *sshRun) records() (*vault.Records, []*vault.Record, error) {
	f, err := r.vault.Load()
	if err != nil {
		return nil, nil, err
	}
	all, err := f.Open(r.key)
	if err != nil {
		return nil, nil, err
	}
	return all, sshRecords(all), nil
}

// sshRecords picks the SSH keys among the records.
func sshRecords(r *vault.Records) []*vault.Record {
	var list []*vault.Record
	for i := range r.List {
		if r.List[i].Kind == vault.SSH {
			list = append(list, &r.List[i])
		}
	}
	return list
}

// sshState says where a key is in its life.
func sshState(r *vault.Records, rec *vault.Record) string {
	switch {
	case !rec.Due.IsZero():
		return "to be deleted"
	case rec.Verified.IsZero():
		return "to be added"
	case slices.ContainsFunc(sshRecords(r), func(n *vault.Record) bool { return n.Predecessor == rec.ID && !n.Verified.IsZero() }):
		return "to be deleted"
	}
	return "in use"
}

// own reports whether patrol made the key; a person's own has no passphrase here.
func (r *sshRun) own(all *vault.Records, rec *vault.Record) bool {
	secrets, err := all.Secrets(rec)
	name := filepath.Base(rec.Path)
	return err == nil && secrets.Secret.IsSet() && strings.HasPrefix(name, "patrol_") && filepath.Dir(rec.Path) == r.dir
}

// unlockedKey opens the private key of a record.
func (r *sshRun) unlockedKey(all *vault.Records, rec *vault.Record) (sshkey.Key, error) {
	public, err := sshkey.ParseLine(rec.PublicKey)
	if err != nil {
		return sshkey.Key{}, err
	}
	key := sshkey.Key{File: rec.Path, Public: public}
	secrets, err := all.Secrets(rec)
	if err != nil || !secrets.Secret.IsSet() {
		return key, err
	}
	key.Private, err = sshkey.Unlock(rec.Path, secrets.Secret)
	if errors.Is(err, os.ErrNotExist) {
		return key, failed("patrol ssh remove "+rec.Org+", and then patrol ssh create "+rec.Org, "the file of the key is gone: %s", rec.Path)
	}
	return key, err
}

// try shows a key to the service.
func (r *sshRun) try(ctx context.Context, key sshkey.Key) error {
	defer r.progress("trying " + filepath.Base(key.File) + " with ssh ...")()
	err := r.client.Try(ctx, r.t.Org, key, r.hostKey)
	switch {
	case errors.Is(err, sshkey.ErrHostKey):
		return failed("compare with the fingerprint on "+keysPage(r.t.Org)+" (it should be "+sshkey.Fingerprint(r.hostKey)+"); do not go on if it differs", "%v", err)
	case errors.Is(err, sshkey.ErrUnreachable):
		return failed("see the way to it: ssh -v -T git@"+sshkey.Host, "%v", err)
	}
	return err
}

// keysPage is the portal's page of SSH keys.
func keysPage(org string) string {
	return "https://" + helper.AzureHost + "/" + org + "/_usersSettings/keys"
}
