// Package keys is where vault keys live: one file for each source. A source
// keeps the 32 bytes that open one vault and knows nothing else.
package keys

import (
	"context"
	"fmt"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Source keeps the key of one vault.
type Source interface {
	// Load returns the key. Errors: vault.ErrNoKey where the source works but
	// holds no key, vault.ErrLocked where a person must open it and cannot be
	// asked or was wrong, vault.ErrNoSource where it does not work here.
	Load(context.Context) (vault.Key, error)
	// Save keeps the key, in place of an older one.
	Save(context.Context, vault.Key) error
}

// Remover is a Source that can forget its key.
type Remover interface{ Remove(context.Context) error }

// Place is whose key a source is opened for.
type Place struct {
	Vault *vault.Vault
	ID    string // of the vault: Header.ID

	// Passphrase asks for the passphrase that opens a source; fresh means a
	// new one is being chosen. It answers vault.ErrLocked when nobody can be
	// asked.
	Passphrase func(ctx context.Context, fresh bool) (cred.Secret, error)

	Getenv func(string) string // the environment, which names the session bus

	// Desktop: the person at the desktop may be asked there, once, to unlock
	// the Secret Service.
	Desktop bool
}

// Kind is one way to keep keys.
type Kind struct {
	Name string // in the vault's header and in patrol.keySource
	Help string
	Open func(Place) Source
	Why  string // what speaks for it, where Choose takes it by itself

	// Unfit says why Choose must not take it by itself on a machine where it
	// works, "" where it may. nil: never by itself.
	Unfit func(Machine) string
}

// Kinds lists every key source, the preferred first.
func Kinds() []Kind {
	return []Kind{
		{
			Name: "age", Help: "a file sealed by a passphrase, cached in the kernel keyring",
			Open: func(p Place) Source { return ageFile{p} },
			Why:  "a passphrase can be had here", Unfit: ageUnfit,
		},
		{
			Name: "kernel", Help: "the kernel keyring alone: nothing to type, gone after a reboot",
			Open: func(p Place) Source { return kernel{p} },
			Why:  "it works without a person, until the next reboot", Unfit: kernelUnfit,
		},
	}
}

// Files lists what sources keep beside the vault, for it alone.
func Files() []string { return []string{ageName} }

// Find returns the kind of a name.
func Find(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("no key source is called %q", name)
}
