package sshkey

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh/agent"
)

const (
	// agentsDir is where our own agents have their sockets, in ~/.ssh.
	agentsDir = "patrol_agent"
	// answerTime is more than writing one answer takes.
	answerTime = 50 * time.Millisecond
)

// AgentSocket is where our own agent for the keys of an organisation answers;
// dir is ~/.ssh.
func AgentSocket(dir, org string) string { return filepath.Join(dir, agentsDir, org) }

// MakeAgentsDir makes the directory of the sockets, which nobody else may enter.
func MakeAgentsDir(dir string) error {
	dir = filepath.Join(dir, agentsDir)
	if err := MakeDir(dir); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// Serve is an agent without keys on a socket that is not there yet. It ends when
// for so long no key was handed to it, and when it is told to forget all.
func Serve(ctx context.Context, socket string, life time.Duration) error {
	ring, ok := agent.NewKeyring().(agent.ExtendedAgent)
	if !ok {
		return errors.New("ssh-agent: the library's cannot sign by SHA-2")
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer l.Close() // deletes the socket
	if err := os.Chmod(socket, 0o600); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	go answer(l, mortal{ring, l, life, time.AfterFunc(life, end)})
	<-ctx.Done()
	return nil
}

// mortal is an agent that ends.
type mortal struct {
	agent.ExtendedAgent
	l     net.Listener
	life  time.Duration
	timer *time.Timer
}

// Add puts the end off.
func (m mortal) Add(key agent.AddedKey) error {
	m.timer.Reset(m.life)
	return m.ExtendedAgent.Add(key)
}

// RemoveAll is the end, once it is answered.
func (m mortal) RemoveAll() error {
	_ = m.l.Close() // nobody else finds it
	m.timer.Reset(answerTime)
	return m.ExtendedAgent.RemoveAll()
}

// StopAgents ends the agents of our own, and waits until they are gone; dir is
// ~/.ssh.
func StopAgents(dir string, now time.Time) error {
	dir = filepath.Join(dir, agentsDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		socket := filepath.Join(dir, e.Name())
		if conn, err := net.DialTimeout("unix", socket, agentTime); err == nil {
			_ = conn.SetDeadline(now.Add(agentTime))
			_ = agent.NewClient(conn).RemoveAll()
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
		if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Remove(dir)
}
