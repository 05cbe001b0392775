package azdo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// anonymous is the id Azure DevOps gives to whoever it does not know: seeing it
// means that the credential was ignored.
const anonymous = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"

// judge says what an answer means. nil: a success with a JSON body.
//
// 203, an HTML page in place of JSON, a redirect to the sign-in page and 401
// are all the same "not signed in". HTML with another status is the error page of the
// service or of something between, and no verdict on the credential.
func (c *Client) judge(req call, a *answer) error {
	switch {
	case a.status == http.StatusUnauthorized && a.insufficient():
		return c.failure(req, a, ErrClaims, nil)
	case a.status == http.StatusUnauthorized && a.expired():
		return c.failure(req, a, ErrExpired, nil)
	case a.status == http.StatusUnauthorized, a.status == http.StatusNonAuthoritativeInfo,
		a.status < 300 && a.is("text/html"), a.status/100 == 3 && a.signIn():
		return c.failure(req, a, ErrRefused, nil)
	case a.status == http.StatusForbidden:
		return c.failure(req, a, ErrForbidden, nil)
	case a.status == http.StatusNotFound && req.notFound != nil:
		return c.failure(req, a, req.notFound, nil)
	case a.status == http.StatusProxyAuthRequired:
		return c.failure(req, a, ErrProxy, nil)
	case a.status == http.StatusServiceUnavailable && strings.Contains(a.message(), "TF24668"):
		return c.failure(req, a, ErrStopped, nil)
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable:
		return c.failure(req, a, ErrThrottled, nil)
	case a.status/100 == 3:
		return c.failure(req, a, ErrReply, errors.New("it redirects elsewhere, which is not followed"))
	case a.status/100 != 2:
		return c.failure(req, a, ErrReply, nil)
	case req.silent(a):
		return nil
	case !a.is("application/json"):
		return c.failure(req, a, ErrReply, fmt.Errorf("it is %q, not JSON", cut(a.header.Get("Content-Type"))))
	}
	return nil
}

// silent reports whether the answer is a success that needs no words.
func (req call) silent(a *answer) bool {
	return req.empty && (a.status == http.StatusOK || a.status == http.StatusNoContent) && len(bytes.TrimSpace(a.body)) == 0
}

// failure makes the error of an answer.
func (c *Client) failure(req call, a *answer, kind, err error) *Error {
	if req.doubtful(a, kind) {
		kind = ErrUnknownOutcome
	}
	e := &Error{
		Kind: kind, Op: req.op, Status: a.status, Err: err,
		ActivityID: guid(a.header.Get("ActivityId")),
		RetryAfter: retryAfter(a.header, c.now),
	}
	// The body of a success is no message, and may hold the secret of a new token.
	message := a.serviceError()
	if a.status/100 != 2 {
		message = a.message()
	}
	e.Message = req.auth.scrub(message)
	if kind == ErrClaims {
		e.Claims = claimsOf(a.header)
	}
	return e
}

// doubtful reports whether a change may have been made in spite of the answer:
// it is a success that cannot be read, or a server or gateway broke off. A 503
// that says when to come back is the service's own, and turned us away before.
func (req call) doubtful(a *answer, kind error) bool {
	switch {
	case !req.changes():
		return false
	case kind == ErrReply:
		return a.status/100 == 2 || a.status/100 == 5
	}
	return kind == ErrThrottled && a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == ""
}

// expired looks for the one refusal that Azure DevOps tells apart.
func (a *answer) expired() bool {
	const sign = "personal access token used has expired"
	return strings.Contains(strings.ToLower(a.serviceError()), sign) || strings.Contains(strings.ToLower(a.message()), sign)
}

// signIn reports whether a redirect leads to the sign-in page.
func (a *answer) signIn() bool {
	u, err := url.Parse(a.header.Get("Location"))
	return err == nil && strings.HasSuffix(u.Path, "/_signin")
}

// serviceError is the header X-TFS-ServiceError, which comes URL-encoded or not.
func (a *answer) serviceError() string {
	s := a.header.Get("X-TFS-ServiceError")
	if d, err := url.QueryUnescape(s); err == nil && strings.Contains(s, "%") {
		return d
	}
	return s
}

// message is what the server says: the message of its JSON, else the header.
func (a *answer) message() string {
	var body struct {
		Message string `json:"message"`
	}
	if a.is("application/json") && json.Unmarshal(a.body, &body) == nil && body.Message != "" {
		return body.Message
	}
	return a.serviceError()
}

// guid returns s if it is one, in lower case, else "".
func guid(s string) string {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	s = strings.ToLower(s)
	if len(s) != len(form) {
		return ""
	}
	for i := range len(s) {
		if hex := strings.IndexByte("0123456789abcdef", s[i]) >= 0; hex != (form[i] == 'x') || !hex && s[i] != '-' {
			return ""
		}
	}
	return s
}

// retryAfter reads both forms of Retry-After: seconds and a date. Nonsense is 0,
// and no server makes us wait for more than a day. See RFC 9110, 10.2.3.
func retryAfter(h http.Header, now func() time.Time) time.Duration {
	const most = 24 * time.Hour
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	var wait time.Duration
	if seconds, err := strconv.ParseUint(v, 10, 64); err == nil {
		wait = time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
	} else if date, err := http.ParseTime(v); err == nil && now != nil {
		wait = date.Sub(now()).Round(time.Second)
	}
	return max(0, min(wait, most))
}
