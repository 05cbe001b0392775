package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

// cacheTime is how long the kernel keyring keeps a key that a person unlocked.
const cacheTime = 8 * time.Hour

// session is the vault of this run and what is needed to open it.
type session struct {
	*app
	vault  *vault.Vault
	config *git.Config
	ask    bool   // a person may be asked
	asker  string // who asks through us, and for what; "" in the person's own commands
	key    vault.Key
	seal   keys.Seal // how a new age file is to be sealed
	plain  bool      // a key in clear was asked for, by its long word
	made   bool      // the vault was made in this run

	newPassphraseFD int // as passphraseFD, for a passphrase that is chosen; -1 for none

	because string // why patrol chose the key source that it chose in this run
}

// session finds the vault and reads Git's configuration, once.
func (a *app) session(ctx context.Context, ask bool) (*session, error) {
	dir, err := vault.DefaultDir(a.getenv)
	if err != nil {
		return nil, err
	}
	config, err := a.gitConfig(ctx)
	if err != nil {
		return nil, err
	}
	return &session{app: a, vault: vault.In(dir), config: config, ask: ask, newPassphraseFD: -1}, nil
}

func (a *app) gitConfig(ctx context.Context) (*git.Config, error) {
	exe, err := git.Find(a.Environ)
	if err != nil {
		return nil, failed("install git, and see that its directory is in PATH", "%v", err)
	}
	config, err := git.Load(ctx, exe, a.Environ)
	if errors.Is(err, git.ErrTooOld) {
		return nil, failed("install a newer git, or put its directory first in PATH", "%v (%s)", err, exe)
	}
	if errors.Is(err, syscall.EMFILE) {
		return nil, failed(helper.MoreFiles, "%v", err)
	}
	if err != nil {
		return nil, failed("git config --list --show-origin", "%v", err)
	}
	return config, nil
}

// open unlocks and opens the vault. A damaged one, and one whose key is gone,
// is set aside with a line about it; then, as where there is none, the error
// is vault.ErrNone.
func (s *session) open(ctx context.Context) (*vault.Records, error) {
	f, err := s.vault.Load()
	if errors.Is(err, vault.ErrCorrupt) {
		return nil, s.setAside(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	r, err := s.unlock(ctx, f)
	if errors.Is(err, vault.ErrCorrupt) || errors.Is(err, vault.ErrNoKey) {
		return nil, s.setAside(ctx, err)
	}
	return r, err
}

// unlock opens f with the key from the kernel keyring, else from its source;
// what the source gave is then cached in the kernel keyring.
func (s *session) unlock(ctx context.Context, f *vault.File) (*vault.Records, error) {
	if r, err := s.openCached(f); !errors.Is(err, errNotCached) {
		return r, err
	}
	kind, err := keys.Find(f.Source)
	if err != nil {
		return nil, failed("it was not touched; install the version of patrol that made it", "%v", err)
	}
	release, waited, err := s.takeTurn(ctx, f)
	if err != nil {
		return nil, err
	}
	defer release()
	if r, err := s.openCached(f); !errors.Is(err, errNotCached) { // another process unlocked it while we waited
		return r, err
	}
	place := s.place(f.ID)
	if waited { // the person was asked already, and did not want to
		place.Desktop = false
	}
	if f.Source == keys.SecretService {
		defer s.progress("waiting for the Secret Service ...")()
	}
	key, err := kind.Open(place).Load(ctx)
	if err != nil {
		return nil, err
	}
	r, err := f.Open(key)
	if errors.Is(err, vault.ErrWrongKey) {
		return nil, fmt.Errorf("%w: key source %s holds the key of another vault", vault.ErrNoKey, f.Source)
	}
	if err != nil {
		return nil, err
	}
	s.key, s.opened = key, s
	s.cache(f.Header)
	return r, nil
}

// records opens the vault again, as it is now.
func (s *session) records() (*vault.Records, error) {
	f, err := s.vault.Load()
	if err != nil {
		return nil, err
	}
	return f.Open(s.key)
}

var errNotCached = errors.New("the kernel keyring does not have the key")

// openCached opens f with the key from the kernel keyring.
func (s *session) openCached(f *vault.File) (*vault.Records, error) {
	key, err := keyring.Load(f.ID)
	if err != nil {
		return nil, errNotCached
	}
	r, err := f.Open(key)
	if errors.Is(err, vault.ErrWrongKey) {
		return nil, errNotCached
	}
	s.key, s.opened = key, s
	return r, err
}

// takeTurn lets one process at a time unlock the vault, so that a person is
// asked once, and a passphrase, each trial of which takes a second and a
// quarter of a gigabyte, is tried once. Whoever waited finds the key in the
// kernel keyring; where there is none, or no lock can be made, nobody waits.
func (s *session) takeTurn(ctx context.Context, f *vault.File) (release func(), waited bool, err error) {
	nothing := func() {}
	place := s.place(f.ID)
	nobody := f.Source == "age" && keys.Identity(place) == "" && !s.ask && !s.hasPassphraseSource()
	if f.Source == "kernel" || nobody || f.Source == keys.SecretService && !place.Desktop {
		return nothing, false, nil
	}
	if _, err := keyring.Load(f.ID); errors.Is(err, vault.ErrNoSource) && !place.Desktop {
		return nothing, false, nil
	}
	wait := lockWait
	if place.Desktop || s.canAsk() {
		wait = passphraseTime
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	at, stop := context.WithCancel(ctx)
	stop() // once, without waiting
	release, err = s.vault.Lock(at, turnLock)
	if errors.Is(err, vault.ErrBusy) {
		waited = true
		release, err = s.vault.Lock(ctx, turnLock)
	}
	if err != nil && !errors.Is(err, vault.ErrBusy) {
		return nothing, false, nil
	}
	return release, waited, err
}

// turnLock is the file beside the vault whose lock is held while unlocking.
const turnLock = "unlock.lock"

// cache puts the key where git-credential-patrol looks for it. Where the
// kernel has no keyring, each use of the vault unlocks it anew.
func (s *session) cache(h vault.Header) {
	if h.Source != "kernel" {
		_ = keyring.Save(h.ID, s.key, cacheTime)
	}
}

func (s *session) place(id string) keys.Place {
	var patience time.Duration // as short as a source finds good where nobody can be asked
	if s.canAsk() {
		patience = passphraseTime
	}
	return keys.Place{
		Vault: s.vault, ID: id, Passphrase: s.askPassphrase, Setting: s.setting, Patience: patience,
		Find:    func(program string) (string, error) { return git.FindProgram(program, s.Environ) },
		Environ: git.Environ(s.Environ),
		Ask:     s.askFor, Say: func(line string) { s.note("%s", line) },
		Seal: s.seal, Getenv: s.getenv, Desktop: s.ask && s.getenv("CI") == "" && keys.AtDesktop(s.getenv),
	}
}

// setting is a value of ours in Git's configuration.
func (s *session) setting(name string) string {
	e, _ := s.config.Get(name)
	return e.Value
}

// setAside moves a vault that cannot be opened out of the way, if it still
// cannot, and returns vault.ErrNone.
func (s *session) setAside(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	to, err := s.vault.SetAside(ctx, func(f *vault.File, err error) bool {
		if err == nil {
			_, err = s.unlock(ctx, f)
		}
		return errors.Is(err, vault.ErrCorrupt) || errors.Is(err, vault.ErrNoKey)
	}, keys.Files()...)
	if err != nil && !errors.Is(err, vault.ErrUnchanged) {
		return err
	}
	if to != "" {
		s.note("%v; it is kept as %s", cause, to)
		s.note("a new vault is begun: patrol login ORG")
	}
	return vault.ErrNone
}

// lockWait bounds how long a command waits for another writer.
const lockWait = 10 * time.Second

// update changes the vault under its lock.
func (s *session) update(ctx context.Context, change func(*vault.Records) error) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return s.vault.Update(ctx, s.key, change)
}

// ensure opens the vault, making one first where there is none.
func (s *session) ensure(ctx context.Context, source string) (*vault.Records, error) {
	r, err := s.open(ctx)
	if !errors.Is(err, vault.ErrNone) {
		return r, err
	}
	kind, err := s.chooseSource(ctx, source)
	if err != nil {
		return nil, err
	}
	var kept keys.Source
	key, err := s.vault.Create(ctx, kind.Name, func(id string, key vault.Key) error {
		kept = kind.Open(s.place(id))
		return kept.Save(ctx, key)
	})
	if errors.Is(err, vault.ErrExists) { // another process was quicker
		return s.open(ctx)
	}
	if err != nil {
		if remover, ok := kept.(keys.Remover); ok { // a key to nothing
			_ = remover.Remove(ctx)
		}
		return nil, err
	}
	f, err := s.vault.Load()
	if err != nil {
		return nil, err
	}
	s.key, s.made = key, true
	s.cache(f.Header)
	return f.Open(key)
}

// chooseSource decides where the key of a new vault is kept: as asked, as
// configured, else where it is best on this machine.
func (s *session) chooseSource(ctx context.Context, asked string) (keys.Kind, error) {
	if e, ok := s.config.Get("patrol.keySource"); ok && asked == "" {
		asked = e.Value
	}
	if asked != "" {
		kind, err := keys.Find(asked)
		if err != nil {
			return kind, failed("the sources are: "+sourceNames(), "%v", err)
		}
		if kind.Insecure && !s.plain { // patrol.keySource alone is not enough
			return kind, failed("patrol setup --key "+asked+" --"+plainFlag+", if you really want that",
				"the source %s keeps the vault's key in clear", asked)
		}
		return kind, nil
	}
	kind, verdicts, err := keys.Choose(ctx, s.machine())
	switch {
	case errors.Is(err, keys.ErrNoneFits):
		return kind, failed("patrol setup --key age, or --key kernel if that is what you want", "%v", err)
	case errors.Is(err, vault.ErrLocked):
		return kind, signIn("patrol setup", "%v", err)
	}
	s.because = keys.Because(verdicts)
	return kind, err
}

// machine is what the choice of a key source looks at.
func (s *session) machine() keys.Machine {
	return keys.Machine{Place: s.place(""), Root: "/", Person: s.canAsk(), Passphrase: s.hasPassphraseSource()}
}

func sourceNames() string {
	var names []string
	for _, k := range keys.Kinds() {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

func (s *session) canAsk() bool { return s.ask && s.atTerminal() }

func (s *session) atTerminal() bool {
	t, err := s.Terminal()
	if err != nil {
		return false
	}
	_ = t.Close()
	return true
}

func (s *session) hasPassphraseSource() bool {
	_, command := s.config.Get("patrol.passphraseCommand")
	return command || s.descriptor() >= 0
}

// descriptor is the open file that holds the passphrase, or -1.
func (s *session) descriptor() int {
	if s.passphraseFD >= 0 {
		return s.passphraseFD
	}
	if n, err := strconv.Atoi(s.getenv("PATROL_PASSPHRASE_FD")); err == nil && n > 2 {
		return n
	}
	return -1
}
