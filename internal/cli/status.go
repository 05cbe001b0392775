package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// token is a record without its secret, as --json prints it.
type token struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"` // valid, expired, suspect, not verified yet, to be revoked, to be looked for
	Host      string    `json:"host"`
	Org       string    `json:"organization,omitempty"`
	Path      string    `json:"path,omitempty"`
	Account   string    `json:"account,omitempty"`
	Name      string    `json:"name,omitempty"`
	ServerID  string    `json:"authorizationId,omitempty"`
	Scopes    []string  `json:"scopes,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	Verified  time.Time `json:"verified,omitzero"`
	Suspected time.Time `json:"suspected,omitzero"`

	Renews time.Time `json:"renews,omitzero"` // from then on the next Git has a successor made

	// Of a token that is to be revoked or renewed: how often that failed, and why.
	Tries   int       `json:"tries,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	NextTry time.Time `json:"nextTry,omitzero"`
}

func tokenJSON(r *vault.Record, now time.Time) token {
	t := token{
		ID: r.ID, Kind: string(r.Kind), State: state(r, now), Host: r.Host, Org: r.Org, Path: r.Path,
		Account: r.Account, Name: r.Name, Scopes: strings.Fields(r.Scopes),
		Created: r.Created, Expires: r.Expires, Verified: r.Verified, Suspected: r.Suspect,
		ServerID: r.ServerID, Tries: r.Tries, Reason: r.Reason, NextTry: r.Due,
	}
	if r.Answers() {
		t.Renews = r.Until
	}
	return t
}

func state(r *vault.Record, now time.Time) string {
	switch {
	case r.Kind == vault.Intent:
		return "to be looked for" // it may have been made, by a run that did not end
	case !r.Due.IsZero():
		return "to be revoked"
	case r.Dead(now):
		return "expired"
	case !r.Suspect.IsZero() && r.Verified.IsZero():
		return "not verified yet"
	case !r.Suspect.IsZero():
		return "suspect"
	}
	return "valid"
}

// describe names a record in a sentence.
func describe(r *vault.Record) string {
	where := r.Host
	if r.Org != "" {
		where = r.Org
	}
	if r.HasPath {
		where += "/" + r.Path
	}
	what := map[vault.Kind]string{vault.PAT: "token", vault.Password: "password", vault.Entra: "access token", vault.Intent: "unfinished token"}[r.Kind]
	if r.Account == "" {
		return what + " for " + where
	}
	return what + " of " + r.Account + " for " + where
}

type status struct {
	Version  string      `json:"version"`
	Vault    vaultStatus `json:"vault"`
	Accounts []account   `json:"accounts"`
	Tokens   []token     `json:"tokens"`
	SignIns  []signInRow `json:"signIns"`
	Ended    []signInRow `json:"endedSignIns"` // by the identity provider
	Queue    []token     `json:"queue"`        // tokens still to be revoked on the server
	Verdicts []verdict   `json:"verdicts"`
	SSH      []string    `json:"ssh"` // what to do about SSH keys
	Allowed  []string    `json:"allowedOrganizations,omitempty"`
	Git      gitStatus   `json:"git"`
}

// signInRow is a sign-in that makes new tokens without asking.
type signInRow struct {
	Account string    `json:"account"`
	Tenant  string    `json:"tenant"`
	Since   time.Time `json:"since"`
	Used    time.Time `json:"used"`           // last time it was renewed
	Over    string    `json:"over,omitempty"` // why it makes no more tokens
}

// verdict is an organisation that gives out no personal access tokens.
type verdict struct {
	Org    string    `json:"organization"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"` // when it is tried again
}

// account is a person with what they can reach.
type account struct {
	Account string   `json:"account"`
	For     []string `json:"for"` // organisations, and hosts of another kind
}

type vaultStatus struct {
	Path       string `json:"path"`
	State      string `json:"state"` // none, open, locked, or what is wrong
	ID         string `json:"id,omitempty"`
	Generation uint64 `json:"generation,omitempty"`
	KeySource  string `json:"keySource,omitempty"`
	Insecure   bool   `json:"keyInsecure,omitempty"` // the key is in clear beside the vault
	KeyStays   string `json:"keyStays,omitempty"`    // how long the kernel keyring keeps the key
}

type gitStatus struct {
	Program string      `json:"program"`
	Azure   []hostSetup `json:"azure"`
}

// hostSetup is how Git is configured to ask for one host.
type hostSetup struct {
	URL         string   `json:"url"`
	Helpers     []string `json:"helpers"`
	UseHTTPPath bool     `json:"useHttpPath"`
	Patrol      bool     `json:"patrol"`          // this patrol is asked
	Other       bool     `json:"other,omitempty"` // so is another helper, which gets every token to store
}

func statusCommand(a *app) *cobra.Command {
	var warn string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show tokens, expiry, the vault's key and Git's configuration",
		Long: `Show what patrol keeps and how it is reached: every token with its expiry (never
the token itself), where the vault's key is and how long it stays unlocked, and
whether Git asks patrol. It asks nothing; what is due to be revoked is revoked
in the background, as after every command.

With --warn, for prompts and cron: nothing and exit code 0, or one line and exit
code 3 when something ends within that time, or has ended, and will not be renewed
by itself: a token that was pasted, one whose sign-in is gone or whose renewal
failed, a sign-in that is over or has not been used for nearly 90 days, an SSH
key. What patrol renews silently is no reason. It asks no server. When the vault
is locked, nothing is known: exit code 4, or 1 where its key is gone.`,
		Example: `  patrol status
  patrol status --warn 7
  patrol status --warn 12h --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("warn") {
				within, err := parseSpan(warn)
				if err != nil {
					return usage(cmd, err)
				}
				return a.statusWarn(cmd.Context(), within)
			}
			return a.status(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&warn, "warn", "", "one line if something ends within this `time`: 7, 7d, 12h")
	return a.addJSON(cmd)
}

func (a *app) status(ctx context.Context) error {
	s, err := a.session(ctx, false)
	if err != nil {
		return err
	}
	out := status{Version: buildVersion(), Git: s.gitStatus()}
	r, err := s.peek(ctx)
	out.Vault = s.vaultStatus(err)
	if r != nil {
		out.fill(r, a.Now())
	}
	if a.json {
		return a.printJSON(out)
	}
	a.showStatus(&out)
	return nil
}

// fill sorts the records of an open vault.
func (st *status) fill(r *vault.Records, now time.Time) {
	st.Allowed = r.AllowOrg
	for i := range r.List {
		rec := &r.List[i]
		switch {
		case rec.Answers():
			st.Tokens = append(st.Tokens, tokenJSON(rec, now))
		case queued(rec):
			st.Queue = append(st.Queue, tokenJSON(rec, now))
		case rec.Kind == vault.Refresh && rec.Reason != "":
			st.Ended = append(st.Ended, signInRow{rec.Account, rec.Tenant, rec.Created, rec.Verified, rec.Reason})
		case rec.Kind == vault.Refresh && rec.Due.IsZero():
			st.SignIns = append(st.SignIns, signInRow{rec.Account, rec.Tenant, rec.Created, rec.Verified, ""})
		}
	}
	for _, org := range organisations(r) {
		if reason, until := lifecycle.Verdict(r, org, now); reason != "" {
			st.Verdicts = append(st.Verdicts, verdict{org, reason, until})
		}
	}
	st.Accounts = accounts(st.Tokens)
	st.SSH = sshReminders(r, now)
}

// accounts gathers the tokens by whom they belong to, in the tokens' order.
func accounts(tokens []token) []account {
	list := []account{}
	for _, t := range tokens {
		if t.Account == "" {
			continue
		}
		i := slices.IndexFunc(list, func(a account) bool { return a.Account == t.Account })
		if i < 0 {
			i = len(list)
			list = append(list, account{Account: t.Account})
		}
		if where := t.where(); !slices.Contains(list[i].For, where) {
			list[i].For = append(list[i].For, where)
		}
	}
	return list
}

// where is the organisation, or the host of another kind.
func (t token) where() string {
	if t.Org != "" {
		return t.Org
	}
	return t.Host
}

// peek opens the vault if that takes no question and changes nothing.
func (s *session) peek(ctx context.Context) (*vault.Records, error) {
	f, err := s.vault.Load()
	if err != nil {
		return nil, err
	}
	_, err = keyring.Load(f.ID)
	switch {
	case err == nil:
		return s.openCached(f)
	case f.Source == "kernel":
		return nil, err
	case s.hasPassphraseSource(), f.Source == "file", f.Source == keys.SecretService:
		return s.unlock(ctx, f)
	}
	return nil, vault.ErrLocked
}

func (s *session) vaultStatus(err error) vaultStatus {
	v := vaultStatus{Path: s.vault.Path(), State: "open"}
	switch {
	case errors.Is(err, vault.ErrNone):
		v.State = "none"
	case errors.Is(err, vault.ErrNoKey), errors.Is(err, vault.ErrNoSource), errors.Is(err, vault.ErrLocked):
		v.State = "locked"
	case err != nil:
		v.State = err.Error()
	}
	if f, err := s.vault.Load(); err == nil {
		v.ID, v.Generation, v.KeySource = f.ID, f.Generation, f.Source
		v.KeyStays, _ = keyring.Remaining(f.ID)
		v.Insecure = insecure(f.Source)
		if v.State == "locked" && f.Source == "kernel" {
			v.State = "its key is gone from the kernel keyring; the next login sets it aside and begins a new one"
		}
	}
	return v
}

func (a *app) showStatus(st *status) {
	if st.Vault.Insecure {
		st.Vault.KeySource += ", IN CLEAR beside the vault"
	}
	switch st.Vault.State {
	case "none":
		a.print("Vault: none yet (%s)\n", st.Vault.Path)
	case "open":
		a.print("Vault: open, %s (%s)\n", count(len(st.Tokens), "entry", "entries"), st.Vault.Path)
		where := "unlocked for each use, because the kernel keyring does not keep it"
		if st.Vault.KeyStays != "" {
			where = "in the kernel keyring for " + remainingWords(st.Vault.KeyStays)
		}
		a.print("Key:   %s; %s\n", st.Vault.KeySource, where)
	case "locked":
		a.print("Vault: locked (%s)\nKey:   %s; to open it: patrol unlock\n", st.Vault.Path, st.Vault.KeySource)
	default:
		a.print("Vault: %s (%s)\n", st.Vault.State, st.Vault.Path)
	}
	if len(st.Allowed) > 0 {
		a.print("Only:  %s\n", strings.Join(st.Allowed, ", "))
	}
	for _, h := range st.Git.Azure {
		a.print("Git:   %s %s\n", h.URL, gitWords(h))
	}
	a.showSignIns(st)
	a.showQueue(st)
	for _, line := range st.SSH {
		a.print("SSH:     %s\n", line) // our words, and names of organisations
	}
	if len(st.Tokens) == 0 {
		return
	}
	a.print("\n")
	var rows [][]string
	for _, t := range st.Tokens {
		where := t.where()
		if t.Path != "" {
			where += "/" + t.Path
		}
		rows = append(rows, []string{where, t.Account, t.Kind, t.State, expiryWords(t, a.Now()), t.ID})
	}
	a.table([]string{"FOR", "ACCOUNT", "KIND", "STATE", "EXPIRES", "ID"}, rows)
}

func gitWords(h hostSetup) string {
	switch {
	case !h.Patrol:
		return "does not ask patrol; to change that: patrol setup"
	case h.Other:
		return "asks patrol, and another helper that gets every token too: " + strings.Join(h.Helpers, ", ")
	case !h.UseHTTPPath:
		return "asks patrol without the organisation (useHttpPath is off); to change that: patrol setup"
	}
	return "asks patrol"
}

func expiryWords(t token, now time.Time) string {
	if t.Expires.IsZero() {
		return "unknown"
	}
	left := t.Expires.Sub(now)
	switch {
	case left <= 0:
		return day(t.Expires)
	case left < 48*time.Hour:
		return fmt.Sprintf("%s (%s)", day(t.Expires), left.Round(time.Minute))
	}
	return fmt.Sprintf("%s (%d days)", day(t.Expires), int(left/(24*time.Hour)))
}

// remainingWords explains what proc_keys(5) prints.
func remainingWords(stays string) string {
	if stays == "perm" {
		return "good, until the next reboot"
	}
	units := map[string]string{"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
	if n := len(stays); n > 1 && stays != "expd" && units[stays[n-1:]] != "" {
		return stays[:n-1] + " " + units[stays[n-1:]]
	}
	return stays
}
