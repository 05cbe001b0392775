package azdo

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

const (
	patID  = "3d3aca0c-9ad3-4b07-8334-08ec8b1ddc32"
	made   = "4ab5764f-4193-4f1d-b995-64144880b7d7"
	shop   = "38aaa865-2c70-4bf7-a308-0c6539c38c1a"
	action = "5f3c1e8a-1111-4222-8333-444455556666" // the activity id of reply
)

var (
	entra = Bearer(cred.NewSecret(canary))
	ask   = PATRequest{DisplayName: "new_token", Scopes: []string{"app_token"}, Expires: at("2020-12-01T23:46:23.319Z")}
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// exampleToken is the one in Microsoft's example of a new token.
func exampleToken() string { return "dip55dwf4vpitomw63jzvomefm" + "i2jluguprzwwqwuc6xq4fhocwq" }

// example is one of Microsoft's published exchanges.
type example struct {
	Method     string         `json:"x-ms-vss-request-method"`
	Parameters map[string]any `json:"parameters"`
	Responses  map[string]struct {
		Body json.RawMessage `json:"body"`
	} `json:"responses"`
}

func readExample(t *testing.T, name string) (e example) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "pats", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "@TOKEN@", exampleToken())), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// serve answers the example's request with the example's answer.
func (e example) serve(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body any
		if text, _ := io.ReadAll(r.Body); len(text) > 0 {
			if err := json.Unmarshal(text, &body); err != nil {
				t.Error(err)
			}
		}
		if r.Method != e.Method || !reflect.DeepEqual(body, e.Parameters["body"]) {
			t.Errorf("%s %v; the example is %s %v", r.Method, body, e.Method, e.Parameters["body"])
		}
		for status, answer := range e.Responses {
			if status == "204" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			reply(200, jsonType, "\xef\xbb\xbf"+string(answer.Body), "Retry-After", "7")(w, r)
		}
	}
}

// patClient is a client of a service that answers with handler.
func patClient(t *testing.T, handler http.HandlerFunc) (*Client, *farm) {
	t.Helper()
	f := newFarm(t, handler, nil)
	return f.client(f.settings(), 0), f
}

// TestPATExamples replays what Microsoft published: request and answer.
func TestPATExamples(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	analytics := PATRecord{
		AuthorizationID: patID, DisplayName: "analytics_token", Scopes: []string{"vso.analytics"},
		Created: at("2020-10-29T17:26:46.72Z"), Expires: at("2020-12-01T23:46:23.32Z"), Organizations: []string{shop}, RetryAfter: 7 * time.Second,
	}
	created := PATRecord{
		AuthorizationID: made, DisplayName: "new_token", Scopes: []string{"app_token"},
		Created: at("2020-11-02T22:56:52.1033333Z"), Expires: at("2020-12-01T23:46:23.32Z"), Organizations: []string{shop}, RetryAfter: 7 * time.Second,
	}
	for name, tt := range map[string]struct {
		query string
		run   func(*Client) (any, error)
		want  any
	}{
		"CreatePat.json": {"", func(c *Client) (any, error) {
			got, err := c.CreatePAT(ctx, "fabrikam", entra, ask)
			if got.Secret.Reveal() != exampleToken() {
				t.Error("another secret")
			}
			return got.PATRecord, err
		}, created},
		// The example asks for another token than it gets. We do not.
		"GetPat.json": {"authorizationId=" + patID, func(c *Client) (any, error) {
			return c.GetPAT(ctx, "fabrikam", entra, strings.ToUpper(patID))
		}, analytics},
		"ListPats.json": {"%24top=100&displayFilterOption=all", func(c *Client) (any, error) {
			list, err := c.ListPATs(ctx, "fabrikam", entra, FilterAll)
			if len(list.Records) != 4 || !list.Records[0].Global || list.Records[0].Organizations != nil || list.Records[1].Global {
				t.Errorf("%+v", list)
			}
			list.Records = list.Records[2:]
			return list, err
		}, PATList{[]PATRecord{without(created), without(analytics)}, 7 * time.Second}},
		"UpdatePat.json": {"", func(c *Client) (any, error) {
			return c.UpdatePAT(ctx, "fabrikam", entra, patID, PATRequest{
				DisplayName: "updated_token", Scopes: []string{"vso.analytics"}, Expires: at("2020-12-25T23:46:23.3199Z"), AllOrganizations: true,
			})
		}, PATRecord{
			AuthorizationID: patID, DisplayName: "updated_token", Scopes: []string{"vso.analytics"},
			Created: at("2020-10-29T17:26:46.72Z"), Expires: at("2020-12-25T23:46:23.32Z"), Global: true, RetryAfter: 7 * time.Second,
		}},
		"RevokePat.json": {"authorizationId=" + patID, func(c *Client) (any, error) { return c.RevokePAT(ctx, "fabrikam", entra, patID) }, time.Duration(0)},
	} {
		t.Run(name, func(t *testing.T) {
			c, f := patClient(t, readExample(t, name).serve(t))
			got, err := tt.run(c)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, %v\nwant %+v", got, err, tt.want)
			}
			requests, connects := f.seen()
			if len(requests) != 1 || len(connects) != 1 || connects[0].Host != "vssps.dev.azure.com:443" {
				t.Fatalf("%d requests, connects %v", len(requests), connects)
			}
			r := requests[0]
			if r.Host != "vssps.dev.azure.com" || r.URL.Path != "/fabrikam/_apis/tokens/pats" || r.URL.RawQuery != tt.query {
				t.Errorf("%s %s", r.Host, r.RequestURI)
			}
			if r.Header.Get("Authorization") != "Bearer "+canary || r.Header.Get("Accept") != "application/json;api-version=7.1-preview.1" {
				t.Error(r.Header)
			}
		})
	}
}

// without is r as it is in a list.
func without(r PATRecord) PATRecord {
	r.RetryAfter = 0
	return r
}

// patCalls are the five calls, without their results.
var patCalls = map[string]func(*Client, context.Context, string, Auth) error{
	"create": func(c *Client, ctx context.Context, org string, auth Auth) error {
		_, err := c.CreatePAT(ctx, org, auth, ask)
		return err
	},
	"get": func(c *Client, ctx context.Context, org string, auth Auth) error {
		_, err := c.GetPAT(ctx, org, auth, patID)
		return err
	},
	"list": func(c *Client, ctx context.Context, org string, auth Auth) error {
		_, err := c.ListPATs(ctx, org, auth, FilterActive)
		return err
	},
	"update": func(c *Client, ctx context.Context, org string, auth Auth) error {
		_, err := c.UpdatePAT(ctx, org, auth, patID, ask)
		return err
	},
	"revoke": func(c *Client, ctx context.Context, org string, auth Auth) error {
		_, err := c.RevokePAT(ctx, org, auth, patID)
		return err
	},
}

func reads(verb string) bool { return verb == "get" || verb == "list" }

// TestPATAnswers: what every call makes of answers that are none. read and
// change are the kinds for calls that only read and for those that change.
func TestPATAnswers(t *testing.T) {
	t.Parallel()
	const html = "text/html; charset=utf-8"
	drop := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}
	cutOff := func(w http.ResponseWriter, r *http.Request) {
		reply(200, jsonType, `{"patToken":`, "Content-Length", "500")(w, r)
	}
	for _, tt := range []struct {
		name         string
		handler      http.HandlerFunc
		read, change error
		wait         time.Duration
	}{
		{"203 N05", reply(203, html, "<html>Sign in"), ErrRefused, ErrRefused, 0},
		{"200, HTML N05", reply(200, html, "<html>Sign in"), ErrRefused, ErrRefused, 0},
		{"200, HTML, empty", reply(200, html, ""), ErrRefused, ErrRefused, 0},
		{"302 to _signin N05", reply(302, html, "", "Location", "https://spsprod1.vssps.visualstudio.com/_signin?realm=vssps.dev.azure.com"), ErrRefused, ErrRefused, 0},
		{"302 elsewhere N01", reply(302, html, "", "Location", "https://evil.example/"), ErrReply, ErrReply, 0},
		{"307 elsewhere N01", reply(307, html, "", "Location", "https://evil.example/"), ErrReply, ErrReply, 0},
		{"401", reply(401, jsonType, `{"message":"TF400813"}`), ErrRefused, ErrRefused, 0},
		{"401, the token quoted", echo, ErrRefused, ErrRefused, 0},
		{"403", reply(403, jsonType, `{"message":"VS403463"}`), ErrForbidden, ErrForbidden, 0},
		{"400", reply(400, jsonType, `{"message":"VssVersionOutOfRange"}`), ErrReply, ErrReply, 0},
		{"429", reply(429, jsonType, "{}", "Retry-After", "12"), ErrThrottled, ErrThrottled, 12 * time.Second},
		{"503, come back", reply(503, html, "<html>", "Retry-After", "12"), ErrThrottled, ErrThrottled, 12 * time.Second},
		{"503, stopped", reply(503, jsonType, `{"message":"TF24668: stopped"}`), ErrStopped, ErrStopped, 0},
		{"503, of a gateway", reply(503, html, "<html>"), ErrThrottled, ErrUnknownOutcome, 0},
		{"500", reply(500, jsonType, `{"message":"TF1"}`), ErrReply, ErrUnknownOutcome, 0},
		{"502", reply(502, html, "<html>"), ErrReply, ErrUnknownOutcome, 0},
		{"200, text", reply(200, "text/plain", "ok"), ErrReply, ErrUnknownOutcome, 0},
		{"200, cut", reply(200, jsonType, `{"patToken":{`), ErrReply, ErrUnknownOutcome, 0},
		{"200, array", reply(200, jsonType, "[]"), ErrReply, ErrUnknownOutcome, 0},
		{"200, something else", reply(200, jsonType, `{"blocked":true}`), ErrReply, ErrUnknownOutcome, 0},
		{"200, huge", reply(200, jsonType, strings.Repeat(" ", maxBody+1)), ErrReply, ErrUnknownOutcome, 0},
		{"200, not gzip", reply(200, jsonType, "not gzip at all", "Content-Encoding", "gzip"), ErrReply, ErrUnknownOutcome, 0},
		{"202, empty", reply(202, jsonType, ""), ErrReply, ErrUnknownOutcome, 0},
		{"200, broken off", cutOff, ErrNetwork, ErrUnknownOutcome, 0},
		{"dropped after the request", drop, ErrNetwork, ErrUnknownOutcome, 0},
	} {
		for verb, do := range patCalls {
			t.Run(tt.name+", "+verb, func(t *testing.T) {
				t.Parallel()
				c, f := patClient(t, tt.handler)
				err := do(c, context.Background(), "contoso", entra)
				want := tt.change
				if reads(verb) {
					want = tt.read
				}
				var e *Error
				if !errors.As(err, &e) || e.Kind != want || e.RetryAfter != tt.wait || e.AuthorizationID != "" {
					t.Fatalf("%v; want %v", err, want)
				}
				if want == ErrUnknownOutcome && errors.Is(err, ErrNetwork) {
					t.Error("an unknown outcome is also a plain network error")
				}
				harmless(t, err)
				if requests, _ := f.seen(); len(requests) != 1 {
					t.Errorf("%d requests", len(requests))
				}
			})
		}
	}
}

// TestPATNoAnswer: who stops waiting does not know what became of a change.
func TestPATNoAnswer(t *testing.T) {
	t.Parallel()
	for verb, do := range patCalls {
		ctx, cancel := context.WithCancel(context.Background())
		c, _ := patClient(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		})
		want := ErrUnknownOutcome
		if reads(verb) {
			want = ErrNetwork
		}
		if err := do(c, ctx, "contoso", entra); !errors.Is(err, want) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

func TestPAT404(t *testing.T) {
	t.Parallel()
	c, _ := patClient(t, reply(404, jsonType, `{"message":"none"}`))
	for verb, do := range patCalls {
		want := ErrNotFound
		if verb == "create" || verb == "list" {
			want = ErrNoOrganization
		}
		if err := do(c, context.Background(), "contoso", entra); !errors.Is(err, want) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

// TestPATNotSent: what breaks before there is a connection is no unknown outcome.
func TestPATNotSent(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for name, tt := range map[string]struct {
		spoil func(*farm, *Settings)
		ctx   context.Context
		kind  error
	}{
		"proxy refuses":     {func(f *farm, _ *Settings) { f.refuse = 403 }, context.Background(), ErrProxy},
		"proxy is down":     {func(_ *farm, s *Settings) { s.Proxy = "http://" + closed.Addr().String() }, context.Background(), ErrProxy},
		"site is down":      {func(f *farm, _ *Settings) { f.target = closed.Addr().String() }, context.Background(), ErrProxy},
		"no TLS in time":    {func(f *farm, _ *Settings) { f.target = silent.Addr().String() }, context.Background(), ErrNetwork},
		"other authority":   {func(_ *farm, s *Settings) { s.CAFile = newAuthority(t).file }, context.Background(), ErrTLS},
		"no authority":      {func(_ *farm, s *Settings) { s.CAFile = "/no/such.pem" }, context.Background(), ErrTLS},
		"cancelled already": {func(*farm, *Settings) {}, gone, ErrNetwork},
	} {
		for verb, do := range patCalls {
			t.Run(name+", "+verb, func(t *testing.T) {
				t.Parallel()
				f := newFarm(t, reply(200, jsonType, "{}"), nil)
				s := f.settings()
				tt.spoil(f, &s)
				timeout := MaxTimeout
				if name == "no TLS in time" {
					timeout = 300 * time.Millisecond
				}
				err := do(f.client(s, timeout), tt.ctx, "contoso", entra)
				var e *Error
				if !errors.As(err, &e) || e.Kind != tt.kind {
					t.Errorf("%v; want %v", err, tt.kind)
				}
				harmless(t, err)
				if requests, _ := f.seen(); len(requests) != 0 {
					t.Errorf("%d requests", len(requests))
				}
			})
		}
	}
}

// TestPATLateAlert: with TLS 1.3 the server may refuse after the handshake, when
// the request is on its way. Nobody can tell that from a connection that broke.
func TestPATLateAlert(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, "{}"), func(c *tls.Config, _ *authority) { c.ClientAuth = tls.RequireAnyClientCert })
	if _, err := f.client(f.settings(), 0).CreatePAT(context.Background(), "contoso", entra, ask); !errors.Is(err, ErrUnknownOutcome) {
		t.Error(err)
	}
}

// TestPATNeverTwice N01: what was sent on a connection that turns out to be
// closed is not sent again on another.
func TestPATNeverTwice(t *testing.T) {
	t.Parallel()
	drop := make(chan bool, 1)
	drop <- false
	c, f := patClient(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if <-drop {
			panic(http.ErrAbortHandler)
		}
		reply(200, jsonType, createReply(`},"patTokenError":"none"}`))(w, r)
	})
	for _, kind := range []error{nil, ErrUnknownOutcome} {
		if _, err := c.CreatePAT(context.Background(), "contoso", entra, ask); !errors.Is(err, kind) {
			t.Errorf("%v; want %v", err, kind)
		}
		drop <- true
	}
	if requests, connects := f.seen(); len(requests) != 2 || len(connects) != 1 {
		t.Errorf("%d requests on %d connections", len(requests), len(connects))
	}
}

func TestOtherToken(t *testing.T) {
	t.Parallel()
	c, _ := patClient(t, reply(200, jsonType, createReply(`},"patTokenError":"none"}`)))
	if _, err := c.GetPAT(context.Background(), "contoso", entra, patID); !errors.Is(err, ErrReply) {
		t.Error(err)
	}
	if _, err := c.UpdatePAT(context.Background(), "contoso", entra, patID, ask); !errors.Is(err, ErrUnknownOutcome) {
		t.Error(err)
	}
	// A secret where there should be none is not handed on.
	if got, err := c.GetPAT(context.Background(), "contoso", entra, made); err != nil || strings.Contains(fmt.Sprintf("%+v", got), exampleToken()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRevokePAT(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		wait    time.Duration
		kind    error
	}{
		"204":                {reply(204, "", "", "Retry-After", "9"), 9 * time.Second, nil},
		"200, empty":         {reply(200, "", "", "Retry-After", "9"), 9 * time.Second, nil},
		"200, JSON, empty":   {reply(200, jsonType, " \r\n"), 0, nil},
		"200, BOM":           {reply(200, jsonType, "\xef\xbb\xbf"), 0, nil},
		"200, {}":            {reply(200, jsonType, " {} "), 0, nil},
		"200, null":          {reply(200, jsonType, "null"), 0, nil},
		"200, none":          {reply(200, jsonType, `{"patToken":null,"patTokenError":"none"}`), 0, nil},
		"200, gone already":  {reply(200, jsonType, `{"patTokenError":"authorizationNotFound"}`), 0, ErrNoToken},
		"200, denied":        {reply(200, jsonType, `{"patTokenError":"accessDenied"}`), 0, ErrDeclined},
		"200, HTML N05":      {reply(200, "text/html", "<html>Sign in"), 0, ErrRefused},
		"200, text":          {reply(200, "text/plain", "ok"), 0, ErrUnknownOutcome},
		"200, another JSON":  {reply(200, jsonType, `{"count":0}`), 0, ErrUnknownOutcome},
		"404":                {reply(404, jsonType, `{}`), 0, ErrNotFound},
		"404, nothing there": {reply(404, "text/html", `<html>`), 0, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := patClient(t, tt.handler)
			wait, err := c.RevokePAT(context.Background(), "contoso", entra, patID)
			if wait != tt.wait || tt.kind == nil && err != nil || tt.kind != nil && !errors.Is(err, tt.kind) {
				t.Errorf("%v, %v", wait, err)
			}
			if requests, _ := f.seen(); len(requests) != 1 || requests[0].Method != http.MethodDelete || requests[0].ContentLength != 0 {
				t.Error(requests)
			}
		})
	}
}
