package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// reasoning is how a request for a URL would be answered.
type reasoning struct {
	URL         string      `json:"url"`
	Rule        string      `json:"rule"`
	Org         string      `json:"organization,omitempty"`
	Account     string      `json:"account,omitempty"` // that the URL asks for
	Helpers     []string    `json:"helpers"`           // whom Git asks, in order, and where that is written
	AsksPatrol  bool        `json:"asksPatrol"`
	UseHTTPPath bool        `json:"useHttpPath"`
	KeySource   string      `json:"keySource,omitempty"`
	Answer      *token      `json:"answer,omitempty"`
	Problem     string      `json:"problem,omitempty"`
	Hint        string      `json:"hint,omitempty"`
	NoPAT       string      `json:"noPAT,omitempty"` // why the organisation gives out none
	Others      []candidate `json:"others,omitempty"`
}

// candidate is a record of the same host that does not answer.
type candidate struct {
	token
	Why string `json:"why"`
}

func whyCommand(a *app) *cobra.Command {
	return a.addJSON(&cobra.Command{
		Use:   "why URL",
		Short: "explain which token would answer for a URL, and why not another",
		Long: `Explain what happens when Git asks for a URL: which helpers it asks, how patrol
reads the request, which record answers with which account, where the key to it
is, and why the other records do not. No secret is shown and nothing changed.`,
		Example: `  patrol why https://dev.azure.com/contoso/shop/_git/web
  patrol why https://contoso@dev.azure.com/contoso/shop/_git/web --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.why(cmd.Context(), args[0]) },
	})
}

func (a *app) why(ctx context.Context, url string) error {
	req, err := cred.FromURL(url)
	if err != nil {
		return err
	}
	req.Password = cred.Secret{}
	s, err := a.session(ctx, false)
	if err != nil {
		return err
	}
	out := reasoning{URL: shownURL(&req)}
	s.whyGit(&out, &req)
	s.whyVault(ctx, &out, &req)
	if a.json {
		return a.printJSON(out)
	}
	a.showReasoning(&out)
	return nil
}

// shownURL is the URL without the password it may have held.
func shownURL(req *cred.Request) string {
	user := ""
	if req.Username != "" {
		user = req.Username + "@"
	}
	return req.Protocol + "://" + user + req.Host + "/" + req.Path
}

// whyGit says whom Git asks, and reduces req to what Git would pass on.
func (s *session) whyGit(out *reasoning, req *cred.Request) {
	t := gitTarget(req)
	own := helperValue(s.Executable)
	for _, e := range s.config.Helpers(t) {
		out.Helpers = append(out.Helpers, fmt.Sprintf("%s (%s, %s)", e.Value, e.Scope, e.Origin))
		out.AsksPatrol = out.AsksPatrol || e.Value == own
	}
	if e, ok := s.config.Credential(t, "useHttpPath"); ok {
		out.UseHTTPPath, _ = e.Bool()
	}
	if !out.UseHTTPPath && strings.HasPrefix(req.Protocol, "http") {
		req.Path, req.HasPath = "", false
	}
	if e, ok := s.config.Credential(git.Target{Protocol: t.Protocol, Host: t.Host, Path: t.Path}, "username"); ok && !req.HasUsername {
		req.Username, req.HasUsername = e.Value, true
	}
}

func (s *session) whyVault(ctx context.Context, out *reasoning, req *cred.Request) {
	t, err := helper.Identify(req)
	switch {
	case errors.Is(err, helper.ErrNotMine):
		out.Rule = "patrol answers only https"
		return
	case err != nil:
		out.Rule = "Azure Repos"
		out.Problem, out.Hint = helper.Explain(err, t)
		return
	case t.Azure:
		out.Rule, out.Org = "Azure Repos: the record of the organisation", t.Org
	default:
		out.Rule = "any https host: what Git stored for it"
	}
	out.Account = t.Account
	if f, err := s.vault.Load(); err == nil {
		out.KeySource = f.Source
	}
	r, err := s.peek(ctx)
	if errors.Is(err, vault.ErrNone) && t.Azure {
		err = helper.ErrNoRecord
	}
	if err != nil {
		out.Problem, out.Hint = helper.Explain(err, t)
		if errors.Is(err, vault.ErrNoKey) && out.KeySource == "kernel" { // unlock cannot help
			out.Problem = "the key of the vault is gone from the kernel keyring"
			out.Hint = "patrol login ORG sets the vault aside and begins a new one"
		}
		return
	}
	s.whyRecord(out, r, t)
}

func (s *session) whyRecord(out *reasoning, r *vault.Records, t helper.Target) {
	now := s.Now()
	rec, err := helper.Pick(r, t, now)
	switch {
	case err != nil:
		out.Problem, out.Hint = helper.Explain(err, t)
	case rec == nil:
		out.Problem, out.Hint = "nothing is stored for it, so Git asks the next helper or the person", "Git hands patrol what works, to keep"
	default:
		answer := tokenJSON(rec, now)
		out.Answer = &answer
	}
	out.NoPAT, _ = lifecycle.Verdict(r, t.Org, now)
	for i := range r.List {
		other := &r.List[i]
		if other.Answers() && other.Host == t.Host && (out.Answer == nil || other.ID != out.Answer.ID) {
			out.Others = append(out.Others, candidate{tokenJSON(other, now), helper.WhyNot(other, t, now)})
		}
	}
}

func (a *app) showReasoning(r *reasoning) {
	a.print("URL:     %s\n", cred.Escape(r.URL))
	if len(r.Helpers) == 0 {
		a.print("Git:     asks no helper\n")
	}
	for _, h := range r.Helpers {
		a.print("Git:     asks %s\n", cred.Escape(h))
	}
	if !r.AsksPatrol {
		a.print("         which is not this patrol; to change that: patrol setup\n")
	}
	a.print("Rule:    %s", r.Rule)
	if r.Org != "" {
		a.print(" %s", r.Org)
	}
	if r.Account != "" {
		a.print(", account %s", cred.Escape(r.Account))
	}
	a.print("\n")
	if r.KeySource != "" {
		a.print("Key:     %s\n", r.KeySource)
	}
	if r.Answer != nil {
		t := r.Answer
		a.print("Answer:  the %s %s of %s, which expires: %s\n", t.Kind, t.ID, cred.Escape(t.Account), expiryWords(*t, a.Now()))
	} else if r.Problem != "" {
		a.print("Answer:  none: %s\nHint:    %s\n", r.Problem, r.Hint)
	}
	if r.NoPAT != "" {
		a.print("No PAT:  %s\n", cred.Escape(r.NoPAT))
	}
	for _, o := range r.Others {
		a.print("Not:     the %s %s of %s: %s\n", o.Kind, o.ID, cred.Escape(o.Account), o.Why)
	}
}
