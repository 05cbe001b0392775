package azdo

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
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// MaxTimeout is the longest a call takes, from the first packet to the
	// last byte of the answer.
	MaxTimeout = 10 * time.Second
	// maxBody bounds an answer, in bytes, after decompression.
	maxBody = 4 << 20
)

// Config is what a Client needs.
type Config struct {
	// Version of patrol, sent as the user agent patrol/<Version>.
	Version string
	// Transport carries the requests; NewTransport makes one. Without the reports
	// that go to net/http/httptrace, ErrUnknownOutcome is mistaken for ErrNetwork.
	Transport http.RoundTripper
	// Timeout of one call; 0 and more than MaxTimeout mean MaxTimeout.
	Timeout time.Duration
	// Now is the clock, for the dates of Retry-After; nil: those are ignored.
	Now func() time.Time
}

// Client makes calls of the Azure DevOps REST API. It is safe for concurrent use.
type Client struct {
	via     http.RoundTripper
	agent   string
	timeout time.Duration
	now     func() time.Time
}

// New returns a Client. There is no http.Client in it: nothing that could follow
// a redirect, keep a cookie or send a body a second time.
func New(config Config) *Client {
	timeout := config.Timeout
	if timeout <= 0 || timeout > MaxTimeout {
		timeout = MaxTimeout
	}
	return &Client{via: config.Transport, agent: "patrol/" + config.Version, timeout: timeout, now: config.Now}
}

// ValidOrganization reports whether name can be the name of an organisation:
// ASCII letters, digits and hyphens, at most 50, a letter or digit at either
// end. Anything else must not get into a URL. See
// https://learn.microsoft.com/azure/devops/organizations/settings/naming-restrictions
func ValidOrganization(name string) bool {
	if name == "" || len(name) > 50 || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// call is one request.
type call struct {
	op      string // for errors: what is asked of whom
	method  string
	url     string
	version string // of the API
	auth    Auth
	body    any // sent as JSON; nil: no body
	// notFound is the kind of error that 404 means; nil: ErrReply.
	notFound error
	// empty says that a good answer may have no body.
	empty bool
}

// changes reports whether the call leaves something behind on the server.
func (req call) changes() bool { return req.method != http.MethodGet }

// answer is a reply that was read whole.
type answer struct {
	status int
	header http.Header
	body   []byte // without a byte order mark
}

// do sends c and decodes the JSON of a good answer into out.
func (c *Client) do(ctx context.Context, req call, out any) (*answer, error) {
	a, err := c.send(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := c.decode(req, a, out); err != nil {
		return nil, err
	}
	return a, nil
}

// decode judges an answer and takes its JSON apart. After an error, out holds
// what could be read all the same.
func (c *Client) decode(req call, a *answer, out any) error {
	if err := c.judge(req, a); err != nil {
		return err
	}
	if req.silent(a) {
		return nil
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		// The decoder's own words quote the answer.
		return c.failure(req, a, ErrReply, errors.New("it is not the JSON that was expected"))
	}
	return nil
}

// send reads the answer whole and does not judge it.
func (c *Client) send(ctx context.Context, req call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// The transport has a connection only after dialling, the proxy and TLS:
	// from there on the request may have arrived.
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	r, err := c.request(ctx, req)
	if err != nil {
		return nil, err
	}
	reply, err := c.via.RoundTrip(r)
	if err != nil {
		return nil, noAnswer(req, sent.Load(), err)
	}
	defer func() { _ = reply.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxBody+1))
	a := &answer{reply.StatusCode, reply.Header, bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))}
	switch {
	case len(body) > maxBody:
		a.body = nil
		return nil, c.failure(req, a, ErrReply, fmt.Errorf("it is larger than %d MiB", maxBody>>20))
	case notGzip(err):
		return nil, c.failure(req, a, ErrReply, err)
	case err != nil:
		return nil, noAnswer(req, true, err)
	}
	return a, nil
}

// notGzip tells an answer that does not decompress from a broken connection.
func notGzip(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
}

func (c *Client) request(ctx context.Context, req call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, req.method, req.url, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.op, err)
	}
	if req.body != nil {
		encoded, err := json.Marshal(req.body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", req.op, err)
		}
		// Without GetBody, what was sent once cannot be sent again.
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(encoded)), int64(len(encoded))
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("Accept", "application/json;api-version="+req.version)
	// 401 instead of a redirect to the sign-in page.
	r.Header.Set("X-TFS-FedAuthRedirect", "Suppress")
	if err := req.auth.set(r.Header); err != nil {
		return nil, fmt.Errorf("%s: %w", req.op, err)
	}
	return r, nil
}

// is reports whether the answer has the given media type.
func (a *answer) is(media string) bool {
	got, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	return err == nil && got == media
}
