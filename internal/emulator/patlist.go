package emulator

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPATPage is the most tokens on a page.
const maxPATPage = 100

// getPATs answers one token, where the query has its id, or a page of them.
func (e *Emulator) getPATs(c *call) {
	query := c.r.URL.Query()
	if query.Has("authorizationId") {
		p, reason := e.ownPAT(c, query.Get("authorizationId"))
		if reason != patNone {
			e.refusePAT(c, reason)
			return
		}
		e.writePAT(c, patResult{PATToken: e.describePAT(p), Error: patNone})
		return
	}
	q, problem := newPATQuery(c.r)
	if problem != "" {
		writeException(c.w, http.StatusBadRequest, exceptionIn(webAPI, "VssPropertyValidationException"), problem)
		return
	}
	page, ok := q.page(e.patsOf(c.org, c.caller.user), e.Now(), e.policies.org(c.org.name).PageSize)
	if !ok {
		writeException(c.w, http.StatusBadRequest, exceptionIn(webAPI, "VssPropertyValidationException"), "The continuation token is not valid for this request.")
		return
	}
	out := pagedPATs{PATTokens: []*patToken{}, ContinuationToken: page.next}
	for _, p := range page.pats {
		out.PATTokens = append(out.PATTokens, e.describePAT(p))
	}
	if e.policies.org(c.org.name).Spray {
		out.Unknown = unknown()
		for _, p := range out.PATTokens {
			p.Unknown = unknown()
		}
	}
	e.writeTokens(c, out)
}

// patsOf lists a user's tokens that are for an organization.
func (e *Emulator) patsOf(o *organization, u *user) []PAT {
	return slices.DeleteFunc(e.pats.list(), func(p PAT) bool { return p.User != u.upn || !p.targets(o) })
}

// patQuery is the query of a list call.
type patQuery struct {
	filter, sort string
	ascending    bool
	top          int
	after        string // continuation token
}

// newPATQuery reads the query; names and values in any case.
func newPATQuery(r *http.Request) (patQuery, string) {
	q := patQuery{filter: "active", ascending: true, top: maxPATPage}
	for name, values := range r.URL.Query() {
		value := values[len(values)-1]
		var err error
		switch strings.ToLower(name) {
		case "displayfilteroption":
			q.filter = strings.ToLower(value)
		case "sortbyoption":
			q.sort = strings.ToLower(value)
		case "issortascending":
			q.ascending, err = strconv.ParseBool(value)
		case "$top":
			q.top, err = strconv.Atoi(value)
		case "continuationtoken":
			q.after = value
		}
		if err != nil {
			return q, "The value '" + printable(value) + "' is not valid for " + printable(name) + "."
		}
	}
	switch {
	case !slices.Contains([]string{"active", "revoked", "expired", "all"}, q.filter):
		return q, "The value '" + printable(q.filter) + "' is not valid for displayFilterOption."
	case !slices.Contains([]string{"", "displayname", "displaydate", "status"}, q.sort):
		return q, "The value '" + printable(q.sort) + "' is not valid for sortByOption."
	case q.top < 1:
		return q, "The value of $top is not valid."
	}
	q.top = min(q.top, maxPATPage)
	return q, ""
}

// patPage is one page and the token of the next, empty at the end.
type patPage struct {
	pats []PAT
	next string
}

// page filters, sorts and cuts. A continuation token names the last token
// shown, and is good with the same filter and order only.
func (q patQuery) page(all []PAT, now time.Time, size int) (patPage, bool) {
	pats := slices.DeleteFunc(all, func(p PAT) bool { return q.filter != "all" && p.status(now) != q.filter })
	slices.SortStableFunc(pats, func(a, b PAT) int {
		order := 0
		switch q.sort {
		case "displayname":
			order = strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		case "displaydate":
			order = a.ValidTo.Compare(b.ValidTo)
		case "status":
			order = cmp.Compare(a.status(now), b.status(now))
		}
		if !q.ascending {
			order = -order
		}
		return order
	})
	if q.after != "" {
		at := slices.IndexFunc(pats, func(p PAT) bool { return q.mark(p) == q.after })
		if at < 0 {
			return patPage{}, false
		}
		pats = pats[at+1:]
	}
	if size == 0 || size > q.top {
		size = q.top
	}
	if len(pats) <= size {
		return patPage{pats: pats}, true
	}
	return patPage{pats: pats[:size], next: q.mark(pats[size-1])}, true
}

// mark is the continuation token after a token.
func (q patQuery) mark(p PAT) string {
	hash := hashSecret("page\x00" + q.filter + q.sort + strconv.FormatBool(q.ascending) + p.ID)
	return b64(hash[:18])
}

// status is the filter that shows the token.
func (p PAT) status(now time.Time) string {
	switch {
	case !p.Revoked.IsZero():
		return "revoked"
	case !now.Before(p.ValidTo):
		return "expired"
	}
	return "active"
}
