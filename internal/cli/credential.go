package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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

// credential answers as git-credential-patrol does: the two may be given the
// same request, and must not differ.
func (a *app) credential(ctx context.Context, operation string) error {
	if !slices.Contains([]string{"get", "store", "erase"}, operation) {
		return nil
	}
	req, err := cred.Read(a.Stdin)
	if err != nil {
		what, hint := helper.Explain(err, helper.Target{})
		return failed(hint, "%s", what)
	}
	t, err := helper.Identify(&req)
	switch {
	case errors.Is(err, helper.ErrNotMine):
		return nil
	case err != nil && operation == "get":
		return a.refuse(err, t)
	case err != nil:
		a.code = helper.Failed
		return nil
	}
	switch operation {
	case "store":
		return a.store(ctx, &req, t)
	case "erase":
		return a.erase(ctx, &req, t)
	}
	if err = a.get(ctx, &req, t); err != nil && t.Azure {
		return a.refuse(err, t)
	}
	return err
}

// refuse says why there is no answer, and stops Git, which would otherwise ask
// for a password. In this order: a Git that is gone must not cost the reason.
func (a *app) refuse(err error, t helper.Target) error {
	a.code = a.fail(explainFor(err, t))
	return cred.Reply{Quit: true}.Write(a.Stdout)
}

func (a *app) get(ctx context.Context, req *cred.Request, t helper.Target) error {
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	s.asker = asker(req)
	allowed := s.mayAsk(req)
	s.ask = allowed && s.getenv("GIT_TERMINAL_PROMPT") != "0" && s.getenv("CI") == ""
	person := t.Azure && allowed && s.personThere()
	r, err := s.openFor(ctx, t, person)
	switch {
	case errors.Is(err, context.Canceled): // Git is gone, and nobody to tell
		a.code = helper.Failed
		return nil
	case errors.Is(err, vault.ErrNone) && !t.Azure:
		return nil
	case errors.Is(err, vault.ErrNone):
		return helper.ErrNoRecord
	case err != nil:
		return err
	}
	rec, err := helper.Pick(r, t, a.Now())
	if err == nil && rec == nil {
		return nil
	}
	if err == nil {
		err = a.answer(r, rec, t, req)
		if t.Azure {
			s.renewSoon(ctx, r, rec)
		}
		return err
	}
	return s.getNew(ctx, req, t, person)
}

// openFor opens the vault, or makes one for the person who will sign in. While it
// asks to unlock a keyring, Git may end, and the question with it.
func (s *session) openFor(ctx context.Context, t helper.Target, person bool) (*vault.Records, error) {
	ctx, cancel := whileGitLives(ctx, s.Stdout)
	defer cancel()
	r, err := s.open(ctx)
	if errors.Is(err, vault.ErrNone) && t.Azure && person {
		return s.ensure(ctx, "")
	}
	return r, err
}

// getNew answers with what the vault does not have yet, and then revokes what
// that took the place of.
func (s *session) getNew(ctx context.Context, req *cred.Request, t helper.Target, person bool) error {
	k, err := s.keeper(person)
	if err != nil {
		return err
	}
	ctx, cancel := whileGitLives(ctx, s.Stdout)
	defer cancel()
	defer s.progress("asking about the token for " + t.Org + " ...")()
	r, rec, err := k.Answer(ctx, t)
	switch {
	case err != nil && ctx.Err() != nil: // Git is gone, and nobody to tell
		s.code = helper.Failed
		return nil
	case err == nil:
		err = s.answer(r, rec, t, req)
	}
	if err != nil {
		err = s.refuse(err, t)
	}
	if now, opened := s.records(); opened == nil && helper.Waiting(now, s.Now()) {
		_ = k.Flush(ctx) // stays queued, and status shows why
	}
	if rec != nil {
		s.renewSoon(ctx, r, rec)
	}
	return err
}

func (a *app) answer(r *vault.Records, rec *vault.Record, t helper.Target, req *cred.Request) error {
	reply, err := helper.Answer(r, rec, t, req)
	if err != nil {
		return damaged(t)
	}
	return reply.Write(a.Stdout)
}

// damaged says that the secret of a record does not open any more. The others
// do.
func damaged(t helper.Target) error {
	if t.Azure {
		return signIn("patrol login "+t.Org, "the token for %s is damaged in the vault", t.Org)
	}
	return failed("type it again where Git asks: patrol keeps it in place of the damaged one",
		"the password for %s is damaged in the vault", t.Host)
}

// asker begins a question to a person who typed no command of ours: it could be
// any program's, and about any server.
func asker(req *cred.Request) string {
	where := ""
	if dir, err := os.Getwd(); err == nil {
		where = " in " + dir
	}
	user := ""
	if req.Username != "" {
		user = req.Username + "@"
	}
	return fmt.Sprintf("Git%s wants %s://%s%s/%s. ", where, req.Protocol, user, req.Host, req.Path)
}

// mayAsk says whether credential.interactive lets a person be asked while Git
// runs. Git itself obeys it, and does not tell helpers. GCM_INTERACTIVE is the
// same of Git Credential Manager, and goes before it, as there.
func (s *session) mayAsk(req *cred.Request) bool {
	if value, set := s.lookup("GCM_INTERACTIVE"); set {
		return !slices.Contains([]string{"0", "false", "no", "off", "never"}, strings.ToLower(value))
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
	var doubt error
	err = s.update(ctx, func(r *vault.Records) error {
		err := helper.Erase(r, t, req, a.Now())
		if err == nil {
			doubt = helper.Doubt("erase", r, t, a.Now())
		}
		return err
	})
	if err == nil && doubt != nil {
		return explainFor(doubt, t)
	}
	return err
}
