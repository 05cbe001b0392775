package azdo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// PATFilter chooses the tokens to list. No record says which of them it matched:
// who needs to know asks once for each but FilterAll.
type PATFilter string

// The filters. Expired and revoked tokens remain for some months.
const (
	FilterActive  PATFilter = "active"
	FilterExpired PATFilter = "expired"
	FilterRevoked PATFilter = "revoked"
	FilterAll     PATFilter = "all"
)

const (
	patsPage = 100 // what the service gives at most at a time
	maxPages = 200
	// maxPause is the longest wait between two pages. The service delays up to
	// 30 s before it refuses; longer ones are for the caller.
	maxPause = 30 * time.Second
	// maxContinuation bounds what is sent back in a URL, in bytes.
	maxContinuation = 4 << 10
)

// PATList is a whole list of tokens.
type PATList struct {
	// Records is in the server's order, each token once.
	Records []PATRecord
	// RetryAfter is set when the server, though it answered, asks to slow down.
	RetryAfter time.Duration
}

// patPage is PagedPatTokens.
type patPage struct {
	Continuation *string    `json:"continuationToken"`
	Tokens       []patToken `json:"patTokens"`
}

// ListPATs returns the caller's tokens in the organisation: all pages or none.
// It waits between two pages for as long as the server asks, ErrThrottled if
// that is more than 30 seconds. Each page has the time of a call; ctx bounds
// the whole.
func (c *Client) ListPATs(ctx context.Context, organization string, auth Auth, filter PATFilter) (PATList, error) {
	switch filter {
	case FilterActive, FilterExpired, FilterRevoked, FilterAll:
	default:
		return PATList{}, fmt.Errorf("%w: there is no filter %q", ErrPATRequest, cut(string(filter)))
	}
	req, err := patsCall("list the tokens of "+organization, http.MethodGet, organization, auth)
	if err != nil {
		return PATList{}, err
	}
	req.notFound = ErrNoOrganization
	// Every page repeats the filter, or the service begins anew.
	query := url.Values{"displayFilterOption": {string(filter)}, "$top": {strconv.Itoa(patsPage)}}
	w := patWalk{pages: map[string]bool{}, ids: map[string]bool{}}
	for {
		req.url = patsURL(organization, query)
		var page patPage
		a, err := c.do(ctx, req, &page)
		if err != nil {
			return PATList{}, err
		}
		next, err := w.add(page)
		if err != nil {
			return PATList{}, c.failure(req, a, ErrReply, err)
		}
		w.list.RetryAfter = retryAfter(a.header, c.now)
		if next == "" {
			return w.list, nil
		}
		if err := pause(ctx, w.list.RetryAfter); err != nil {
			return PATList{}, c.failure(req, a, ErrThrottled, err)
		}
		query.Set("continuationToken", next)
	}
}

// patWalk gathers pages and sees to it that they come to an end.
type patWalk struct {
	list  PATList
	pages map[string]bool // continuation tokens that were followed
	ids   map[string]bool
}

// add takes a page and returns what leads to the next one, "" after the last.
func (w *patWalk) add(page patPage) (next string, err error) {
	if page.Continuation != nil {
		next = *page.Continuation
	}
	switch {
	case page.Continuation == nil && page.Tokens == nil:
		return "", errors.New("it is no list of tokens")
	case len(next) > maxContinuation:
		return "", errors.New("its continuation token is too long")
	case next != "" && w.pages[next]:
		return "", errors.New("its pages go round in a circle")
	case next != "" && len(w.pages) == maxPages-1:
		return "", fmt.Errorf("it has more than %d pages", maxPages)
	}
	w.pages[next] = true
	for i := range page.Tokens {
		record, err := page.Tokens[i].record()
		if err != nil {
			return "", err
		}
		// What is made or revoked meanwhile shifts tokens to the next page.
		if !w.ids[record.AuthorizationID] {
			w.ids[record.AuthorizationID] = true
			w.list.Records = append(w.list.Records, record)
		}
	}
	return next, nil
}

// pause waits, unless it is too long or ctx is done before.
func pause(ctx context.Context, wait time.Duration) error {
	if wait > maxPause {
		return errors.New("that is too long to wait for the next page")
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
