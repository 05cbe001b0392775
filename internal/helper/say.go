package helper

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Say writes an error as two lines: what happened, what to type next. It never
// holds a secret, since none of the errors does.
func Say(w io.Writer, err error, t Target) {
	what, hint := Explain(err, t)
	_, _ = io.WriteString(w, "patrol: "+what+"\n"+"hint: "+hint+"\n")
}

// Explain returns the two lines for an error of this package, cred or vault.
func Explain(err error, t Target) (what, hint string) {
	if what, hint, ok := ExplainTarget(err, t); ok {
		return what, hint
	}
	switch {
	case errors.Is(err, ErrPlain):
		return ErrPlain.Error(), "use https:// in the remote's URL: git remote set-url"
	case errors.Is(err, ErrNoOrg):
		return ErrNoOrg.Error(), "git config --global credential.https://dev.azure.com.useHttpPath true"
	case errors.Is(err, ErrBadPath):
		return ErrBadPath.Error(), "the form is https://dev.azure.com/ORG/PROJECT/_git/REPOSITORY"
	case errors.Is(err, ErrNoPatrol):
		return cred.Escape(err.Error()), "install both programs in one directory"
	case errors.Is(err, cred.ErrMalformed):
		return cred.Escape(err.Error()), "nothing was read or changed; look at the URL of the remote: git remote -v"
	}
	return explainVault(err)
}

// ExplainTarget explains why an organisation has no answer; ok is false for
// any other error.
func ExplainTarget(err error, t Target) (what, hint string, ok bool) {
	ok = true
	switch org := t.Org; {
	case errors.Is(err, ErrNoRecord):
		what, hint = "no token for "+org, "patrol login "+org
	case errors.Is(err, ErrAccount):
		what = fmt.Sprintf("the token for %s is of another account than %s", org, cred.Escape(t.Account))
		hint = "take the user name out of the URL, or sign in as it: patrol login " + org
	case errors.Is(err, ErrExpired):
		what, hint = "the token for "+org+" has expired", "patrol login "+org
	case errors.Is(err, errRenewable):
		what = "Azure DevOps refused the token for " + org
		hint = "the same git command again: patrol asks the server then, and makes a new token if that one is dead"
	case errors.Is(err, ErrSuspect):
		what, hint = "Azure DevOps refused the token for "+org, "patrol login "+org
	case errors.Is(err, ErrOrg):
		what = org + " is not on the list of organisations that patrol may answer"
		hint = "patrol setup --only ORG,... changes the list"
	default:
		ok = false
	}
	return what, hint, ok
}

// MoreFiles is the hint where a process may open too few files.
const MoreFiles = "let it open more files: ulimit -n 1024"

func explainVault(err error) (what, hint string) {
	what = cred.Escape(err.Error())
	switch {
	case errors.Is(err, vault.ErrNoHome):
		return what, "set HOME to your home directory"
	case errors.Is(err, vault.ErrNewer):
		return what, "it was not touched; install that version of patrol"
	case errors.Is(err, vault.ErrCorrupt):
		return what, "patrol login sets it aside and begins a new one"
	case errors.Is(err, vault.ErrForeign):
		return what, "run it as that user; with sudo, as sudo -H, which leaves their home alone"
	case errors.Is(err, vault.ErrUnsafe):
		return what, "make it yours alone (chown, chmod), or move it away"
	case errors.Is(err, vault.ErrBusy):
		return what, "try again; if it stays, look for a stopped patrol: ps -C patrol"
	case errors.Is(err, vault.ErrLocked), errors.Is(err, vault.ErrNoKey), errors.Is(err, vault.ErrWrongKey):
		return what, "patrol unlock"
	case errors.Is(err, vault.ErrNoSource):
		return what, "choose where the key is kept: patrol setup --key age"
	case errors.Is(err, syscall.EMFILE):
		return what, MoreFiles
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return what, "the vault is as it was; make room on the disk and try again"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return what, "the vault is as it was; patrol needs to write to its directory"
	}
	return what, "patrol status"
}
