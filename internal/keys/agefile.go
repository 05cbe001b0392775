package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/gitpatrol/patrol/internal/vault"
)

// ageName is a file in the age format with a passphrase stanza, which the age
// program opens too. See https://age-encryption.org/v1.
const ageName = "key.age"

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
	passphrase, err := a.place.Passphrase(ctx, false)
	if err != nil {
		return vault.Key{}, err
	}
	identity, err := age.NewScryptIdentity(passphrase.Reveal())
	if err != nil {
		return vault.Key{}, fmt.Errorf("%w: %v", vault.ErrLocked, err)
	}
	plain, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if err != nil {
		var wrong *age.NoIdentityMatchError
		if errors.As(err, &wrong) {
			return vault.Key{}, fmt.Errorf("%w: the passphrase is wrong", vault.ErrLocked)
		}
		return vault.Key{}, fmt.Errorf("%s: %w: %v", ageName, vault.ErrNoKey, err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, 1<<10))
	defer clear(text)
	var key vault.Key
	if err == nil {
		key, err = vault.KeyFromBytes(text)
	}
	if err != nil {
		return vault.Key{}, fmt.Errorf("%s: %w: %v", ageName, vault.ErrNoKey, err)
	}
	return key, nil
}

func (a ageFile) Save(ctx context.Context, key vault.Key) error {
	passphrase, err := a.place.Passphrase(ctx, true)
	if err != nil {
		return err
	}
	// age's own work factor: about a second, the price of each guess.
	recipient, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		return fmt.Errorf("passphrase: %w", err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return err
	}
	plain := key.Bytes()
	defer clear(plain)
	if _, err := w.Write(plain); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return a.place.Vault.WritePrivate(ageName, sealed.Bytes())
}

func (a ageFile) Remove(context.Context) error {
	err := os.Remove(filepath.Join(a.place.Vault.Dir(), ageName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Probe needs no more than what Choose itself tries first: a directory for the
// file. A passphrase is asked for only when there is a key to seal.
func (a ageFile) Probe(context.Context) error { return a.place.Vault.Try() }

func ageUnfit(m Machine) string {
	if m.Person || m.Passphrase {
		return ""
	}
	return "nobody is here to choose a passphrase, and no patrol.passphraseCommand is configured"
}
