package azdo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

const ada = `{"authenticatedUser":{"id":"8C8C7D32-6B1B-47F4-B2E9-30B477B5AB3D",
 "descriptor":"Microsoft.IdentityModel.Claims.ClaimsIdentity;1b6b4f6e-3f0a-4a3f-9b8e-0d6f2a8c1e11\\ada@contoso.com",
 "subjectDescriptor":"aad.OGM4YzdkMzI","providerDisplayName":"Ada","isActive":true,
 "properties":{"Account":{"$type":"System.String","$value":"ada@contoso.com"}},"resourceVersion":2,"metaTypeId":0},
 "authorizedUser":{"id":"8c8c7d32-6b1b-47f4-b2e9-30b477b5ab3d"},"instanceId":"a1b2c3d4-0000-4000-8000-000000000001",
 "deploymentType":"hosted","new":{"field":[1]}}`

const jsonType = "application/json; charset=utf-8; api-version=7.2-preview.1"

// reply is a handler that answers with one text.
func reply(status int, contentType, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("ActivityId", "5f3c1e8a-1111-4222-8333-444455556666")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestConnection(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, "\xef\xbb\xbf"+ada, "Retry-After", "7"), nil)
	got, err := f.connection()
	want := Connection{
		UserID: "8c8c7d32-6b1b-47f4-b2e9-30b477b5ab3d", Account: "ada@contoso.com", DisplayName: "Ada",
		Tenant: "1b6b4f6e-3f0a-4a3f-9b8e-0d6f2a8c1e11", SubjectDescriptor: "aad.OGM4YzdkMzI",
		InstanceID: "a1b2c3d4-0000-4000-8000-000000000001", RetryAfter: 7 * time.Second,
	}
	if err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	requests, connects := f.seen()
	if len(requests) != 1 || len(connects) != 1 || connects[0].Host != "dev.azure.com:443" {
		t.Fatalf("%d requests, connects %v", len(requests), connects)
	}
	r := requests[0]
	if r.Method != "GET" || r.Host != "dev.azure.com" || r.RequestURI != "/contoso/_apis/connectionData?connectOptions=None&lastChangeId=-1&lastChangeId64=-1" {
		t.Errorf("%s %s %s", r.Method, r.Host, r.RequestURI)
	}
	for name, want := range map[string]string{
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+canary)), "User-Agent": "patrol/1.2.3",
		"Accept": "application/json;api-version=7.2-preview.1", "X-Tfs-Fedauthredirect": "Suppress", "Cookie": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if connects[0].Header.Get("Authorization") != "" || connects[0].Header.Get("Proxy-Authorization") != "" {
		t.Error("the proxy was given a credential")
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	if _, err := f.client(f.settings(), 0).Connection(context.Background(), "contoso", Bearer(cred.NewSecret(canary))); err != nil {
		t.Fatal(err)
	}
	if requests, _ := f.seen(); requests[0].Header.Get("Authorization") != "Bearer "+canary {
		t.Error(requests[0].Header)
	}
}

// TestAnswers has one row for every way the service, or something posing as it,
// does not simply answer.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const html = "text/html; charset=utf-8"
	expired := "Access Denied: The Personal Access Token used has expired."
	anonymousData := strings.ReplaceAll(ada, "8C8C7D32-6B1B-47F4-B2E9-30B477B5AB3D", "AAAAAAAA-aaaa-aaaa-aaaa-aaaaaaaaaaaa")
	without := func(old, with string) string { return strings.ReplaceAll(ada, old, with) }
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		kind    error
		message string
		wait    time.Duration
	}{
		{"401", reply(401, jsonType, `{"message":"TF400813: not authorized"}`), ErrRefused, "TF400813: not authorized", 0},
		{"401, header encoded", reply(401, html, "<html>", "X-TFS-ServiceError", "TF400813%3A+Resource+not+available"), ErrRefused, "TF400813: Resource not available", 0},
		{"401, expired", reply(401, html, "", "X-TFS-ServiceError", expired), ErrExpired, expired, 0},
		{"401, expired, encoded", reply(401, html, "", "X-TFS-ServiceError", "Access+Denied%3A+The+Personal+Access+Token+used+has+expired."), ErrExpired, expired, 0},
		{"401, expired, body, BOM", reply(401, jsonType, "\xef\xbb\xbf{\"message\":\""+expired+"\"}"), ErrExpired, expired, 0},
		{"203 N05", reply(203, html, "<html>Sign in"), ErrRefused, "", 0},
		{"203, JSON", reply(203, jsonType, ada), ErrRefused, "", 0},
		{"200, HTML N05", reply(200, html, "<html>Sign in"), ErrRefused, "", 0},
		{"302 to _signin N05", reply(302, html, "", "Location", "https://app.vssps.visualstudio.com/_signin?realm=dev.azure.com"), ErrRefused, "", 0},
		{"302 elsewhere", reply(302, html, "", "Location", "https://evil.example/x"), ErrReply, "", 0},
		{"anonymous", reply(200, jsonType, anonymousData), ErrRefused, "", 0},
		{"403", reply(403, jsonType, `{"message":"VS403463: conditional access"}`), ErrForbidden, "VS403463: conditional access", 0},
		{"404", reply(404, html, "<html>"), ErrNoOrganization, "", 0},
		{"407", reply(407, html, "<html>"), ErrProxy, "", 0},
		{"429, seconds", reply(429, jsonType, `{"message":"TF400733"}`, "Retry-After", "120"), ErrThrottled, "TF400733", 2 * time.Minute},
		{"429, date", reply(429, jsonType, "{}", "Retry-After", testNow.Add(90*time.Second).Format(http.TimeFormat)), ErrThrottled, "", 90 * time.Second},
		{"429, date past", reply(429, jsonType, "{}", "Retry-After", testNow.Add(-time.Hour).Format(http.TimeFormat)), ErrThrottled, "", 0},
		{"429, nonsense", reply(429, jsonType, "{}", "Retry-After", "-5"), ErrThrottled, "", 0},
		{"429, for ever", reply(429, jsonType, "{}", "Retry-After", "18446744073709551615"), ErrThrottled, "", 24 * time.Hour},
		{"503", reply(503, html, "<html>", "Retry-After", "5"), ErrThrottled, "", 5 * time.Second},
		{"503, stopped", reply(503, jsonType, `{"message":"TF24668: The following team project collection is stopped"}`), ErrStopped, "TF24668: The following team project collection is stopped", 0},
		{"500", reply(500, jsonType, `{"message":"TF1"}`), ErrReply, "TF1", 0},
		{"502, HTML", reply(502, html, "<html>"), ErrReply, "", 0},
		{"400, HTML", reply(400, html, "<html>"), ErrReply, "", 0},
		{"200, no type", reply(200, "", ada), ErrReply, "", 0},
		{"200, text", reply(200, "text/plain", ada), ErrReply, "", 0},
		{"200, empty", reply(200, jsonType, ""), ErrReply, "", 0},
		{"200, cut", reply(200, jsonType, ada[:100]), ErrReply, "", 0},
		{"200, more after", reply(200, jsonType, ada+"x"), ErrReply, "", 0},
		{"200, array", reply(200, jsonType, "[]"), ErrReply, "", 0},
		{"200, deep", reply(200, jsonType, strings.Repeat("[", 100000)), ErrReply, "", 0},
		{"200, id is no GUID", reply(200, jsonType, without("8C8C7D32-6B1B-47F4", "../../../../xxxxxx")), ErrReply, "", 0},
		{"200, no instance", reply(200, jsonType, without("instanceId", "other")), ErrReply, "", 0},
		{"200, line end in the account", reply(200, jsonType, without(`"ada@`, `"a\npassword=x@`)), ErrReply, "", 0},
		{"200, override in the name", reply(200, jsonType, without(`"Ada"`, `"A\u202eda"`)), ErrReply, "", 0},
		{"control characters", reply(401, jsonType, `{"message":"\u001b[2J\u009b\u202e\r\nfake"}`), ErrRefused, "\x1b[2J\u009b\u202e\r\nfake", 0},
		{"the token quoted", echo, ErrRefused, "[secret] [secret]", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t, tt.handler, nil)
			conn, err := f.connection()
			var e *Error
			if !errors.As(err, &e) || e.Kind != tt.kind || conn != (Connection{}) {
				t.Fatalf("%+v, %v", conn, err)
			}
			if e.Message != tt.message || e.RetryAfter != tt.wait || e.Status == 0 {
				t.Errorf("message %q, wait %v, status %d", e.Message, e.RetryAfter, e.Status)
			}
			if errors.Is(err, ErrRefused) != (tt.kind == ErrRefused || tt.kind == ErrExpired) || errors.Is(err, ErrExpired) != (tt.kind == ErrExpired) {
				t.Errorf("Is does not agree: %v", err)
			}
			if e.ActivityID != "5f3c1e8a-1111-4222-8333-444455556666" || !strings.Contains(err.Error(), e.ActivityID) {
				t.Errorf("activity %q in %v", e.ActivityID, err)
			}
			harmless(t, err)
			if requests, _ := f.seen(); len(requests) != 1 {
				t.Errorf("%d requests", len(requests))
			}
		})
	}
}

// TestPost sends a body, whole and with its length.
func TestPost(t *testing.T) {
	t.Parallel()
	f := newFarm(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		reply(200, jsonType, fmt.Sprintf(`{"got":%q,"length":%d,"type":%q}`, body, r.ContentLength, r.Header.Get("Content-Type")))(w, r)
	}, nil)
	var got struct {
		Got, Type string
		Length    int
	}
	req := call{op: "test", method: http.MethodPost, url: "https://dev.azure.com/x", version: "7.2", auth: PAT(cred.NewSecret(canary)), body: map[string]int{"a": 1}}
	if _, err := f.client(f.settings(), 0).do(context.Background(), req, &got); err != nil || got.Got != `{"a":1}` || got.Length != 7 || got.Type != "application/json" {
		t.Errorf("%+v, %v", got, err)
	}
}

// echo quotes the credential, plain and as sent.
func echo(w http.ResponseWriter, r *http.Request) {
	sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
	plain, _ := base64.StdEncoding.DecodeString(sent)
	body, _ := json.Marshal(map[string]string{"message": strings.TrimPrefix(string(plain), ":") + " " + sent})
	reply(401, jsonType, string(body))(w, r)
}

// harmless checks that no way of printing err, or what is below it, shows a
// secret, and that it does not move the cursor.
func harmless(t *testing.T, err error) {
	t.Helper()
	if s := err.Error(); strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f || r == '\u202e' }) {
		t.Errorf("%q", s)
	}
	for todo := []error{err}; len(todo) > 0; todo = todo[1:] {
		e := todo[0]
		all := fmt.Sprintf("%v|%+v|%s|%q|%#v", e, e, e, e, e)
		if strings.Contains(all, canary) || strings.Contains(all, base64.StdEncoding.EncodeToString([]byte(":" + canary))[4:]) {
			t.Errorf("the secret is in %T", e)
		}
		switch e := e.(type) {
		case interface{ Unwrap() []error }:
			todo = append(todo, e.Unwrap()...)
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				todo = append(todo, inner)
			}
		}
	}
}

// TestRedirectsN01: a redirect is an answer, not an instruction.
func TestRedirectsN01(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"https://evil.example/", "https://dev.azure.com:444/", "http://dev.azure.com/contoso", "file:///etc/passwd", "/contoso/elsewhere", "", "::"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				t.Run(fmt.Sprint(status, method, to), func(t *testing.T) {
					t.Parallel()
					f := newFarm(t, reply(status, "text/plain", "", "Location", to), nil)
					req := call{op: "test", method: method, url: "https://dev.azure.com/contoso/x", version: "7.2-preview.1", auth: PAT(cred.NewSecret(canary))}
					if method == http.MethodPost {
						req.body = map[string]string{"token": canary}
					}
					_, err := f.client(f.settings(), 0).do(context.Background(), req, &struct{}{})
					if !errors.Is(err, ErrReply) {
						t.Error(err)
					}
					harmless(t, err)
					requests, connects := f.seen()
					if len(requests) != 1 || len(connects) != 1 {
						t.Errorf("%d requests, %d connections", len(requests), len(connects))
					}
				})
			}
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	f := newFarm(t, reply(200, jsonType, ada), nil)
	c := f.client(f.settings(), 0)
	pat := PAT(cred.NewSecret(canary))
	for _, name := range []string{"", "-a", "a-", "a/b", "a?b", "a#b", "..", "a%2fb", "a b", "\u00e4", "a\n", "a@b", "a.b", "a_b", strings.Repeat("a", 51)} {
		if _, err := c.Connection(context.Background(), name, pat); !errors.Is(err, ErrOrganizationName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, secret := range []cred.Secret{{}, cred.NewSecret(""), cred.NewSecret(canary + "\r\nX: y"), cred.NewSecret(canary + " "), cred.NewSecret("\u00e4" + canary)} {
		for _, auth := range []Auth{PAT(secret), Bearer(secret), {}} {
			_, err := c.Connection(context.Background(), "contoso", auth)
			if !errors.Is(err, ErrNoCredential) {
				t.Error(err)
			}
			harmless(t, err)
		}
	}
	if requests, connects := f.seen(); len(requests)+len(connects) != 0 {
		t.Errorf("%d requests, %d connections", len(requests), len(connects))
	}
	for _, name := range []string{"contoso", "C0ntoso-2", "1", strings.Repeat("a", 50)} {
		if !ValidOrganization(name) {
			t.Errorf("%q is refused", name)
		}
	}
}

// TestAuthPrints: the credential is printed by no verb.
func TestAuthPrints(t *testing.T) {
	t.Parallel()
	auth := PAT(cred.NewSecret(canary))
	all := fmt.Sprintf("%v %+v %#v %v", auth, auth, auth, reflect.ValueOf(auth))
	//lint:ignore SA9005 that nothing of it is encoded is the point
	if encoded, err := json.Marshal(auth); err != nil || strings.Contains(all+string(encoded), canary) {
		t.Error(all, err)
	}
}
