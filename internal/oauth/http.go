package oauth

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

const (
	// MaxTimeout is the longest an HTTP call takes, from the first packet to the
	// last byte of the answer.
	MaxTimeout = 10 * time.Second
	// maxBody bounds an answer, in bytes, after decompression.
	maxBody = 1 << 20
)

// Config is what the requests of this package need.
type Config struct {
	// Version of patrol, sent as the user agent patrol/<Version>.
	Version string
	// Transport carries the requests. There is no http.Client: nothing that could
	// follow a redirect, keep a cookie or send a body a second time.
	Transport http.RoundTripper
	// Timeout of one call; 0 and more than MaxTimeout mean MaxTimeout.
	Timeout time.Duration
	// Now is the clock.
	Now func() time.Time
	// Rand is the source of what nobody may guess: crypto/rand.Reader.
	Rand io.Reader
}

// call is one request.
type call struct {
	op     string // for errors: what is tried
	url    string
	form   url.Values        // POSTed; nil: a GET
	header map[string]string // in addition to the usual
	// confidential is what the form holds that must not come back in an error.
	confidential []cred.Secret
}

// answer is a reply that was read whole.
type answer struct {
	call
	status int
	header http.Header
	body   []byte    // without a byte order mark
	asked  time.Time // when the request went out, by our clock
	skew   time.Duration
}

// send makes one request and reads its answer, whatever its status.
func (c Config) send(ctx context.Context, req call) (*answer, error) {
	timeout := c.Timeout
	if timeout <= 0 || timeout > MaxTimeout {
		timeout = MaxTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := c.request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.op, err)
	}
	asked := c.Now()
	reply, err := c.Transport.RoundTrip(r)
	if err != nil {
		return nil, req.lost(err)
	}
	defer func() { _ = reply.Body.Close() }()
	a := &answer{call: req, status: reply.StatusCode, header: reply.Header, asked: asked, skew: skew(reply.Header, asked, c.Now())}
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxBody+1))
	switch {
	case len(body) > maxBody:
		return nil, a.failure(ErrReply, fmt.Errorf("it is larger than %d MiB", maxBody>>20))
	case notGzip(err):
		return nil, a.failure(ErrReply, err)
	case err != nil:
		return nil, req.lost(err)
	}
	a.body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	return a, nil
}

func (c Config) request(ctx context.Context, req call) (*http.Request, error) {
	method := http.MethodGet
	if req.form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, req.url, nil)
	if err != nil {
		return nil, err
	}
	if req.form != nil {
		body := req.form.Encode()
		// Without GetBody, what was sent once cannot be sent again.
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("User-Agent", "patrol/"+c.Version)
	r.Header.Set("Accept", "application/json")
	for k, v := range req.header {
		r.Header.Set(k, v)
	}
	return r, nil
}

// lost is the error of a request without an answer.
func (req call) lost(err error) error {
	e := &Error{Kind: ErrNetwork, Op: req.op, Err: req.scrubError(err)}
	if errors.Is(err, context.DeadlineExceeded) {
		e.Err = fmt.Errorf("no answer in time: %w", e.Err)
	}
	return e
}

// failure is the error of an answer.
func (a *answer) failure(kind, err error) *Error {
	return &Error{Kind: kind, Op: a.op, Status: a.status, Err: a.scrubError(err), RetryAfter: retryAfter(a.header)}
}

// unusable is the failure of an answer that does not speak the protocol. What
// the status says about trying later still counts.
func (a *answer) unusable(why error) *Error {
	switch {
	case a.status/100 == 3:
		return a.failure(ErrReply, errors.New("it redirects elsewhere, which is not followed"))
	case a.busy():
		return a.failure(ErrTemporary, nil)
	}
	return a.failure(ErrReply, why)
}

func (a *answer) busy() bool {
	return a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout
}

// decode reads the answer's JSON object into out.
func (a *answer) decode(out any) error {
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return fmt.Errorf("it is %q, not JSON", cut(a.header.Get("Content-Type")))
	}
	if json.Unmarshal(a.body, out) != nil {
		return errors.New("it is not the JSON that was expected") // the decoder's own words quote it
	}
	return nil
}

// scrub takes what was sent in confidence out of what came back.
func (req call) scrub(s string) string {
	for _, secret := range req.confidential {
		if v := secret.Reveal(); v != "" {
			s = strings.NewReplacer(v, "[secret]", url.QueryEscape(v), "[secret]").Replace(s)
		}
	}
	return s
}

// scrubError is scrub for the words of an error, which may quote the answer. An
// error without secrets stays as it is, with its type.
func (req call) scrubError(err error) error {
	if err == nil {
		return nil
	}
	if s := err.Error(); req.scrub(s) != s {
		return errors.New(req.scrub(s))
	}
	return err
}

// notGzip tells an answer that does not decompress from a broken connection.
func notGzip(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
}

// skew is how far the server's clock is ahead of ours, by its Date, which was
// written somewhere between asked and now. 0 when that is no difference.
func skew(h http.Header, asked, now time.Time) time.Duration {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	switch { // Date has whole seconds
	case date.Add(time.Second).Before(asked):
		return date.Sub(asked).Truncate(time.Second)
	case date.After(now):
		return date.Sub(now).Truncate(time.Second)
	}
	return 0
}

// retryAfter reads the seconds of Retry-After, at most a day. The form with a
// date (RFC 9110 section 10.2.3) is not used by token endpoints.
func retryAfter(h http.Header) time.Duration {
	const most = 24 * time.Hour
	seconds, err := strconv.ParseUint(strings.TrimSpace(h.Get("Retry-After")), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
}

func cut(s string) string {
	const most = 300
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
