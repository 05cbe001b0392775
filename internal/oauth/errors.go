package oauth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// What can go wrong, for errors.Is.
var (
	// ErrSignIn: a person has to sign in. Of a refresh it is the only error that
	// says the refresh token is of no more use; every other one leaves it alone.
	ErrSignIn = errors.New("a new sign-in is needed")
	// ErrDenied: the person or the provider's policy declined.
	ErrDenied = errors.New("the sign-in was declined")
	// ErrRefused: the provider does not take this application, or this request,
	// for good: a fault of configuration.
	ErrRefused = errors.New("the identity provider refuses the request")
	// ErrTemporary: the provider is busy or broken; see RetryAfter.
	ErrTemporary = errors.New("the identity provider asks to try later")
	// ErrNetwork: no connection, none to be trusted, or no answer in time.
	ErrNetwork = errors.New("the identity provider cannot be reached")
	// ErrReply: an answer of another form than the protocol's.
	ErrReply = errors.New("unusable answer")
	// ErrTimeout: nobody came back from the browser in time.
	ErrTimeout = errors.New("nobody signed in in time")
	// ErrListen: no port on loopback to wait at.
	ErrListen = errors.New("no port on loopback can be opened")
	// ErrIssuer: the browser brought the answer of another issuer (mix-up).
	ErrIssuer = errors.New("the answer is that of another identity provider")
	// ErrAccount: another account than the one asked for signed in.
	ErrAccount = errors.New("another account signed in")
	// ErrProvider: the settings of the provider cannot be used. Nothing was sent.
	ErrProvider = errors.New("unusable identity provider")
	// ErrNoPKCE: the provider does not know S256, without which a code that is
	// intercepted can be used by others.
	ErrNoPKCE = errors.New("the identity provider does not support PKCE with S256")
	// ErrNoBrowser: no browser was opened.
	ErrNoBrowser = errors.New("no browser opens here")

	// ErrTenants: an organisation's answer names more than one tenant.
	ErrTenants = errors.New("the answer contradicts itself about the tenant")
	// ErrPersonal: the organisation is backed by Microsoft accounts, not by a
	// tenant. Its tokens are made in the portal.
	ErrPersonal = errors.New("the organization is backed by Microsoft accounts")
	// ErrNoOrganization: there is no organisation of that name.
	ErrNoOrganization = errors.New("no such organization")
)

// Error is a step of a sign-in or refresh that failed.
type Error struct {
	Kind error  // one of the kinds above
	Op   string // what was tried, in our words
	// Status is the HTTP status, 0 when there was no answer or it came through
	// the browser.
	Status int
	// Code and Description are the answer's error and error_description
	// (RFC 6749 sections 4.1.2.1 and 5.2), Suberror is Entra's refinement. They may
	// hold anything but what we had sent in confidence: show them through Error.
	Code, Description, Suberror string
	// AADSTS are Entra's numbers, the most important first. They are for advice
	// only.
	AADSTS []int
	// Claims is what the provider wants proved, JSON, to be passed on to the next
	// SignIn or Refresh.
	Claims string
	// CorrelationID finds the request in the provider's logs: a GUID, or "".
	CorrelationID string
	// RetryAfter is how long the provider asks to wait, at most a day.
	RetryAfter time.Duration
	// Err is the cause below the protocol, or what is wrong with the answer. May
	// be nil.
	Err error
}

// Error returns one line that does what it looks like.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + ": " + e.Kind.Error())
	var marks []string
	if e.Code != "" {
		marks = append(marks, cred.Escape(e.Code))
	}
	for _, n := range e.AADSTS {
		marks = append(marks, "AADSTS"+strconv.Itoa(n))
	}
	if e.Status != 0 {
		marks = append(marks, fmt.Sprintf("HTTP %d", e.Status))
	}
	if len(marks) > 0 {
		b.WriteString(" (" + strings.Join(marks, ", ") + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + cred.Escape(e.Err.Error()))
	}
	if e.RetryAfter > 0 {
		b.WriteString(", in " + e.RetryAfter.String())
	}
	if e.Description != "" {
		// Entra appends lines for its own support; the correlation id is below.
		first, _, _ := strings.Cut(strings.ReplaceAll(e.Description, "\r", "\n"), "\n")
		b.WriteString(`: it says "` + cred.Escape(first) + `"`)
	}
	if e.CorrelationID != "" {
		b.WriteString(" [correlation " + e.CorrelationID + "]")
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// kindOf sorts the error codes of RFC 6749 sections 4.1.2.1 and 5.2, OpenID
// Connect Core 3.1.2.6 and Entra. Microsoft asks to go by the code, never by the
// AADSTS number: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func kindOf(code string) error {
	switch code {
	case "invalid_grant", "interaction_required", "login_required", "consent_required", "account_selection_required":
		return ErrSignIn
	case "access_denied":
		return ErrDenied
	case "temporarily_unavailable", "server_error":
		return ErrTemporary
	}
	return ErrRefused
}
