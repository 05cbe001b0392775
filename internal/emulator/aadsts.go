package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// stsError is one of Entra's errors. Texts and meanings:
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes;
// the exact words, where that page has a summary only, from messages that
// people quote in the trackers of https://github.com/AzureAD.
type stsError struct {
	code     int    // of AADSTS...
	kind     string // the OAuth error
	suberror string // what MSAL tells people apart by; may be empty
	text     string
	claims   string // to send with the next authorization request; may be empty
	status   int    // of the token endpoint; 0: 400
}

// Error implements error.
func (e *stsError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.code, e.text) }

// sts makes an error without extras.
func sts(code int, kind, format string, args ...any) *stsError {
	return &stsError{code: code, kind: kind, text: fmt.Sprintf(format, args...)}
}

// sub adds a suberror: https://learn.microsoft.com/entra/msal/dotnet/advanced/exceptions/msal-error-handling
func (e *stsError) sub(suberror string) *stsError {
	e.suberror = suberror
	return e
}

// The OAuth errors of RFC 6749 (4.1.2.1, 5.2), of OpenID Connect Core
// (3.1.2.6) and Entra's own.
const (
	errInvalidRequest      = "invalid_request"
	errInvalidClient       = "invalid_client"
	errInvalidGrant        = "invalid_grant"
	errInvalidScope        = "invalid_scope"
	errInvalidResource     = "invalid_resource"
	errUnauthorizedClient  = "unauthorized_client"
	errUnsupportedGrant    = "unsupported_grant_type"
	errUnsupportedResponse = "unsupported_response_type"
	errInteraction         = "interaction_required"
	errLoginRequired       = "login_required"
	errConsentRequired     = "consent_required"
	errAccessDenied        = "access_denied"
)

// stsReply is the body of an error of the token endpoint:
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application
type stsReply struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri,omitempty"`
	Suberror      string `json:"suberror,omitempty"`
	Claims        string `json:"claims,omitempty"`
}

// reply is the body for one request.
func (e *stsError) reply(r *http.Request, now time.Time) stsReply {
	trace, correlation := newGUID(), r.Header.Get("Client-Request-Id")
	if !isGUID(correlation) {
		correlation = newGUID()
	}
	stamp := now.Format("2006-01-02 15:04:05Z")
	return stsReply{
		Error: e.kind,
		Description: e.Error() + "\r\nTrace ID: " + trace + "\r\nCorrelation ID: " + correlation +
			"\r\nTimestamp: " + stamp,
		Codes:         []int{e.code},
		Timestamp:     stamp,
		TraceID:       trace,
		CorrelationID: correlation,
		URI:           "https://" + hostEntra + "/error?code=" + strconv.Itoa(e.code),
		Suberror:      e.suberror,
		Claims:        e.claims,
	}
}

// write answers at the token endpoint. 401 is for clients that could not
// prove who they are (RFC 6749, 5.2).
func (e *stsError) write(w http.ResponseWriter, r *http.Request, now time.Time) {
	status := e.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	if e.kind == errInvalidClient {
		status = http.StatusUnauthorized
	}
	reply := e.reply(r, now)
	w.Header().Set("X-Ms-Request-Id", reply.TraceID)
	writeJSON(w, status, "", reply)
}

// query is the error as an authorization reply carries it.
func (e *stsError) query(r *http.Request, now time.Time) url.Values {
	reply := e.reply(r, now)
	values := url.Values{"error": {reply.Error}, "error_description": {reply.Description}, "error_uri": {reply.URI}}
	if e.suberror != "" {
		values.Set("error_subcode", e.suberror)
	}
	if e.claims != "" {
		values.Set("claims", e.claims)
	}
	return values
}

// missing says that a parameter is not there.
func missing(name string) *stsError {
	return sts(900144, errInvalidRequest, "The request body must contain the following parameter: '%s'.", name)
}

// malformed says that a request cannot be understood.
func malformed() *stsError {
	return sts(9002313, errInvalidRequest, "Invalid request. Request is malformed or invalid.")
}

// badGrant says that a code or refresh token is not one of ours.
func badGrant() *stsError {
	return sts(70000, errInvalidGrant, "Provided grant is invalid or malformed.").sub("bad_token")
}
