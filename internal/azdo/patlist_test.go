package azdo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patNumber is the nth of many tokens, as JSON.
func patNumber(n int) string {
	return fmt.Sprintf(`{"authorizationId":"00000000-0000-4000-8000-%012d","displayName":"t%d","scope":"vso.code","validTo":"2026-12-01T00:00:00Z",`+
		`"validFrom":"2026-11-01T00:00:00Z","targetAccounts":null,"token":null}`, n, n)
}

// pageOf is one page with the tokens first to last.
func pageOf(next string, first, last int) string {
	var tokens []string
	for n := first; n <= last; n++ {
		tokens = append(tokens, patNumber(n))
	}
	quoted, _ := json.Marshal(next)
	return `{"continuationToken":` + string(quoted) + `,"patTokens":[` + strings.Join(tokens, ",") + `]}`
}

func names(list PATList) (got []string) {
	for _, r := range list.Records {
		got = append(got, r.DisplayName)
	}
	return got
}

// TestListPages: every page repeats the filter, the token comes back as it was,
// and what is on two pages is one.
func TestListPages(t *testing.T) {
	t.Parallel()
	const second, third = "a b+c&displayFilterOption=revoked", "ä=\"%"
	c, f := patClient(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("continuationToken") {
		case "":
			reply(200, jsonType, pageOf(second, 1, 3))(w, r)
		case second:
			reply(200, jsonType, pageOf(third, 3, 4))(w, r)
		case third:
			reply(200, jsonType, pageOf("", 5, 5), "Retry-After", "40")(w, r)
		}
	})
	for _, filter := range []PATFilter{FilterActive, FilterExpired, FilterRevoked, FilterAll} {
		before, _ := f.seen()
		list, err := c.ListPATs(context.Background(), "contoso", entra, filter)
		if err != nil || !reflect.DeepEqual(names(list), []string{"t1", "t2", "t3", "t4", "t5"}) || list.RetryAfter != 40*time.Second {
			t.Errorf("%s: %v, %v, %v", filter, names(list), list.RetryAfter, err)
		}
		all, _ := f.seen()
		if len(all)-len(before) != 3 {
			t.Errorf("%s: %d requests", filter, len(all)-len(before))
		}
		for _, r := range all[len(before):] {
			if q := r.URL.Query(); len(q["displayFilterOption"]) != 1 || q.Get("displayFilterOption") != string(filter) || q.Get("$top") != "100" {
				t.Error(r.RequestURI)
			}
		}
	}
}

func TestListEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		page  func(n int) string // the nth answer, from 0
		want  int                // requests
		kind  error
		names int
	}{
		"empty":                 {func(int) string { return `{"continuationToken":"","patTokens":[]}` }, 1, nil, 0},
		"empty, null":           {func(int) string { return `{"continuationToken":"","patTokens":null}` }, 1, nil, 0},
		"no continuation":       {func(int) string { return `{"patTokens":[` + patNumber(1) + `]}` }, 1, nil, 1},
		"continuation is null":  {func(int) string { return `{"continuationToken":null,"patTokens":[` + patNumber(1) + `]}` }, 1, nil, 1},
		"new fields":            {func(int) string { return `{"x":[{}],` + pageOf("", 1, 2)[1:] }, 1, nil, 2},
		"more than asked for":   {func(int) string { return pageOf("", 1, 150) }, 1, nil, 150},
		"empty page between":    {func(n int) string { return pageOf([]string{"a", "b", ""}[n], n, n-n%2) }, 3, nil, 2},
		"200 pages":             {func(n int) string { return pageOf(strings.Repeat("x", 199-n), n, n) }, 200, nil, 200},
		"endless":               {func(n int) string { return pageOf("p"+strconv.Itoa(n), n, n) }, 200, ErrReply, 0},
		"endless, nothing new":  {func(n int) string { return pageOf("p"+strconv.Itoa(n), 1, 0) }, 200, ErrReply, 0},
		"same again":            {func(int) string { return pageOf("a", 1, 1) }, 2, ErrReply, 0},
		"circle of three":       {func(n int) string { return pageOf("p"+strconv.Itoa(n%3), n, n) }, 4, ErrReply, 0},
		"long continuation":     {func(int) string { return pageOf(strings.Repeat("x", 5000), 1, 1) }, 1, ErrReply, 0},
		"no list":               {func(int) string { return `{"value":[],"count":0}` }, 1, ErrReply, 0},
		"a token without id":    {func(int) string { return strings.Replace(pageOf("", 1, 2), "00000000-0000", "x", 1) }, 1, ErrReply, 0},
		"a token without dates": {func(int) string { return strings.Replace(pageOf("", 1, 2), `"2026-12-01T00:00:00Z"`, `null`, 1) }, 1, nil, 2},
		"a token is null":       {func(int) string { return `{"continuationToken":"","patTokens":[null]}` }, 1, ErrReply, 0},
		"tokens are an object":  {func(int) string { return `{"continuationToken":"","patTokens":{}}` }, 1, ErrReply, 0},
		"the second page fails": {func(n int) string { return []string{pageOf("a", 1, 1), "["}[n] }, 2, ErrReply, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0 // requests come one after the other
			c, f := patClient(t, func(w http.ResponseWriter, r *http.Request) {
				reply(200, jsonType, tt.page(n))(w, r)
				n++
			})
			list, err := c.ListPATs(context.Background(), "contoso", entra, FilterAll)
			if (err == nil) != (tt.kind == nil) || err != nil && !errors.Is(err, tt.kind) || len(list.Records) != tt.names {
				t.Errorf("%v, %v", names(list), err)
			}
			if requests, _ := f.seen(); len(requests) != tt.want {
				t.Errorf("%d requests", len(requests))
			}
		})
	}
}

// TestListAnyName: one odd name, made in the portal, does not hide the rest.
func TestListAnyName(t *testing.T) {
	t.Parallel()
	c, _ := patClient(t, reply(200, jsonType, strings.Replace(pageOf("", 1, 2), `"t1"`, `"\u001b[2J\n\ud83d\udc69\u200d\ud83d\udcbb"`, 1)))
	list, err := c.ListPATs(context.Background(), "contoso", entra, FilterAll)
	if err != nil || !reflect.DeepEqual(names(list), []string{"\x1b[2J\n👩\u200d💻", "t2"}) {
		t.Errorf("%q, %v", names(list), err)
	}
}

// TestListWaits: the pause that the server asks for is made, within reason.
func TestListWaits(t *testing.T) {
	t.Parallel()
	paged := func(wait string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			next := "a"
			if r.URL.Query().Has("continuationToken") {
				next = ""
			}
			reply(200, jsonType, pageOf(next, 1, 1), "Retry-After", wait)(w, r)
		}
	}
	c, _ := patClient(t, paged("1"))
	start := time.Now()
	if _, err := c.ListPATs(context.Background(), "contoso", entra, FilterAll); err != nil || time.Since(start) < time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	c, _ = patClient(t, paged("31"))
	_, err := c.ListPATs(context.Background(), "contoso", entra, FilterAll)
	var e *Error
	if !errors.As(err, &e) || e.Kind != ErrThrottled || e.RetryAfter != 31*time.Second {
		t.Error(err)
	}
	c, _ = patClient(t, paged("30"))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := c.ListPATs(ctx, "contoso", entra, FilterAll); !errors.Is(err, ErrThrottled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func FuzzListPage(f *testing.F) {
	f.Add(pageOf("", 1, 2))
	f.Add(pageOf("a", 1, 0))
	f.Add(`{"continuationToken":null,"patTokens":[null]}`)
	f.Fuzz(func(t *testing.T, body string) {
		c, req, a := fuzzAnswer(200, body)
		var page patPage
		if err := c.decode(req, a, &page); err != nil {
			harmless(t, err)
			return
		}
		w := patWalk{pages: map[string]bool{}, ids: map[string]bool{}}
		if next, err := w.add(page); err == nil && next != "" {
			if _, err := w.add(page); err == nil {
				t.Error("the same page twice")
			}
		}
		for _, r := range w.list.Records {
			if r.AuthorizationID == "" || r.AuthorizationID != guid(r.AuthorizationID) {
				t.Errorf("%+v", r)
			}
		}
	})
}
