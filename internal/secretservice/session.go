package secretservice

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"github.com/godbus/dbus/v5"

	"github.com/gitpatrol/patrol/internal/cred"
)

// session is under what secrets pass on the bus.
//
// Where the service offers it, they are encrypted under a key of this
// connection (Diffie-Hellman in a group of 1024 bits, AES-128-CBC), else they
// are plain. Encrypted, they are not to be read by who only listens on the bus
// (dbus-monitor, a log of it), nor in the bus's own memory, swap or core dump.
// It proves nobody's identity: a program that owns the service's name, or
// stands between, reads all, as does any that simply asks the service.
type session struct {
	path dbus.ObjectPath
	key  []byte // nil: plain
}

// The names of the two algorithms. See
// https://specifications.freedesktop.org/secret-service-spec/0.2/transfer-secrets.html.
const (
	encrypted = "dh-ietf1024-sha256-aes128-cbc-pkcs7"
	plain     = "plain"
)

// wire is a secret as it passes on the bus.
type wire struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// group is the second Oakley group.
// See https://www.rfc-editor.org/rfc/rfc2409#section-6.2.
func group() *big.Int {
	p, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD1"+
		"29024E088A67CC74020BBEA63B139B22514A08798E3404DD"+
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245"+
		"E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)
	return p
}

// openSession opens the session, once.
func (s *Service) openSession(ctx context.Context) error {
	if s.session.path != "" {
		return nil
	}
	p := group()
	private, err := rand.Int(rand.Reader, p)
	if err != nil {
		return err
	}
	public := new(big.Int).Exp(big.NewInt(2), private, p)
	var theirs dbus.Variant
	var path dbus.ObjectPath
	err = s.call(ctx, servicePath, serviceName+".OpenSession", []any{encrypted, dbus.MakeVariant(public.Bytes())}, &theirs, &path)
	if errors.Is(err, ErrRefused) { // NotSupported, or what a service says for it
		err = s.call(ctx, servicePath, serviceName+".OpenSession", []any{plain, dbus.MakeVariant("")}, &theirs, &path)
		if err == nil {
			s.session = session{path: path}
		}
		return err
	}
	if err != nil {
		return err
	}
	bytes, ok := theirs.Value().([]byte)
	y := new(big.Int).SetBytes(bytes)
	if !ok || y.Cmp(big.NewInt(1)) <= 0 || y.Cmp(new(big.Int).Sub(p, big.NewInt(1))) >= 0 {
		return fmt.Errorf("%w: no public key", ErrBroken)
	}
	shared := new(big.Int).Exp(y, private, p).FillBytes(make([]byte, (p.BitLen()+7)/8))
	defer clear(shared)
	key, err := hkdf.Key(sha256.New, shared, nil, "", aes.BlockSize)
	if err == nil {
		s.session = session{path: path, key: key}
	}
	return err
}

// seal prepares a secret for the bus.
func (n session) seal(secret cred.Secret) (wire, error) {
	text := []byte(secret.Reveal())
	w := wire{Session: n.path, Parameters: []byte{}, Value: text, ContentType: "text/plain; charset=utf8"}
	if n.key == nil {
		return w, nil
	}
	block, err := aes.NewCipher(n.key)
	if err != nil {
		return w, err
	}
	pad := aes.BlockSize - len(text)%aes.BlockSize
	text = append(text, bytes.Repeat([]byte{byte(pad)}, pad)...)
	w.Parameters, w.Value = make([]byte, aes.BlockSize), text
	_, _ = rand.Read(w.Parameters)
	cipher.NewCBCEncrypter(block, w.Parameters).CryptBlocks(w.Value, text)
	return w, nil
}

// open takes a secret from the bus.
func (n session) open(w wire) (cred.Secret, error) {
	if n.key == nil {
		return cred.NewSecret(string(w.Value)), nil
	}
	block, err := aes.NewCipher(n.key)
	if err != nil {
		return cred.Secret{}, err
	}
	size := len(w.Value)
	if len(w.Parameters) != aes.BlockSize || size == 0 || size%aes.BlockSize != 0 {
		return cred.Secret{}, fmt.Errorf("%w: a secret of a wrong size", ErrBroken)
	}
	text := make([]byte, size)
	defer clear(text)
	cipher.NewCBCDecrypter(block, w.Parameters).CryptBlocks(text, w.Value)
	pad := int(text[size-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(text[size-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return cred.Secret{}, fmt.Errorf("%w: a secret that does not decrypt", ErrBroken)
	}
	return cred.NewSecret(string(text[:size-pad])), nil
}
