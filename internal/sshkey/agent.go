package sshkey

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentTime bounds one exchange with the person's ssh-agent.
const agentTime = 5 * time.Second

// dialAgent connects to the person's ssh-agent. Its protocol:
// https://datatracker.ietf.org/doc/draft-ietf-sshm-ssh-agent/
func dialAgent(socket string, now time.Time) (agent.ExtendedAgent, func(), error) {
	conn, err := net.DialTimeout("unix", socket, agentTime)
	if err != nil {
		return nil, nil, fmt.Errorf("ssh-agent: %w", err)
	}
	_ = conn.SetDeadline(now.Add(agentTime))
	return agent.NewClient(conn), func() { _ = conn.Close() }, nil
}

// InAgent reports whether the agent has a key.
func InAgent(socket string, key ssh.PublicKey, now time.Time) (bool, error) {
	list, err := agentKeys(socket, now)
	return slices.ContainsFunc(list, func(k *agent.Key) bool { return bytes.Equal(k.Blob, key.Marshal()) }), err
}

// FirstRSA is the first RSA key that the agent would show; nil: it has none.
func FirstRSA(socket string, now time.Time) (ssh.PublicKey, error) {
	list, err := agentKeys(socket, now)
	for _, k := range list {
		if k.Type() == ssh.KeyAlgoRSA {
			return ssh.ParsePublicKey(k.Blob)
		}
	}
	return nil, err
}

// agentKeys are the keys of an agent, in the order in which it shows them.
func agentKeys(socket string, now time.Time) ([]*agent.Key, error) {
	a, done, err := dialAgent(socket, now)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := a.List()
	if err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	return list, nil
}

// AddToAgent hands an open private key to the agent, for so long; 0 is without
// an end.
func AddToAgent(socket string, private any, comment string, life time.Duration, now time.Time) error {
	a, done, err := dialAgent(socket, now)
	if err != nil {
		return err
	}
	defer done()
	if err := a.Add(agent.AddedKey{PrivateKey: private, Comment: comment, LifetimeSecs: uint32(life / time.Second)}); err != nil {
		return fmt.Errorf("ssh-agent: %w", err)
	}
	return nil
}

// RemoveFromAgent takes a key out of the agent, if it is there.
func RemoveFromAgent(socket string, key ssh.PublicKey, now time.Time) {
	if a, done, err := dialAgent(socket, now); err == nil {
		defer done()
		_ = a.Remove(key)
	}
}

// ownAgent serves one key, to one ssh that we start, on a socket in dir.
func ownAgent(dir string, private any) (socket string, stop func(), err error) {
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		return "", nil, err
	}
	socket = filepath.Join(dir, "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return "", nil, err
	}
	go answer(l, ring)
	return socket, func() { _ = l.Close() }, nil
}

// answer serves the keys of a ring to all who connect, until l is closed.
func answer(l net.Listener, ring agent.Agent) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_ = agent.ServeAgent(ring, conn)
			_ = conn.Close()
		}()
	}
}
