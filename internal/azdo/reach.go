package azdo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Reach asks a server for its first page, without a credential, and returns the
// server's clock, zero if it does not tell. Any answer over a trustworthy
// connection will do. Errors: ErrTLS, ErrProxy, ErrNetwork; ErrReply where the
// answer sends us from https to http, as a network's own sign-in page does.
func (c *Client) Reach(ctx context.Context, rawURL string) (time.Time, error) {
	at, err := url.Parse(rawURL)
	if err != nil {
		return time.Time{}, err
	}
	req := call{op: "reach " + at.Host, method: http.MethodGet, url: rawURL}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, req.method, req.url, http.NoBody)
	if err != nil {
		return time.Time{}, err
	}
	r.Header.Set("User-Agent", c.agent)
	reply, err := c.via.RoundTrip(r)
	if err != nil {
		return time.Time{}, transportError(req.op, err)
	}
	_ = reply.Body.Close()
	if to, err := reply.Location(); err == nil && to.Scheme == "http" {
		return time.Time{}, &Error{Kind: ErrReply, Op: req.op, Status: reply.StatusCode, Err: fmt.Errorf("it sends us to %s without TLS", to.Host)}
	}
	now, _ := http.ParseTime(reply.Header.Get("Date"))
	return now, nil
}
