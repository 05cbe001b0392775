// Package sshkey makes SSH keys for Azure Repos, tries them with the real ssh,
// and keeps the block of ~/.ssh/config that names them.
package sshkey

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Azure Repos takes RSA keys alone. 2048 bits it takes as well, but NIST wants
// more beyond 2030 (SP 800-57 part 1, table 2), and ssh-keygen makes 3072.
const (
	DefaultBits = 4096
	LeastBits   = 3072
	MostBits    = 8192
)

// NewPassphrase returns a passphrase of 130 random bits.
func NewPassphrase() cred.Secret { return cred.NewSecret(rand.Text()) }

// Create makes a key pair: path, sealed with the passphrase, and path.pub. What
// is at path already is never replaced. It returns the public key.
func Create(path, comment string, bits int, passphrase cred.Secret) (ssh.PublicKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, comment, []byte(passphrase.Reveal()))
	if err != nil {
		return nil, err
	}
	sealed := pem.EncodeToMemory(block)
	defer clear(sealed)
	// The public half first: a private key is only there when all is.
	if err := createFile(path+".pub", []byte(Line(public)+" "+comment+"\n"), true); err != nil {
		return nil, err
	}
	return public, createFile(path, sealed, false)
}

// Line is a public key as the portal wants it: one line without its end.
func Line(key ssh.PublicKey) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
}

// newFile is behind the name of a file that is about to be another's.
const newFile = ".patrol-new-*"

// Sweep removes what a run that was killed left beside a file.
func Sweep(path string) {
	left, _ := filepath.Glob(path + newFile)
	for _, name := range left {
		_ = os.Remove(name)
	}
}

// createFile makes a private file that is there whole or not at all.
func createFile(path string, content []byte, replace bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newFile)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(f.Name(), path)
	}
	return os.Link(f.Name(), path) // fails where something is
}

// Unlock opens a private key that patrol made.
func Unlock(path string, passphrase cred.Secret) (any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	key, err := ssh.ParseRawPrivateKeyWithPassphrase(data, []byte(passphrase.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// Public reads the public half of a key: the file beside it, else as much as
// the private one tells without its passphrase.
func Public(path string) (ssh.PublicKey, error) {
	data, err := os.ReadFile(path + ".pub")
	if err == nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey(data)
		return key, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if data, err = os.ReadFile(path); err != nil {
		return nil, err
	}
	defer clear(data)
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return signer.PublicKey(), nil
	case errors.As(err, &locked) && locked.PublicKey != nil:
		return locked.PublicKey, nil
	}
	return nil, fmt.Errorf("%s: its public half is not known: %w", path, err)
}

// Algorithm is what a key is, in words, and why it should not be used for
// Azure Repos; "" if it may.
func Algorithm(key ssh.PublicKey) (name, objection string) {
	kind := strings.TrimPrefix(key.Type(), "ssh-")
	if key.Type() == ssh.KeyAlgoRSA {
		bits := 0
		if c, ok := key.(ssh.CryptoPublicKey); ok {
			if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
				bits = r.N.BitLen()
			}
		}
		name = fmt.Sprintf("RSA %d", bits)
		if bits < LeastBits {
			objection = fmt.Sprintf("shorter than %d bits", LeastBits)
		}
		return name, objection
	}
	return strings.ToUpper(kind[:1]) + kind[1:], "Azure Repos takes RSA keys only"
}

// PublicKey is the public half of a key.
type PublicKey = ssh.PublicKey

// ParseLine reads a public key as Line writes it.
func ParseLine(line string) (PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	return key, err
}

// Fingerprint is how ssh names a key: "SHA256:...".
func Fingerprint(key PublicKey) string { return ssh.FingerprintSHA256(key) }

// LegacyFingerprint is how the portal names a key, in MD5.
func LegacyFingerprint(key PublicKey) string { return ssh.FingerprintLegacyMD5(key) }

// Plain reports whether a private key can be used without a passphrase.
func Plain(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	defer clear(data)
	_, err = ssh.ParsePrivateKey(data)
	return err == nil
}
