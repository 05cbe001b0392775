package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

type loginFlags struct {
	pat, stdin bool
	expires    string
	key        string
}

func loginCommand(a *app) *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login ORG|URL",
		Short: "sign in to an organisation",
		Long: `Sign in with the browser, second factor included. patrol then makes a personal
access token (PAT) that can do no more than Git needs, for this organisation and
seven days; where policy refuses PATs, Git gets the Microsoft Entra access token.

With --pat, keep a PAT made in the portal, at
https://dev.azure.com/ORG/_usersSettings/tokens; Git needs the scope
"Code: read & write". It is read from the terminal, or from standard input with
--stdin; Azure DevOps is asked whose it is before it is kept.`,
		Example: `  patrol login contoso
  patrol login --pat contoso
  patrol login --pat https://dev.azure.com/contoso/shop/_git/web --expires 30d
  pass show azure-pat | patrol login --pat contoso --stdin --expires 2027-01-31`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOrg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !f.pat && (f.stdin || f.expires != "") {
				return usage(cmd, errors.New("--stdin and --expires go with --pat"))
			}
			t, err := azureTarget(args[0])
			if err != nil {
				return err
			}
			if f.pat {
				return a.loginPAT(cmd, t, f)
			}
			return a.loginBrowser(cmd.Context(), t, f)
		},
	}
	cmd.Flags().BoolVar(&f.pat, "pat", false, "with a personal access token made in the portal")
	cmd.Flags().BoolVar(&f.stdin, "stdin", false, "read the token from standard input")
	cmd.Flags().StringVar(&f.expires, "expires", "", "when the token expires: a `date` (2027-01-31) or a number of days (30d)")
	cmd.Flags().StringVar(&f.key, "key", "", "where a new vault keeps its key: "+sourceNames())
	return a.addJSON(cmd)
}

// loginBrowser signs in and makes the token.
func (a *app) loginBrowser(ctx context.Context, t helper.Target, f loginFlags) error {
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	before, err := s.ensure(ctx, f.key)
	if err != nil {
		return err
	}
	k, err := s.keeper(true)
	if err != nil {
		return err
	}
	k.Insist = true
	rec, err := k.SignIn(ctx, t)
	if err != nil {
		return explainFor(err, t)
	}
	if err := s.reportLogin(*rec); err != nil {
		return err
	}
	// patrol cannot revoke what the portal made, so the person is told.
	if old := before.Find(rec.Predecessor); old != nil && old.Kind == vault.PAT && old.ServerID == "" && !old.Dead(a.Now()) {
		a.note("the token you had pasted is forgotten, and still works on the server; revoke it there: %s", tokensPage(t.Org))
	}
	return a.flushed(k.Flush(ctx))
}

// flushed says that some revocations have to wait.
func (a *app) flushed(err error) error {
	if err != nil {
		a.note("a token could not be revoked yet (%v); patrol status shows the queue", err)
	}
	return nil
}

// loginPAT keeps a token made in the portal.
func (a *app) loginPAT(cmd *cobra.Command, t helper.Target, f loginFlags) error {
	ctx := cmd.Context()
	now := a.Now()
	var expires time.Time
	var err error
	if f.expires != "" {
		if expires, err = parseExpiry(f.expires, now); err != nil {
			return usage(cmd, err)
		}
	}
	s, err := a.session(ctx, true)
	if err != nil {
		return err
	}
	token, err := s.readToken(ctx, t.Org, f.stdin)
	if err != nil {
		return err
	}
	who, err := s.verify(ctx, t.Org, token)
	if err != nil {
		return whyRefused(err, t.Org, token)
	}
	if t.HasAccount && !cred.EqualFold(t.Account, who.Account) {
		return failed("sign in as "+t.Account+", or leave the user name out of the URL",
			"the token belongs to %s, not to %s; it was not kept", who.Account, t.Account)
	}
	if expires.IsZero() && !f.stdin {
		if expires, err = s.askExpiry(ctx, now); err != nil {
			return err
		}
	}
	if _, err := s.ensure(ctx, f.key); err != nil {
		return err
	}
	rec := vault.Record{
		Kind: vault.PAT, Host: helper.AzureHost, Org: t.Org, Account: who.Account, HasAccount: true,
		Created: now, Expires: expires, Verified: now,
	}
	rec.SetSecrets(vault.Secrets{Secret: token})
	if err := s.update(ctx, func(r *vault.Records) error { return keep(r, rec, token, now) }); err != nil {
		return err
	}
	if err := s.reportLogin(rec); err != nil {
		return err
	}
	k, err := s.keeper(false)
	if err != nil {
		return err
	}
	return s.flushed(k.Flush(ctx)) // the token it replaced, if patrol had made that
}

// keep adds a verified token, in place of the account's older ones.
func keep(r *vault.Records, rec vault.Record, token cred.Secret, now time.Time) error {
	err := lifecycle.KeepPasted(r, rec, token, now)
	if errors.Is(err, helper.ErrOrg) {
		return failed("patrol setup --only ORG,... changes the list",
			"%s is not on the list of organisations that patrol may answer", rec.Org)
	}
	return err
}

func (s *session) reportLogin(rec vault.Record) error {
	if s.json {
		return s.printJSON(tokenJSON(&rec, s.Now()))
	}
	life := "its expiry is not known"
	if !rec.Expires.IsZero() {
		life = "it expires " + day(rec.Expires)
	}
	if rec.Kind == vault.Entra {
		life = "Git gets an access token of Microsoft Entra, renewed as needed"
	}
	if rec.ServerID != "" {
		life = "the token " + rec.ServerID + " (" + rec.Scopes + ") expires " + day(rec.Expires)
	}
	s.print("Signed in to %s as %s; %s.\n", rec.Org, rec.Account, life)
	return nil
}

// azureTarget takes an organisation's name or a URL in it.
func azureTarget(arg string) (helper.Target, error) {
	if helper.ValidOrg(arg) {
		return helper.Target{Azure: true, Host: helper.AzureHost, Org: cred.Lower(arg)}, nil
	}
	if !strings.Contains(arg, "://") {
		return helper.Target{}, &problem{cred.Escape(arg) + " is neither an organisation nor a URL",
			"an organisation is the first word after https://dev.azure.com/", helper.Usage}
	}
	req, err := cred.FromURL(arg)
	if err != nil {
		return helper.Target{}, err
	}
	if req.Password.IsSet() {
		return helper.Target{}, passwordInURL()
	}
	t, err := helper.Identify(&req)
	if err == nil && !t.Azure || errors.Is(err, helper.ErrNotMine) {
		return t, failed("clone from it: Git asks once, and patrol keeps the answer",
			"%s is not an Azure Repos host, so there is nothing to verify a token with", req.Host)
	}
	if err != nil {
		what, hint := helper.Explain(err, t)
		return t, failed(hint, "%s", what)
	}
	return t, nil
}

func passwordInURL() error {
	return &problem{"the URL holds a password, which others can see in the list of processes",
		"leave it out, and revoke it if it is a token", helper.Usage}
}

// readToken reads a token from standard input or the terminal.
func (s *session) readToken(ctx context.Context, org string, stdin bool) (cred.Secret, error) {
	var token cred.Secret
	var err error
	if stdin {
		token, err = firstLine(s.Stdin)
	} else {
		var t *term.Terminal
		if t, err = s.Terminal(); err != nil {
			return token, &problem{"there is no terminal to read the token from",
				"patrol login --pat --stdin " + org, helper.Failed}
		}
		defer t.Close()
		s.note("make a token with the scope Code (read & write) at %s", tokensPage(org))
		token, err = t.AskSecret(ctx, "Personal access token for https://dev.azure.com/"+org+": ")
	}
	if err != nil {
		return token, err
	}
	text := strings.TrimSpace(token.Reveal())
	if text == "" {
		return token, failed("patrol login --pat "+org, "no token was given; nothing was changed")
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return token, failed("paste the token alone, as the portal shows it", "the token holds a character that tokens do not have")
		}
	}
	return cred.NewSecret(text), nil
}

func (s *session) askExpiry(ctx context.Context, now time.Time) (time.Time, error) {
	t, err := s.Terminal()
	if err != nil {
		return time.Time{}, err
	}
	defer t.Close()
	for {
		answer, err := t.Ask(ctx, "When does it expire (2027-01-31, or 30d; empty: not known)? ")
		if err != nil || strings.TrimSpace(answer) == "" {
			return time.Time{}, err
		}
		expires, err := parseExpiry(strings.TrimSpace(answer), now)
		if err == nil {
			return expires, nil
		}
		s.note("%v", err)
	}
}

// parseExpiry reads a date, which lasts until its end, or a number of days.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	var expires time.Time
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 366 {
			return time.Time{}, errors.New("the days must be between 1d and 366d")
		}
		expires = now.Add(time.Duration(n) * 24 * time.Hour)
	} else if date, err := time.Parse(time.DateOnly, s); err == nil {
		expires = date.Add(24*time.Hour - time.Second)
	} else if expires, err = time.Parse(time.RFC3339, s); err != nil {
		return time.Time{}, errors.New("the expiry must look like 2027-01-31 or 30d")
	}
	switch expires = expires.UTC().Truncate(time.Second); {
	case !expires.After(now):
		return time.Time{}, errors.New("that expiry is in the past")
	case expires.After(now.Add(lifecycle.MaxPATLife + 24*time.Hour)):
		return time.Time{}, errors.New("no token lives longer than a year")
	}
	return expires, nil
}

// whyRefused adds what the token itself tells to a server's refusal.
func whyRefused(err error, org string, token cred.Secret) error {
	if errors.Is(err, azdo.ErrExpired) {
		return signIn("make a new one: "+tokensPage(org), "%s says that this token has expired; it was not kept", org)
	}
	if !errors.Is(err, azdo.ErrRefused) {
		return err
	}
	if info, ok := azdo.InspectPAT(token); !ok || !info.Checksum {
		return signIn("copy it again, whole, from the page that showed it, or make one: "+tokensPage(org),
			"%s refused the token, and it is not one Azure DevOps makes (its checksum is wrong); it was not kept", org)
	}
	return signIn("make one for "+org+": "+tokensPage(org),
		"%s refused the token: it was revoked, or it was made for another organisation; it was not kept", org)
}
