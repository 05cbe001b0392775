package emulator

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// hostSSH is the host of Git over SSH. An older name, vs-ssh.visualstudio.com,
// leads to the same service.
const (
	hostSSH       = "ssh.dev.azure.com"
	hostSSHLegacy = "vs-ssh.visualstudio.com"
)

// methodSSH stands in the request log where requests of HTTP have their method.
const methodSSH = "SSH"

// sshHostKeyBits is the length of the service's host key.
const sshHostKeyBits = 2048

// sshHandshakeTime bounds a client that never signs in.
const sshHandshakeTime = time.Minute

// sshServer serves Git over SSH on a loopback port of its own: SSH has no
// proxy setting that every client reads, so clients are led there by the
// file ssh_config.
type sshServer struct {
	listener net.Listener
	config   *ssh.ServerConfig
	hostKey  ssh.PublicKey

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// listenSSH makes the SSH server and the files that lead there.
func (e *Emulator) listenSSH() error {
	var err error
	if e.ssh, err = e.newSSHServer(); err != nil {
		return err
	}
	return e.writeSSHFiles()
}

// newSSHServer makes a throw-away host key and listens. Like the service it
// has an RSA key only, and takes signatures of rsa-sha2-256 and -512 only:
// https://devblogs.microsoft.com/devops/ssh-rsa-deprecation/
func (e *Emulator) newSSHServer() (*sshServer, error) {
	key, err := rsa.GenerateKey(rand.Reader, sshHostKeyBits)
	if err != nil {
		return nil, err
	}
	plain, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, err
	}
	algorithms := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	signer, err := ssh.NewSignerWithAlgorithms(plain.(ssh.AlgorithmSigner), algorithms)
	if err != nil {
		return nil, err
	}
	s := &sshServer{hostKey: plain.PublicKey(), conns: map[net.Conn]bool{}}
	s.config = &ssh.ServerConfig{PublicKeyAuthAlgorithms: algorithms, PublicKeyCallback: e.offeredSSHKey, ServerVersion: "SSH-2.0-azdo-emulator"}
	s.config.AddHostKey(signer)
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	return s, err
}

// wireExtension holds the key that signed in.
const wireExtension = "azdo-emulator-key"

// offeredSSHKey accepts the first RSA key that a client proves to have, also
// one that nobody added; whose it is, is asked only when a repository is:
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
// ("Azure DevOps blindly accepts the first key that the client provides").
func (e *Emulator) offeredSSHKey(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if key.Type() != ssh.KeyAlgoRSA {
		return nil, errors.New("not an RSA key")
	}
	if c.User() != "git" && e.world.org(c.User()) == nil {
		return nil, errors.New("unknown user")
	}
	return &ssh.Permissions{Extensions: map[string]string{wireExtension: string(key.Marshal())}}, nil
}

// serve accepts connections until the listener is closed.
func (e *Emulator) serveSSH(ctx context.Context) {
	for {
		conn, err := e.ssh.listener.Accept()
		if err != nil {
			return
		}
		if !e.ssh.keep(conn) || !e.running.begin() {
			_ = conn.Close()
			continue
		}
		go func() {
			defer e.running.end()
			defer e.ssh.drop(conn)
			e.serveSSHConn(ctx, conn)
		}()
	}
}

// keep remembers a connection, unless the server is closed.
func (s *sshServer) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return false
	}
	s.conns[c] = true
	return true
}

// drop closes a connection.
func (s *sshServer) drop(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	_ = c.Close()
}

// stop stops listening and closes all connections.
func (s *sshServer) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
	return s.listener.Close()
}

// serveSSHConn signs a client in and serves its sessions, one after the other.
func (e *Emulator) serveSSHConn(ctx context.Context, conn net.Conn) {
	tooLong := time.AfterFunc(sshHandshakeTime, func() { _ = conn.Close() })
	signedIn, channels, requests, err := ssh.NewServerConn(conn, e.ssh.config)
	tooLong.Stop()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		s := &sshSession{e: e, channel: channel, wire: []byte(signedIn.Permissions.Extensions[wireExtension])}
		s.serve(ctx, requests)
	}
}

// SSHAddress is where Git over SSH is served. It is known after Start.
func (e *Emulator) SSHAddress() string { return e.ssh.listener.Addr().String() }

// SSHConfigFile is a configuration of ssh that leads the service's host names
// to the emulator and knows its host key: "ssh -F", or an Include.
func (e *Emulator) SSHConfigFile() string { return filepath.Join(e.config.Dir, "ssh_config") }

// SSHKnownHostsFile has the emulator's host key under the service's names.
func (e *Emulator) SSHKnownHostsFile() string { return filepath.Join(e.config.Dir, "ssh_known_hosts") }

// writeSSHFiles writes both.
func (e *Emulator) writeSSHFiles() error {
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(e.ssh.hostKey)))
	known := hostSSH + "," + hostSSHLegacy + " " + key + "\n"
	if err := os.WriteFile(e.SSHKnownHostsFile(), []byte(known), 0o600); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(e.SSHAddress())
	if err != nil {
		return err
	}
	config := fmt.Sprintf("# Written by azdo-emulator: leads to it, and not to the service.\nHost %s %s\n\tHostName %s\n\tPort %s\n\tHostKeyAlias %s\n\tUserKnownHostsFile %q\n\tStrictHostKeyChecking yes\n",
		hostSSH, hostSSHLegacy, host, port, hostSSH, e.SSHKnownHostsFile())
	return os.WriteFile(e.SSHConfigFile(), []byte(config), 0o600)
}
