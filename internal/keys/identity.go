package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
	"golang.org/x/crypto/ssh"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Identity returns the absolute path of the identity file that opens the key of
// the vault, "" when it is a passphrase or nothing that does.
func Identity(p Place) string {
	sealed, err := p.Vault.ReadPrivate(ageName)
	paths, _ := ageFile{p}.identityPaths()
	if err != nil || !byIdentity(sealed, paths) || len(paths) == 0 {
		return ""
	}
	return paths[0]
}

// identityPaths lists the files that may open key.age.
func (a ageFile) identityPaths() ([]string, error) {
	if path := a.place.setting(IdentitySetting); path != "" {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%w: %s is not an absolute path", vault.ErrLocked, IdentitySetting)
		}
		return []string{path}, nil
	}
	return a.remembered()
}

func (a ageFile) remembered() ([]string, error) {
	text, err := a.place.Vault.ReadPrivate(identityName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var paths []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); filepath.IsAbs(line) {
			paths = append(paths, line)
		}
	}
	return paths, err
}

// openByIdentity tries each file. One that cannot be used now, and one that is
// not the right one, say nothing of the key: it is locked, not gone.
func (a ageFile) openByIdentity(ctx context.Context, sealed []byte, paths []string) (vault.Key, error) {
	var reasons []error
	var opened age.Identity
	identities := []age.Identity{nobody{}}
	for _, path := range paths {
		list, err := a.readIdentities(ctx, path)
		if err != nil {
			reasons = append(reasons, err)
		}
		for _, identity := range list {
			identities = append(identities, watched{identity, &reasons, &opened})
		}
	}
	key, err := bounded(ctx, a.place.patience(), func() (vault.Key, error) { return unseal(sealed, identities...) })
	var wrong *age.NoIdentityMatchError
	_, byPlugin := opened.(*plugin.Identity)
	switch {
	case byPlugin && errors.Is(err, vault.ErrNoKey): // it may be the plugin that is wrong
		return vault.Key{}, fmt.Errorf("%w: the plugin gave what does not open it: %v", vault.ErrLocked, err)
	case !errors.As(err, &wrong):
		return key, err
	case len(reasons) > 0:
		return vault.Key{}, lockedBy(reasons[0])
	case len(paths) == 0:
		return vault.Key{}, fmt.Errorf("%w: %s is sealed to an identity, and %s does not name its file", vault.ErrLocked, ageName, IdentitySetting)
	}
	return vault.Key{}, fmt.Errorf("%w: %w in %s", vault.ErrLocked, errNotSealed, cred.Escape(paths[0]))
}

var errNotSealed = errors.New(ageName + " is not sealed to the identity")

// lockedBy leaves an error that says what to do as it is.
func lockedBy(err error) error {
	var unasked *unaskedError
	if errors.As(err, &unasked) {
		return unasked.error
	}
	if errors.Is(err, vault.ErrLocked) || errors.Is(err, vault.ErrUnsafe) {
		return err
	}
	return fmt.Errorf("%w: %w", vault.ErrLocked, err)
}

// unaskedError is what went wrong with asking a person.
type unaskedError struct{ error }

// nobody opens nothing. age wants at least one identity, before it looks
// whether the file is one.
type nobody struct{}

// Unwrap implements age.Identity.
func (nobody) Unwrap([]*age.Stanza) ([]byte, error) { return nil, age.ErrIncorrectIdentity }

// watched notes why an identity failed and lets age try the next one; and which
// one did not.
type watched struct {
	age.Identity
	reasons *[]error
	opened  *age.Identity
}

// Unwrap implements age.Identity.
func (w watched) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := w.Identity.Unwrap(stanzas)
	if err != nil && !errors.Is(err, age.ErrIncorrectIdentity) {
		*w.reasons = append(*w.reasons, err)
		return nil, age.ErrIncorrectIdentity
	}
	if err == nil {
		*w.opened = w.Identity
	}
	return key, err
}

// readIdentities reads a file as age-keygen, ssh-keygen and plugins make it.
func (a ageFile) readIdentities(ctx context.Context, path string) ([]age.Identity, error) {
	text, err := vault.ReadSecretFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	bad := func(why any) ([]age.Identity, error) {
		return nil, fmt.Errorf("%w: %s: %v", vault.ErrLocked, cred.Escape(path), why)
	}
	if bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		identity, err := a.sshIdentity(ctx, path, bytes.Clone(text))
		if err != nil {
			return bad(err)
		}
		return []age.Identity{identity}, nil
	}
	var list []age.Identity
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := a.identity(ctx, line)
		if err != nil {
			return bad(err)
		}
		list = append(list, one...)
	}
	if len(list) == 0 {
		return bad("it has no identity")
	}
	return list, nil
}

func (a ageFile) identity(ctx context.Context, line string) ([]age.Identity, error) {
	if strings.HasPrefix(line, "AGE-PLUGIN-") {
		identity, err := plugin.NewIdentity(line, a.pluginUI(ctx))
		if err != nil {
			return nil, errors.New("a plugin's identity in it is malformed")
		}
		return []age.Identity{identity}, a.checkPlugin(identity.Name())
	}
	list, err := age.ParseIdentities(strings.NewReader(line))
	if err != nil {
		return nil, errors.New("a line of it is no identity of age, of SSH or of a plugin")
	}
	return list, nil
}

func (a ageFile) sshIdentity(ctx context.Context, path string, pem []byte) (age.Identity, error) {
	identity, err := agessh.ParseIdentity(pem)
	var encrypted *ssh.PassphraseMissingError
	if !errors.As(err, &encrypted) {
		return identity, err
	}
	if encrypted.PublicKey == nil {
		return nil, errors.New("its old format hides which key it is; convert it: ssh-keygen -p -f FILE")
	}
	locked := &lockedSSH{}
	locked.EncryptedSSHIdentity, err = agessh.NewEncryptedSSHIdentity(encrypted.PublicKey, pem, func() ([]byte, error) {
		passphrase, err := a.place.Passphrase(ctx, path, false)
		locked.unasked = err
		return []byte(passphrase.Reveal()), err
	})
	return locked, err
}

// lockedSSH keeps the reason why nobody could be asked, which age hides.
type lockedSSH struct {
	*agessh.EncryptedSSHIdentity
	unasked error
}

// Unwrap implements age.Identity.
func (l *lockedSSH) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := l.EncryptedSSHIdentity.Unwrap(stanzas)
	if l.unasked != nil {
		err = &unaskedError{l.unasked}
	}
	return key, err
}

// recipients are those that were asked for, or those of the identity.
func (a ageFile) recipients(ctx context.Context) ([]age.Recipient, error) {
	var list []age.Recipient
	for _, text := range a.place.Seal.Recipients {
		one, err := a.recipient(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", vault.ErrNoSource, err)
		}
		list = append(list, one)
	}
	if len(list) > 0 {
		return list, nil
	}
	identities, err := a.readIdentities(ctx, a.place.Seal.Identity)
	if err != nil {
		return nil, err
	}
	for _, identity := range identities {
		one := recipientOf(identity)
		if one == nil {
			return nil, fmt.Errorf("%w: %T tells no recipient", vault.ErrNoSource, identity)
		}
		list = append(list, one)
	}
	return list, nil
}

func recipientOf(identity age.Identity) age.Recipient {
	switch i := identity.(type) {
	case *age.X25519Identity:
		return i.Recipient()
	case *age.HybridIdentity:
		return i.Recipient()
	case *agessh.Ed25519Identity:
		return i.Recipient()
	case *agessh.RSAIdentity:
		return i.Recipient()
	case *lockedSSH:
		return i.Recipient()
	case *plugin.Identity:
		return i.Recipient()
	}
	return nil
}

func (a ageFile) recipient(ctx context.Context, text string) (age.Recipient, error) {
	one, err := a.parseRecipient(ctx, text)
	if err != nil {
		// Not the text: it may be an identity, pasted by mistake.
		return nil, fmt.Errorf("that is no recipient (age1..., ssh-ed25519 ..., ssh-rsa ...): %w", err)
	}
	return one, nil
}

func (a ageFile) parseRecipient(ctx context.Context, text string) (age.Recipient, error) {
	if strings.HasPrefix(text, "ssh-") {
		return agessh.ParseRecipient(text)
	}
	// What holds a second 1 names a plugin before it; the hybrid one is age's own.
	if strings.Count(text, "1") > 1 && !strings.HasPrefix(text, "age1pq1") {
		if r, err := plugin.NewRecipient(text, a.pluginUI(ctx)); err == nil {
			return r, a.checkPlugin(r.Name())
		}
	}
	list, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil || len(list) != 1 {
		return nil, errors.New("age does not know it")
	}
	return list[0], nil
}
