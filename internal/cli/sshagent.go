package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/sshkey"
	"github.com/gitpatrol/patrol/internal/vault"
)

const (
	// ownAgentTime is how long an agent of our own has a key, and lives after that.
	ownAgentTime = 10 * time.Minute
	// mostSocket is the longest path of a socket that systems take: sun_path of unix(4).
	mostSocket = 103
)

// sshServeCommand is the agent of our own. It gets the keys by its socket.
func sshServeCommand(*app) *cobra.Command {
	return &cobra.Command{
		Use:    "serve SOCKET",
		Short:  "be an ssh-agent for a few minutes",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sshkey.Serve(cmd.Context(), args[0], ownAgentTime)
		},
	}
}

// sshUnlockFor is what ssh runs before it connects: it succeeds if ssh has to
// ask our own agent.
func (a *app) sshUnlockFor(ctx context.Context, arg string) error {
	a.code = 1
	if a.getenv(sshkey.LookVariable) != "" {
		return nil
	}
	t, err := azureTarget(arg)
	if err != nil {
		return err
	}
	r, all, keys, err := a.sshKeys(ctx, t)
	if err != nil {
		return err
	}
	if r.fits(ctx, all, keys) {
		return nil
	}
	if err := r.serve(ctx, all, keys); err != nil {
		return failed("start one for this shell: eval \"$(ssh-agent)\"", "there is no ssh-agent for the key of %s: %v", t.Org, err)
	}
	a.code = 0
	return nil
}

// fits reports whether the agent of SSH_AUTH_SOCK does: ssh asks that one, it
// takes the keys, and shows no other before them that ssh is told to show
// (those of an agent go first, in its order).
func (r *sshRun) fits(ctx context.Context, all *vault.Records, keys []*vault.Record) bool {
	socket := r.getenv("SSH_AUTH_SOCK")
	settings, err := r.client.Settings(ctx, sshkey.Host)
	if err != nil || socket == "" || !slices.Contains([]string{"", "SSH_AUTH_SOCK", socket}, settings.First("identityagent")) {
		return false
	}
	ours := false
	for _, rec := range keys {
		public, err := sshkey.ParseLine(rec.PublicKey)
		if err != nil {
			return false
		}
		there, err := sshkey.InAgent(socket, public, r.Now())
		if err != nil || !there && r.agentAdd(all, rec, socket, cacheTime) != nil {
			return false
		}
		first, err := sshkey.FirstRSA(socket, r.Now())
		ours = ours || err == nil && first != nil && bytes.Equal(first.Marshal(), public.Marshal())
	}
	return ours || len(r.identities(settings)) < 2
}

// serve has an agent of our own serve the keys, and starts it where it is not there.
func (r *sshRun) serve(ctx context.Context, all *vault.Records, keys []*vault.Record) error {
	socket := sshkey.AgentSocket(r.dir, r.t.Org)
	if len(socket) > mostSocket {
		return errors.New("the name of its socket would be too long: " + socket)
	}
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err := r.vault.Lock(wait, "ssh-agent.lock")
	if err != nil {
		return err
	}
	defer unlock()
	for range 2 { // one that is there may end just now
		if _, err := sshkey.FirstRSA(socket, r.Now()); err != nil {
			if err := r.startAgent(wait, socket); err != nil {
				return err
			}
		}
		if err = r.allInto(all, keys, socket, ownAgentTime); err == nil {
			return nil
		}
	}
	return err
}

// startAgent starts an agent of our own, in the place of one that was killed.
func (r *sshRun) startAgent(ctx context.Context, socket string) error {
	if r.Detach == nil {
		return errors.New("there is no other process here")
	}
	if err := sshkey.MakeAgentsDir(r.dir); err != nil {
		return err
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.Detach(nil, "ssh", "serve", socket)
	for {
		_, err := sshkey.FirstRSA(socket, r.Now())
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
