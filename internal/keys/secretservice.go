package keys

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/secretservice"
	"github.com/gitpatrol/patrol/internal/vault"
)

// SecretService is the name of the kind that keeps the key in the Secret
// Service of the session.
const SecretService = "secretservice"

// secretService keeps the key, as Text, in an item of the default collection.
// Every program on the session bus can read its label and attributes, also
// while it is locked, so they tell no more than the vault's file name and
// header do.
type secretService struct{ place Place }

const (
	keyLabel  = "patrol vault key"
	keySchema = "io.github.gitpatrol.VaultKey"
	// collectionName is a file beside the vault that names the collection
	// which got the key: a Secret Service that does not have that collection,
	// as that of another desktop, says nothing about the key.
	collectionName = "key.secretservice"
	// serviceTime bounds what a service may need for one of our operations,
	// all its answers together, while no person is asked.
	serviceTime = 30 * time.Second
	// comeback is how long a service that went away is waited for.
	comeback = 5 * time.Second
)

func (s secretService) attributes() map[string]string {
	// See https://www.manpagez.com/html/libsecret-1/libsecret-1-0.18.6/migrating-schemas.php
	// for the first, by which other programs sort items.
	return map[string]string{"xdg:schema": keySchema, "vault": s.place.ID}
}

func (s secretService) Load(ctx context.Context) (key vault.Key, err error) {
	err = s.with(ctx, func(ctx context.Context, service *secretservice.Service) error {
		key, err = s.load(ctx, service)
		return err
	})
	if err != nil {
		return vault.Key{}, err
	}
	return key, nil
}

func (s secretService) load(ctx context.Context, service *secretservice.Service) (vault.Key, error) {
	var strange error
	for range 2 {
		items, err := s.items(ctx, service)
		if err != nil {
			return vault.Key{}, err
		}
		for _, item := range items {
			secret, err := service.Secret(ctx, item)
			if errors.Is(err, secretservice.ErrNotFound) { // deleted meanwhile
				continue
			}
			if err != nil {
				return vault.Key{}, err
			}
			id, key, err := ParseText(secret.Reveal())
			if err == nil && id == s.place.ID {
				return key, nil
			}
			strange = fmt.Errorf("%w: what it has for this vault is not its key", vault.ErrNoSource)
		}
		if strange != nil {
			return vault.Key{}, strange
		}
		again, err := s.explainNone(ctx, service)
		if !again {
			return vault.Key{}, err
		}
	}
	return vault.Key{}, vault.ErrNoKey
}

// items finds the items of this vault's key: open ones first, then the newest.
// What a service finds that was not looked for is left alone: it may be deleted.
func (s secretService) items(ctx context.Context, service *secretservice.Service) ([]secretservice.Item, error) {
	items, err := service.Search(ctx, s.attributes())
	items = slices.DeleteFunc(items, func(i secretservice.Item) bool { return i.Attributes["vault"] != s.place.ID })
	slices.SortStableFunc(items, func(a, b secretservice.Item) int {
		if a.Locked != b.Locked {
			if a.Locked {
				return 1
			}
			return -1
		}
		return b.Modified.Compare(a.Modified)
	})
	return items, err
}

// explainNone tells a key that is gone from one that is not to be seen now:
// for one that is gone, the vault is set aside. again: what hid it is open now.
func (s secretService) explainNone(ctx context.Context, service *secretservice.Service) (again bool, err error) {
	locked, err := service.Collections(ctx)
	if err != nil {
		return false, err
	}
	kept, err := s.place.Vault.ReadPrivate(collectionName)
	name := strings.TrimSpace(string(kept))
	if err != nil || name == "" {
		for _, is := range locked {
			if is {
				return false, fmt.Errorf("%w, and may have it", secretservice.ErrLocked)
			}
		}
		return false, vault.ErrNoKey
	}
	is, there := locked[name]
	switch {
	case !there:
		return false, fmt.Errorf("%w: the one that runs here does not have the collection %s, which got the key", vault.ErrNoSource, name)
	case is: // some do not tell what a locked collection has
		if err := service.Unlock(ctx, name); err != nil {
			return false, err
		}
		return true, nil
	}
	return false, vault.ErrNoKey
}

func (s secretService) Save(ctx context.Context, key vault.Key) error {
	return s.with(ctx, func(ctx context.Context, service *secretservice.Service) error {
		in, err := service.Default(ctx)
		if err != nil {
			return err
		}
		if err := s.place.Vault.WritePrivate(collectionName, []byte(in+"\n")); err != nil {
			return err
		}
		kept, err := service.Store(ctx, in, keyLabel, s.attributes(), Text(s.place.ID, key))
		if err != nil {
			return err
		}
		// Only then: an older key in another collection.
		items, err := s.items(ctx, service)
		for _, item := range items {
			if err == nil && item.Path() != kept.Path() {
				err = service.Delete(ctx, item)
			}
		}
		return err
	})
}

// Prepare unlocks the collection, which may take a person a while.
func (s secretService) Prepare(ctx context.Context, key vault.Key) (keep func() error, err error) {
	if err := s.Probe(ctx); err != nil {
		return nil, err
	}
	return func() error { return Keep(ctx, s, key) }, nil
}

func (s secretService) Remove(ctx context.Context) error {
	err := s.with(ctx, func(ctx context.Context, service *secretservice.Service) error {
		items, err := s.items(ctx, service)
		for _, item := range items {
			if err == nil {
				err = service.Delete(ctx, item)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(s.place.Vault.Dir(), collectionName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Probe keeps a random text as Save keeps the key.
func (s secretService) Probe(ctx context.Context) error {
	s.place.ID = probeName()
	text := cred.NewSecret(rand.Text())
	return s.with(ctx, func(ctx context.Context, service *secretservice.Service) (err error) {
		in, err := service.Default(ctx)
		if err != nil {
			return err
		}
		item, err := service.Store(ctx, in, keyLabel+" (trying)", s.attributes(), text)
		if err != nil {
			return err
		}
		defer func() { // also when the time is over
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), serviceTime)
			defer cancel()
			err = errors.Join(err, service.Delete(ctx, item))
		}()
		items, err := s.items(ctx, service)
		if err == nil && len(items) != 1 {
			err = fmt.Errorf("%w: what was written is not found", vault.ErrNoSource)
		}
		if err != nil {
			return err
		}
		got, err := service.Secret(ctx, items[0])
		if err == nil && !got.Equal(text) {
			err = fmt.Errorf("%w: what was written is not what is read", vault.ErrNoSource)
		}
		return err
	})
}

// with does something with the Secret Service, once more if the service went
// away and comes back, and says what happened in the errors of Source.
func (s secretService) with(ctx context.Context, do func(context.Context, *secretservice.Service) error) error {
	limit := serviceTime
	if s.place.Desktop {
		limit += secretservice.PromptTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	options := secretservice.Options{Getenv: s.place.Getenv, Ask: s.place.Desktop, Asking: func() {
		s.place.say("unlock the keyring in the window that opens at the desktop; Ctrl-C ends the wait")
	}}
	err := once(ctx, options, do)
	if errors.Is(err, secretservice.ErrGone) {
		back, stop := context.WithTimeout(ctx, comeback)
		defer stop()
		for back.Err() == nil && (errors.Is(err, secretservice.ErrGone) || errors.Is(err, secretservice.ErrNoService)) {
			select {
			case <-back.Done():
			case <-time.After(50 * time.Millisecond):
				err = once(ctx, options, do)
			}
		}
	}
	return serviceError(err)
}

func once(ctx context.Context, options secretservice.Options, do func(context.Context, *secretservice.Service) error) error {
	service, err := secretservice.Dial(ctx, options)
	if err != nil {
		return err
	}
	defer service.Close()
	return do(ctx, service)
}

func serviceError(err error) error {
	var of error
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, vault.ErrNoKey), errors.Is(err, vault.ErrLocked), errors.Is(err, vault.ErrNoSource):
		return fmt.Errorf("Secret Service: %w", err)
	case errors.Is(err, secretservice.ErrLocked), errors.Is(err, secretservice.ErrDismissed):
		of = vault.ErrLocked
	case secretservice.Is(err):
		of = vault.ErrNoSource
	default:
		return err
	}
	return fmt.Errorf("%w: %w", of, err)
}

// AtDesktop reports whether somebody sits at this machine: then a program here
// can put a window before them. A display that SSH forwards is another
// machine's, and what the session bus starts does not open its windows there.
func AtDesktop(getenv func(string) string) bool {
	return Machine{Place: Place{Getenv: getenv}}.desktop()
}

func secretServiceUnfit(m Machine) string {
	kind, _ := m.mount()
	switch {
	case m.Passphrase:
		return "it works, but a passphrase comes from a command or a descriptor, so that is what is wanted"
	case m.set("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"):
		return "it works now, but over SSH nobody could unlock it after a reboot"
	case network(kind):
		return "it works, but the home directory is on another machine, and this session's keyring is not elsewhere"
	}
	return ""
}
