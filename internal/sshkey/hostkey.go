package sshkey

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Host and LegacyHost are the two names of Azure Repos over SSH, for all
// organisations. See
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
const (
	Host       = "ssh.dev.azure.com"
	LegacyHost = "vs-ssh.visualstudio.com"
)

// HostKeyFingerprint is the fingerprint of the service's host key as Microsoft
// publishes it on the page of keys, https://dev.azure.com/ORG/_usersSettings/keys.
const HostKeyFingerprint = "SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"

// hostKey is the key of that fingerprint, as others pin it too: Argo CD
// (https://github.com/argoproj/argo-cd/blob/master/manifests/base/config/argocd-ssh-known-hosts-cm.yaml)
// and Flux (https://github.com/fluxcd/flux2/tree/main/tests/integration). A
// test computes the one from the other.
const hostKey = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7Hr1oTWqNqOlzGJOfGJ4NakVyIzf1rXYd4d7wo6jBlkLvCA4odBlL0mDUyZ0/QUfTTqeu+tm22gOsv+VrVTMk6vwRU75gY/y9ut5Mb3bR5BV58dKXyq9A9UeB5Cakehn5Zgm6x1mKoVyf+FFn26iYqXJRgzIZZcZ5V6hrE0Qg39kZm4az48o0AUbf6Sp4SLdvnuMa2sVNwHBboS7EJkm57XQPVU3/QpyNLHbWDdzwtrlS+ez30S3AdYhLKEOxAG8weOnyrtLJAUen9mTkol8oII1edf7mWWbWVf0nBmly21+nZcmCTISQBtdcyPaEno7fFQMDD26/s0lfKob4Kw8H"

// HostKey returns the key to expect of the service: other, a line such as
// "ssh-rsa AAAA...", if it is not empty, else the published one.
func HostKey(other string) (ssh.PublicKey, error) {
	if other == "" {
		other = hostKey
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(other)))
	if err != nil || len(options) > 0 || len(rest) > 0 {
		return nil, errors.New("not a public key such as \"ssh-rsa AAAA...\"")
	}
	return key, nil
}

// KnownHosts is the content of a known_hosts file with that key alone.
func KnownHosts(key ssh.PublicKey) string {
	return Host + "," + LegacyHost + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + "\n"
}

// Pinned says what a known_hosts file knows of the service.
type Pinned string

// What it may know.
const (
	PinnedRight Pinned = "right"
	PinnedWrong Pinned = "wrong" // somebody else's key: an alarm
	PinnedNot   Pinned = "not there"
)

// CheckKnownHosts looks the service up in one known_hosts file; a file that
// is not there knows nothing.
func CheckKnownHosts(file string, key ssh.PublicKey) (Pinned, error) {
	check, err := knownhosts.New(file)
	if err != nil {
		return PinnedNot, err
	}
	found := PinnedNot
	for _, host := range []string{Host, LegacyHost} {
		err := check(net.JoinHostPort(host, "22"), &net.TCPAddr{}, key)
		var unknown *knownhosts.KeyError
		switch {
		case err == nil:
			found = PinnedRight
		case errors.As(err, &unknown) && len(unknown.Want) == 0:
		case errors.As(err, &unknown):
			return PinnedWrong, nil
		default: // revoked, or unreadable
			return PinnedWrong, fmt.Errorf("%s: %w", file, err)
		}
	}
	return found, nil
}
