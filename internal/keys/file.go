package keys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitpatrol/patrol/internal/vault"
)

// plainName is a file with the key as text, in clear.
const plainName = "key.plaintext"

// plainFile keeps the key beside the vault as it is. Whoever reads the
// directory reads the vault.
type plainFile struct{ place Place }

func (f plainFile) Load(context.Context) (vault.Key, error) {
	text, err := f.place.Vault.ReadPrivate(plainName)
	defer clear(text)
	if errors.Is(err, fs.ErrNotExist) {
		return vault.Key{}, fmt.Errorf("%s: %w", plainName, vault.ErrNoKey)
	}
	if err != nil {
		return vault.Key{}, err
	}
	id, key, err := ParseText(string(text))
	if err != nil {
		return vault.Key{}, fmt.Errorf("%s: %w: %v", plainName, vault.ErrNoKey, err)
	}
	if id != f.place.ID {
		return vault.Key{}, fmt.Errorf("%s: %w: it is the key of the vault %s", plainName, vault.ErrNoKey, id)
	}
	return key, nil
}

func (f plainFile) Save(_ context.Context, key vault.Key) error {
	return f.place.Vault.WritePrivate(plainName, []byte(Text(f.place.ID, key).Reveal()+"\n"))
}

func (f plainFile) Remove(context.Context) error { return f.place.forget(plainName) }

// forget removes files that a source kept beside the vault.
func (p Place) forget(names ...string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(p.Vault.Dir(), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
