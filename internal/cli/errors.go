package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/doctor"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/secretservice"
	"github.com/gitpatrol/patrol/internal/sshkey"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

// problem is an error with its second line and its exit code.
type problem struct {
	what, hint string
	code       int
}

func (p *problem) Error() string { return p.what }

// failed is a problem of exit code 1.
func failed(hint, format string, args ...any) error {
	return &problem{fmt.Sprintf(format, args...), hint, helper.Failed}
}

// signIn is a problem that signing in solves.
func signIn(hint, format string, args ...any) error {
	return &problem{fmt.Sprintf(format, args...), hint, helper.SignIn}
}

// usage is a problem of the command line.
func usage(cmd *cobra.Command, err error) error {
	what, _, _ := strings.Cut(err.Error(), "\n")
	return &problem{what, cmd.CommandPath() + " --help", helper.Usage}
}

// explain turns any error into its two lines and exit code.
func explain(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case strings.HasPrefix(err.Error(), "unknown command"):
		what, _, _ := strings.Cut(err.Error(), "\n")
		return &problem{what, "patrol --help", helper.Usage}
	case errors.Is(err, term.ErrCanceled):
		return &problem{"cancelled; nothing was changed", "type the command again to start over", helper.Failed}
	case errors.Is(err, term.ErrNoTerminal):
		return &problem{"there is no terminal to ask at", "see --help for the way without a terminal", helper.Failed}
	case errors.Is(err, vault.ErrLocked) && errors.Is(err, fs.ErrNotExist):
		return &problem{err.Error(), "put that file back, or name it: git config --global " + keys.IdentitySetting + " FILE", helper.SignIn}
	case errors.Is(err, keys.ErrNoCommand):
		return &problem{err.Error(), "git config --global " + keys.CommandSetting + " '/path/of/a/program ARGUMENTS'", helper.Failed}
	case keys.OfCommand(err):
		return &problem{err.Error(), "mend that program, or do without it: patrol key recover --to age takes the recovery key", helper.Code(err)}
	case errors.Is(err, sshkey.ErrSettings):
		return &problem{err.Error(), "see what ssh says about its configuration: ssh -G " + sshkey.Host, helper.Failed}
	case errors.Is(err, doctor.ErrNotForGit):
		return &problem{err.Error(), "give what reads it there a place that is not in clear, such as a CI's secret; revoke it when nothing needs it", helper.Failed}
	case errors.Is(err, cred.ErrMalformed):
		return &problem{cred.Escape(err.Error()), "a URL looks like https://dev.azure.com/ORG/PROJECT/_git/REPOSITORY", helper.Usage}
	}
	if p := explainForeign(err); p != nil {
		return p
	}
	if p := explainService(err); p != nil {
		return p
	}
	if p := explainSignIn(err); p != nil {
		return p
	}
	if p := explainServer(err); p != nil {
		return p
	}
	what, hint := helper.Explain(err, helper.Target{})
	return &problem{what, hint, helper.Code(err)}
}

// explainForeign explains why a file of another program stays as it is; nil for
// other errors.
func explainForeign(err error) *problem {
	switch {
	case errors.Is(err, foreign.ErrChanged), errors.Is(err, foreign.ErrLocked):
		return &problem{err.Error(), "type the command again when no other program writes there", helper.Failed}
	case errors.Is(err, foreign.ErrUnsafe), errors.Is(err, foreign.ErrTooBig):
		return &problem{err.Error(), "take it out with an editor, or make the file and its directory yours alone", helper.Failed}
	}
	return nil
}

// explainService explains what a Secret Service has against giving the key;
// nil for others.
func explainService(err error) *problem {
	switch {
	case errors.Is(err, vault.ErrLocked) && (errors.Is(err, secretservice.ErrLocked) || errors.Is(err, secretservice.ErrDismissed)):
		return &problem{err.Error(), "patrol unlock, at the desktop", helper.SignIn}
	case errors.Is(err, vault.ErrNoSource) && secretservice.Is(err):
		return &problem{err.Error(), "see that the desktop's keyring runs; without it, patrol key recover takes the recovery key", helper.Failed}
	}
	return nil
}

// fail prints an error and returns its exit code.
func (a *app) fail(err error) int {
	p := explain(err)
	if a.json {
		line, _ := json.Marshal(struct {
			Error string `json:"error"`
			Hint  string `json:"hint"`
			Code  int    `json:"code"`
		}{p.what, p.hint, p.code})
		fmt.Fprintf(a.Stderr, "%s\n", escapeJSON(line))
		return p.code
	}
	fmt.Fprintf(a.Stderr, "patrol: %s\nhint: %s\n", cred.Escape(p.what), cred.Escape(p.hint))
	return p.code
}

// note prints a line for people.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.Stderr, "patrol: %s\n", cred.Escape(fmt.Sprintf(format, args...)))
}

// explainFor is explain where the organisation is known, so that the hint can
// name it.
func explainFor(err error, t helper.Target) error {
	if what, hint, ok := helper.ExplainTarget(err, t); ok {
		return &problem{what, hint, helper.Code(err)}
	}
	again := "patrol login " + t.Org
	var busy *lifecycle.Busy
	switch {
	case errors.As(err, &busy):
		return failed("try again at "+busy.Until.UTC().Format("15:04:05 MST")+"; nothing was lost", "%s", busy.Reason)
	case errors.Is(err, lifecycle.ErrSignedOut):
		return signIn(again, "you are signed out of %s", t.Org)
	case errors.Is(err, lifecycle.ErrNobody):
		return signIn(again, "nobody is there to sign in to %s", t.Org)
	case errors.Is(err, lifecycle.ErrCooling):
		return signIn(again+" opens a window at once", "no new sign-in window yet: %v", err)
	case errors.Is(err, oauth.ErrPersonal):
		return signIn("patrol login --pat "+t.Org+" with a token made in the portal: "+tokensPage(t.Org),
			"%s is backed by personal Microsoft accounts, for which patrol cannot make tokens", t.Org)
	}
	return err
}

// explainSignIn explains the errors of signing in; nil for others.
func explainSignIn(err error) *problem {
	var notMember *lifecycle.NotMember
	if errors.As(err, &notMember) {
		return &problem{fmt.Sprintf("%v (%v)", notMember, notMember.Err),
			"ask for access to the organisation, or sign in as somebody else: patrol login " + notMember.Org, helper.SignIn}
	}
	var e *oauth.Error
	if !errors.As(err, &e) {
		return nil
	}
	p := &problem{what: e.Error(), hint: e.Advice(), code: helper.Failed}
	if p.hint == "" {
		p.hint = "nothing was changed; try again"
	}
	for _, kind := range []error{oauth.ErrSignIn, oauth.ErrDenied, oauth.ErrTimeout, oauth.ErrAccount} {
		if errors.Is(err, kind) {
			p.code = helper.SignIn
		}
	}
	return p
}
