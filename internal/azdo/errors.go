package azdo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What can go wrong, for errors.Is. Every error of a call is an *Error of one
// of these kinds, but for those of our own arguments.
var (
	// ErrRefused: the server did not accept the credential. It is invalid,
	// revoked, expired, or of another organisation.
	ErrRefused = errors.New("the credential was refused")
	// ErrExpired is the refusal that can be told apart: a personal access token
	// past its end. It is ErrRefused, too.
	ErrExpired = errors.New("the personal access token has expired")
	// ErrClaims is the refusal of an access token that a new sign-in can do away
	// with; see Error.Claims. It is ErrRefused, too.
	ErrClaims = errors.New("the service asks for a new sign-in")
	// ErrForbidden: the credential is alive, but its scope, a permission or a
	// Conditional Access policy keeps it out.
	ErrForbidden = errors.New("the credential may not do this")
	// ErrThrottled: too many requests, or the service is busy; see RetryAfter.
	ErrThrottled = errors.New("the service asks to try later")
	// ErrNoOrganization: there is no organisation of that name.
	ErrNoOrganization = errors.New("no such organization")
	// ErrNoToken: the server says that the caller has no personal access token of
	// that id. It may still be alive and somebody else's.
	ErrNoToken = errors.New("no such personal access token")
	// ErrNotFound: there is no such token, or no such organisation; the server
	// does not say which.
	ErrNotFound = errors.New("no such personal access token, or no such organization")
	// ErrDeclined: the server understood and said no, see PATError.
	ErrDeclined = errors.New("the server declined")
	// ErrOrphan: a token was made that cannot be used, and whose secret is lost.
	// Revoke it: see AuthorizationID; when that is empty, find it by its name.
	ErrOrphan = errors.New("a token was made that cannot be used")
	// ErrUnknownOutcome: a change was sent, and no answer says what became of it:
	// it may have been made. All kinds but this and ErrOrphan mean that it was not.
	ErrUnknownOutcome = errors.New("it is unknown whether this was done")
	// ErrStopped: the organisation has been taken offline (TF24668).
	ErrStopped = errors.New("the organization is stopped")
	// ErrTLS: the server's certificate or TLS version is not acceptable.
	ErrTLS = errors.New("no trustworthy connection")
	// ErrProxy: the proxy is misconfigured, cannot be reached, or refused.
	ErrProxy = errors.New("the proxy does not let us through")
	// ErrNetwork: no connection, or no answer in time.
	ErrNetwork = errors.New("the server cannot be reached")
	// ErrReply: an answer that Azure DevOps does not give: another format, too
	// large, a redirect elsewhere, a server error.
	ErrReply = errors.New("unusable answer")

	// ErrOrganizationName: the name cannot be that of an organisation. Nothing
	// was sent.
	ErrOrganizationName = errors.New("not the name of an organization")
	// ErrNoCredential: the secret is absent, empty or cannot be sent in a
	// header. Nothing was sent.
	ErrNoCredential = errors.New("no usable credential")
	// ErrNotBearer: personal access tokens are managed with an access token of
	// Microsoft Entra, and nothing else. Nothing was sent.
	ErrNotBearer = errors.New("not an access token of Microsoft Entra")
	// ErrPATRequest: the request for a personal access token cannot be meant so.
	// Nothing was sent.
	ErrPATRequest = errors.New("not a request for a personal access token")
)

// Error is a call that failed.
type Error struct {
	Kind error  // one of the kinds above
	Op   string // what was asked of whom, in our words
	// Status is the HTTP status, 0 when there was no answer. With ErrProxy it
	// is the proxy's.
	Status int
	// Message is the server's, as sent but for the credential, should it quote
	// that. It may hold anything: show it through Error or escape it.
	Message string
	// ActivityID names the request in Microsoft's logs: a GUID, or "".
	ActivityID string
	// RetryAfter is how long the server asks to wait, at most a day; 0 when it
	// does not say.
	RetryAfter time.Duration
	// Claims is, with ErrClaims, what the sign-in must ask for: the JSON that goes
	// into the parameter claims of Entra's end points. Empty when unreadable.
	Claims string
	// AuthorizationID names a token that was made although the call failed.
	AuthorizationID string
	// Err is the cause below HTTP, or what is wrong with the answer. May be nil.
	Err error
}

// Error returns one line without control characters.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + ": " + e.Kind.Error())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Err != nil {
		b.WriteString(": " + plain(e.Err.Error()))
	}
	if e.RetryAfter > 0 {
		b.WriteString(", in " + e.RetryAfter.String())
	}
	if e.Message != "" {
		b.WriteString(": it says " + strconv.Quote(cut(e.Message)))
	}
	if e.AuthorizationID != "" {
		b.WriteString(" [token " + e.AuthorizationID + "]")
	}
	if e.ActivityID != "" {
		b.WriteString(" [activity " + e.ActivityID + "]")
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	errs := []error{e.Kind}
	if e.Kind == ErrExpired || e.Kind == ErrClaims {
		errs = append(errs, ErrRefused)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// maxShown is how many bytes of a foreign text an error shows.
const maxShown = 300

func cut(s string) string {
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

// plain escapes what does not print. Causes come from the standard library and
// may hold names out of a certificate or a reply.
func plain(s string) string {
	q := strconv.Quote(cut(s))
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
