package emulator

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// SSHKey is a person's public key. It works in every organization that its
// owner can use.
type SSHKey struct {
	ID          string    `json:"id"` // the authorizationId of the service
	User        string    `json:"user"`
	Name        string    `json:"displayName"`
	PublicKey   string    `json:"publicKey"` // "ssh-rsa AAAA...", without a comment
	Fingerprint string    `json:"fingerprint"`
	ValidFrom   time.Time `json:"validFrom"`
	ValidTo     time.Time `json:"validTo"`
	Deleted     time.Time `json:"deleted,omitzero"`
	Uses        int       `json:"uses"` // sessions it was accepted for

	organization string // by which it was added
	wire         []byte // as the SSH protocol sends it
}

// sshKeyYears is the life of a key, whatever was asked for:
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
// ("SSH keys stored in Azure DevOps expire after one year").
const sshKeyYears = 1

// Errors of adding a key. The first two are SessionTokenErrors, as patError;
// the service's other word for a key that is none is not documented.
const (
	sshDuplicate patError = "duplicateHash"
	sshDisabled  patError = "sshPolicyDisabled"
	sshNoKey     patError = "invalidPublicKey"
)

// sshStore holds the keys of everybody, oldest first.
type sshStore struct {
	mu   sync.Mutex
	keys []*SSHKey
}

// list copies all keys, also deleted ones.
func (s *sshStore) list() []SSHKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SSHKey, len(s.keys))
	for i, k := range s.keys {
		out[i] = *k
	}
	return out
}

// add stores a key, unless somebody has it: the key alone says who comes.
func (s *sshStore) add(k SSHKey) patError {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.keys {
		if old.Deleted.IsZero() && bytes.Equal(old.wire, k.wire) {
			return sshDuplicate
		}
	}
	s.keys = append(s.keys, &k)
	return patNone
}

// delete marks the keys that match and counts them.
func (s *sshStore) delete(at time.Time, match func(*SSHKey) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, k := range s.keys {
		if k.Deleted.IsZero() && match(k) {
			k.Deleted = at
			n++
		}
	}
	return n
}

// find looks up a key that was not deleted, and counts its use.
func (s *sshStore) find(wire []byte) (SSHKey, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if k.Deleted.IsZero() && bytes.Equal(k.wire, wire) {
			k.Uses++
			return *k, true
		}
	}
	return SSHKey{}, false
}

// parseSSHKey reads what goes into the field "Public Key Data": one line,
// "ssh-rsa", the key in base64, perhaps a comment. A blank or an end of line too many makes
// an invalid key, as documented; so do all kinds but RSA:
// https://developercommunity.visualstudio.com/idea/365980/support-non-rsa-keys-for-ssh-authentication.html
func parseSSHKey(text string) (ssh.PublicKey, bool) {
	kind, rest, _ := strings.Cut(text, " ")
	data, _, _ := strings.Cut(rest, " ")
	wire, err := base64.StdEncoding.DecodeString(data)
	if kind != ssh.KeyAlgoRSA || err != nil || strings.ContainsAny(text, "\r\n\t") {
		return nil, false
	}
	key, err := ssh.ParsePublicKey(wire)
	return key, err == nil && key.Type() == ssh.KeyAlgoRSA
}

// AddSSHKey adds a public key for a user, as one does on the page of keys.
func (e *Emulator) AddSSHKey(upn, organization, name, publicKey string) (SSHKey, error) {
	u, o := e.world.user(upn), e.world.org(organization)
	switch {
	case u == nil:
		return SSHKey{}, errNoUser(upn)
	case o == nil:
		return SSHKey{}, fmt.Errorf("no organization %q in the seed", organization)
	}
	k, reason := e.newSSHKey(o, u, name, strings.TrimSpace(publicKey))
	if reason != patNone {
		return SSHKey{}, fmt.Errorf("%s: %s", reason, sshMessage(reason))
	}
	return k, nil
}

// newSSHKey checks and stores a key.
func (e *Emulator) newSSHKey(o *organization, u *user, name, text string) (SSHKey, patError) {
	if e.policies.org(o.name).SSHOff {
		return SSHKey{}, sshDisabled
	}
	if reason := checkPATName(strings.TrimSpace(name)); reason != patNone {
		return SSHKey{}, reason
	}
	key, ok := parseSSHKey(text)
	if !ok {
		return SSHKey{}, sshNoKey
	}
	now := e.Now()
	k := SSHKey{
		ID: newGUID(), User: u.upn, Name: strings.TrimSpace(name), Fingerprint: ssh.FingerprintSHA256(key),
		PublicKey: key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()),
		ValidFrom: roundSQL(now), ValidTo: roundSQL(now.AddDate(sshKeyYears, 0, 0)), organization: o.name, wire: key.Marshal(),
	}
	return k, e.sshKeys.add(k)
}

// sshMessage is a text for people; the service's own are not documented.
func sshMessage(reason patError) string {
	switch reason {
	case sshDuplicate:
		return "The public key is in use already."
	case sshDisabled:
		return "The organization does not allow SSH."
	case sshNoKey:
		return "The public key data is not a valid RSA key: it begins with ssh-rsa and is one line."
	}
	return patMessage(reason)
}

// SSHKeys lists all keys, also expired and deleted ones, oldest first.
func (e *Emulator) SSHKeys() []SSHKey { return e.sshKeys.list() }

// DeleteSSHKey deletes a key by its id.
func (e *Emulator) DeleteSSHKey(id string) error {
	if e.sshKeys.delete(e.Now(), func(k *SSHKey) bool { return strings.EqualFold(k.ID, id) }) == 0 {
		return fmt.Errorf("no SSH key has the id %q", id)
	}
	return nil
}

// sshKeysOf lists the keys of a user that were not deleted, newest first.
func (e *Emulator) sshKeysOf(u *user) []SSHKey {
	keys := slices.DeleteFunc(e.sshKeys.list(), func(k SSHKey) bool { return k.User != u.upn || !k.Deleted.IsZero() })
	slices.Reverse(keys)
	return keys
}

// status says what a key is good for.
func (k SSHKey) status(now time.Time) string {
	if !now.Before(k.ValidTo) {
		return "expired"
	}
	return "active"
}
