// Package keys is where vault keys live: one file for each source. A source
// keeps the 32 bytes that open one vault and knows nothing else.
package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

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

// Preparer is a Source that asks or works for a while before it can keep a
// key. Prepare does that, proves that the key comes back, and leaves alone what
// is kept now; keep, which the caller calls under the writer lock, is quick.
type Preparer interface {
	Prepare(context.Context, vault.Key) (keep func() error, err error)
}

// Place is whose key a source is opened for.
type Place struct {
	Vault *vault.Vault
	ID    string // of the vault: Header.ID

	// Passphrase asks for the passphrase that opens a source, or where of
	// names a file, that file; fresh means a new one is being chosen. It
	// answers vault.ErrLocked when nobody can be asked.
	Passphrase func(ctx context.Context, of string, fresh bool) (cred.Secret, error)

	// Setting is the value of a key in Git's configuration, a
	// repository's own left out; "" when there is none.
	Setting func(name string) string
	// Find is the absolute path of a program that may be run, and Environ what
	// it may have of the environment.
	Find    func(program string) (string, error)
	Environ []string
	// Patience is how long a program may take that may ask a person.
	Patience time.Duration
	// Ask puts a program's question to the person, and Say shows them a line.
	// Both escape what they show.
	Ask func(ctx context.Context, question string, secret bool) (cred.Secret, error)
	Say func(line string)

	// Seal is how a new age file is sealed; the zero Seal is a passphrase.
	Seal Seal

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

	Files    []string // what it keeps beside the vault
	Insecure bool     // the key is in clear: only by an explicit word
}

// Kinds lists every key source, the preferred first.
func Kinds() []Kind {
	return []Kind{
		{
			Name: SecretService, Help: "the desktop's keyring (Secret Service), opened by your login",
			Open: func(p Place) Source { return secretService{p} },
			Why:  "the keyring of this session keeps it, and opens with your login", Unfit: secretServiceUnfit, Files: []string{collectionName},
		},
		{
			Name: "age", Help: "a file sealed by a passphrase, SSH key, age identity or age plugin",
			Open: func(p Place) Source { return ageFile{p} },
			Why:  "a passphrase can be had here", Unfit: ageUnfit, Files: []string{ageName, identityName},
		},
		{
			Name: "kernel", Help: "the kernel keyring alone: nothing to type, gone after a reboot",
			Open: func(p Place) Source { return kernel{p} },
			Why:  "it works without a person, until the next reboot", Unfit: kernelUnfit,
		},
		{
			Name: "command", Help: "a program of yours: patrol.keyCommand",
			Open: func(p Place) Source { return command{p} },
		},
		{
			Name: "file", Help: "a file in clear beside the vault; only with --insecure-plaintext-key",
			Open: func(p Place) Source { return plainFile{p} }, Files: []string{plainName}, Insecure: true,
		},
	}
}

// Files lists what sources keep beside the vault, for it alone.
func Files() []string { return []string{ageName, identityName, plainName, collectionName} }

// Find returns the kind of a name.
func Find(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("no key source is called %q", name)
}

// Keep saves a key, reads it back and compares.
func Keep(ctx context.Context, source Source, key vault.Key) error {
	if err := source.Save(ctx, key); err != nil {
		return err
	}
	kept, err := source.Load(ctx)
	if err == nil && kept.ID() == key.ID() {
		return nil
	}
	return fmt.Errorf("%w: it does not give back the key that it was given: %w", vault.ErrNoSource, cmp.Or(err, errAnother))
}

var errAnother = errors.New("it gives another one")

// Left lists the files beside the vault of sources other than that one, as a
// move leaves them that was killed before it could forget the old place.
func Left(v *vault.Vault, source string) []string {
	var names []string
	for _, kind := range Kinds() {
		for _, name := range kind.Files {
			if _, err := os.Lstat(filepath.Join(v.Dir(), name)); err == nil && kind.Name != source {
				names = append(names, name)
			}
		}
	}
	return names
}

func (p Place) setting(name string) string {
	if p.Setting == nil {
		return ""
	}
	return p.Setting(name)
}

func (p Place) find(program string) (string, error) {
	if p.Find == nil {
		return "", errors.New("no program may be run here")
	}
	return p.Find(program)
}

func (p Place) patience() time.Duration { return cmp.Or(p.Patience, 30*time.Second) }

func (p Place) say(line string) {
	if p.Say != nil {
		p.Say(line)
	}
}
