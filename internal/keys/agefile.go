package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"filippo.io/age"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// ageName is a file in the age format, which the age program opens too. See
// https://age-encryption.org/v1.
const ageName = "key.age"

// byPassphrase is how such a file begins that a passphrase opens: that stanza
// is the only one then.
const (
	byPassphrase = byAnything + "scrypt "
	byAnything   = "age-encryption.org/v1\n-> "
)

// identityName lists the identity files that open key.age, a path a line. There
// is none for a passphrase.
const identityName = "key.identity"

// IdentitySetting names the identity file in place of the
// one that was remembered: for one that has moved.
const IdentitySetting = "patrol.ageIdentity"

// Seal is what a new age file is sealed to. With neither, a passphrase.
type Seal struct {
	Recipients []string // age1..., ssh-...; none: those of the identity
	Identity   string   // absolute path of the file that will open it
}

// ageFile keeps the key in a file beside the vault.
type ageFile struct{ place Place }

func (a ageFile) Load(ctx context.Context) (vault.Key, error) {
	sealed, err := a.place.Vault.ReadPrivate(ageName)
	if errors.Is(err, fs.ErrNotExist) {
		return vault.Key{}, fmt.Errorf("%s: %w", ageName, vault.ErrNoKey)
	}
	if err != nil {
		return vault.Key{}, err
	}
	paths, pathErr := a.identityPaths()
	if !byIdentity(sealed, paths) {
		passphrase, err := a.place.Passphrase(ctx, "", false)
		if err != nil {
			return vault.Key{}, err
		}
		return openByPassphrase(sealed, passphrase)
	}
	if pathErr != nil {
		return vault.Key{}, pathErr
	}
	return a.openByIdentity(ctx, sealed, paths)
}

// byIdentity reports whether no passphrase opens the file. Of one that is
// damaged at its beginning nobody can say: whose passphrase opened it is asked
// for it, as before, and nothing is done while nobody is there.
func byIdentity(sealed []byte, paths []string) bool {
	if bytes.HasPrefix(sealed, []byte(byPassphrase)) {
		return false
	}
	return len(paths) > 0 || bytes.HasPrefix(sealed, []byte(byAnything))
}

func openByPassphrase(sealed []byte, passphrase cred.Secret) (vault.Key, error) {
	identity, err := age.NewScryptIdentity(passphrase.Reveal())
	if err != nil {
		return vault.Key{}, fmt.Errorf("%w: %v", vault.ErrLocked, err)
	}
	key, err := unseal(sealed, identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return key, fmt.Errorf("%w: the passphrase is wrong", vault.ErrLocked)
	}
	return key, err
}

// unseal opens the file with one of the identities. What is none, or was
// changed, holds no key.
func unseal(sealed []byte, identities ...age.Identity) (vault.Key, error) {
	plain, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return vault.Key{}, err
	}
	var key vault.Key
	if err == nil {
		var text []byte
		text, err = io.ReadAll(io.LimitReader(plain, 1<<10))
		defer clear(text)
		if err == nil {
			key, err = vault.KeyFromBytes(text)
		}
	}
	if err != nil {
		return vault.Key{}, fmt.Errorf("%s: %w: %v", ageName, vault.ErrNoKey, err)
	}
	return key, nil
}

func seal(key vault.Key, recipients ...age.Recipient) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipients...)
	if err != nil {
		return nil, err
	}
	plain := key.Bytes()
	defer clear(plain)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return sealed.Bytes(), err
}

func (a ageFile) Save(ctx context.Context, key vault.Key) error {
	keep, err := a.prepare(ctx, key, false)
	if err != nil {
		return err
	}
	return keep()
}

// Prepare seals the key, and opens what it sealed.
func (a ageFile) Prepare(ctx context.Context, key vault.Key) (func() error, error) {
	return a.prepare(ctx, key, true)
}

// prepare opens what it sealed to a recipient always: one that the identity is
// not of would lose the vault. A passphrase, each trial of which takes a second,
// it tries only where that would replace what opens a vault.
func (a ageFile) prepare(ctx context.Context, key vault.Key, try bool) (func() error, error) {
	if a.place.Seal.Identity == "" && len(a.place.Seal.Recipients) > 0 {
		return nil, fmt.Errorf("%w: a recipient needs the identity file that opens what is sealed to it", vault.ErrNoSource)
	}
	if a.place.Seal.Identity == "" {
		return a.prepareByPassphrase(ctx, key, try)
	}
	recipients, err := a.recipients(ctx)
	if err != nil {
		return nil, err
	}
	sealed, err := bounded(ctx, a.place.patience(), func() ([]byte, error) { return seal(key, recipients...) })
	if err != nil {
		return nil, fmt.Errorf("%w: cannot seal the key: %v", vault.ErrNoSource, err)
	}
	again, err := a.openByIdentity(ctx, sealed, []string{a.place.Seal.Identity})
	if errors.Is(err, errNotSealed) {
		return nil, fmt.Errorf("%w: the identity does not open what is sealed to the recipients", vault.ErrNoSource)
	}
	if err != nil {
		return nil, err
	}
	if again.ID() != key.ID() {
		return nil, errAnother
	}
	return func() error { return a.keep(sealed, a.place.Seal.Identity) }, nil
}

func (a ageFile) prepareByPassphrase(ctx context.Context, key vault.Key, try bool) (func() error, error) {
	passphrase, err := a.place.Passphrase(ctx, "", true)
	if err != nil {
		return nil, err
	}
	// age's own work factor: about a second, the price of each guess.
	recipient, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	sealed, err := seal(key, recipient)
	var again vault.Key
	if err == nil && try {
		again, err = openByPassphrase(sealed, passphrase)
	}
	if err != nil {
		return nil, err
	}
	if try && again.ID() != key.ID() {
		return nil, errAnother
	}
	return func() error { return a.keep(sealed, "") }, nil
}

// keep puts the new file in the place of the old. In between, each of the two
// is opened by one of the identities that are remembered, whenever we are
// killed.
func (a ageFile) keep(sealed []byte, identity string) error {
	remember := func(paths ...string) error {
		return a.place.Vault.WritePrivate(identityName, []byte(strings.Join(paths, "\n")+"\n"))
	}
	if identity != "" {
		old, err := a.remembered()
		if err != nil {
			return err
		}
		if err := remember(append([]string{identity}, old...)...); err != nil {
			return err
		}
	}
	if err := a.place.Vault.WritePrivate(ageName, sealed); err != nil {
		return err
	}
	now, err := a.place.Vault.ReadPrivate(ageName)
	if err != nil || !bytes.Equal(now, sealed) {
		return fmt.Errorf("%s is not as it was written: %w", ageName, errors.Join(vault.ErrNoSource, err))
	}
	if identity == "" {
		return a.place.forget(identityName)
	}
	return remember(identity)
}

// Remove forgets the file first: an identity without it opens nothing.
func (a ageFile) Remove(context.Context) error { return a.place.forget(ageName, identityName) }

// Probe needs no more than what Choose itself tries first: a directory for the
// file. A passphrase is asked for only when there is a key to seal.
func (a ageFile) Probe(context.Context) error { return a.place.Vault.Try() }

func ageUnfit(m Machine) string {
	if m.Person || m.Passphrase {
		return ""
	}
	return "nobody is here to choose a passphrase, and no patrol.passphraseCommand is configured"
}
