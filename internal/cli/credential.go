package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// credentialCommand is what git-credential-patrol becomes when the vault alone
// cannot answer.
func credentialCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "credential get|store|erase",
		Short:  "answer Git when git-credential-patrol cannot",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.credential(cmd.Context(), args[0])
		},
	}
}

func (a *app) credential(ctx context.Context, operation string) error {
	req, err := cred.Read(a.Stdin)
	if err != nil {
		return err
	}
	t, err := helper.Identify(&req)
	if errors.Is(err, helper.ErrNotMine) {
		return nil
	}
	if err == nil {
		switch operation {
		case "get":
			err = a.get(ctx, &req, t)
		case "store":
			err = a.store(ctx, &req, t)
		case "erase":
			return a.erase(ctx, &req, t)
		}
	}
	if err != nil && operation == "get" && t.Azure {
		return a.refuse(err, t)
	}
	return err
}

// refuse stops Git, which would otherwise ask for a password.
func (a *app) refuse(err error, t helper.Target) error {
	if werr := (cred.Reply{Quit: true}).Write(a.Stdout); werr != nil {
		return werr
	}
	if what, hint, ok := helper.ExplainTarget(err, t); ok {
		return &problem{what, hint, helper.Code(err)}
	}
	return err
}

func (a *app) get(ctx context.Context, req *cred.Request, t helper.Target) error {
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	s.ask = s.mayAsk(req)
	r, err := s.open(ctx)
	if errors.Is(err, vault.ErrNone) {
		if t.Azure {
			return helper.ErrNoRecord
		}
		return nil
	}
	if err != nil {
		return err
	}
	rec, err := helper.Pick(r, t, a.Now())
	if errors.Is(err, helper.ErrSuspect) {
		err = s.clear(ctx, r, rec)
	}
	if err != nil || rec == nil {
		return err
	}
	reply, err := helper.Answer(r, rec, t, req)
	if err != nil {
		return failed("patrol login --pat "+t.Org, "%v", err)
	}
	return reply.Write(a.Stdout)
}

// clear asks the server about a record that Git said was refused. Accepted, it
// is cleared and may be used again.
func (s *session) clear(ctx context.Context, r *vault.Records, rec *vault.Record) error {
	secrets, err := r.Secrets(rec)
	if err != nil {
		return err
	}
	switch _, err = s.verify(ctx, rec.Org, secrets.Secret); {
	case errors.Is(err, azdo.ErrExpired):
		return helper.ErrExpired
	case errors.Is(err, azdo.ErrRefused):
		return helper.ErrSuspect
	case err != nil:
		return err
	}
	// Refused by Git again so soon after the server accepted it, the token is
	// good but not for this repository.
	if rec.Suspect.Sub(rec.Verified) < time.Hour {
		s.note("%s accepts the token but refused it to Git: it may lack the scope Code (read & write)", rec.Org)
		s.note("hint: see %s, or your rights on the repository", tokensPage(rec.Org))
	}
	now := s.Now()
	return s.update(ctx, func(r *vault.Records) error {
		if rec := r.Find(rec.ID); rec != nil {
			rec.Suspect, rec.Verified = time.Time{}, now
		}
		return nil
	})
}

// mayAsk says whether a person is there and wants to be asked while Git runs.
// Git does not tell helpers of credential.interactive.
func (s *session) mayAsk(req *cred.Request) bool {
	if s.getenv("GIT_TERMINAL_PROMPT") == "0" || s.getenv("CI") != "" {
		return false
	}
	e, ok := s.config.Credential(gitTarget(req), "interactive")
	if !ok {
		return true
	}
	if on, err := e.Bool(); err == nil {
		return on
	}
	return e.Value != "never"
}

func gitTarget(req *cred.Request) git.Target {
	return git.Target{Protocol: req.Protocol, Host: req.Host, Path: req.Path, Username: req.Username}
}

// store never asks: a person who did not unlock the vault for get will not for
// store.
func (a *app) store(ctx context.Context, req *cred.Request, t helper.Target) error {
	if !helper.Storable(req, t, a.Now()) {
		return nil
	}
	s, err := a.session(ctx, false)
	if err != nil {
		return err
	}
	if _, err := s.ensure(ctx, ""); err != nil {
		return err
	}
	return s.update(ctx, func(r *vault.Records) error { return helper.Store(r, t, req, a.Now()) })
}

// erase is quiet when it cannot open the vault: then nothing in it can be what
// Git was given.
func (a *app) erase(ctx context.Context, req *cred.Request, t helper.Target) error {
	s, err := a.session(ctx, false)
	if err == nil {
		_, err = s.open(ctx)
	}
	if err != nil {
		a.code = helper.Failed
		return nil
	}
	return s.update(ctx, func(r *vault.Records) error { return helper.Erase(r, t, req, a.Now()) })
}
