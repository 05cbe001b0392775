package oauth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

// FuzzAuthorizeResponse: whatever a request brings, only the state lets it in,
// and no page repeats it.
func FuzzAuthorizeResponse(f *testing.F) {
	const state = "0123456789abcdef0123456789abcdef0123456789a"
	for _, q := range []string{
		"", "code=x&state=" + state, "code=x&state=" + state + "&state=y", "error=access_denied&state=" + state, "state=" + state,
		"code=%00&state=" + state, "iss=https://a&code=x&state=" + state, "%zz", "a;b", "error=<script>&error_description=%1b&state=" + state,
	} {
		f.Add(q)
	}
	tr := &transaction{redirect: &url.URL{Scheme: "http", Host: "localhost:1", Path: "/"}, state: state, page: "/result/x"}
	p := Provider{Issuer: "https://a"}
	f.Fuzz(func(t *testing.T, query string) {
		r, err := tr.readResponse(query)
		q, parseErr := url.ParseQuery(query)
		if right := parseErr == nil && slices.Equal(q["state"], []string{state}); err == nil && !right {
			t.Fatalf("%q was let in", query)
		}
		if err != nil {
			return
		}
		err = r.check(p)
		if code := r.code.Reveal(); err == nil && (code == "" || r.refused != "" || r.issuer != "" && r.issuer != p.Issuer || strings.ContainsAny(code, "\r\n\x00")) {
			t.Fatalf("%q was accepted", query)
		}
		if err != nil && cred.Escape(err.Error()) != err.Error() && len(err.Error()) < 400 {
			t.Fatalf("%q is shown as %q", query, err)
		}
		rec := httptest.NewRecorder()
		o := outcome{account: r.description, err: err}
		writePage(rec, o.status(), o.page())
		inert(t, visit{body: rec.Body.String()})
	})
}

// FuzzTokenResponse: whatever a server sends, tokens are usable or there are
// none, and an error shows none.
func FuzzTokenResponse(f *testing.F) {
	for _, b := range []string{
		`{"access_token":"a","token_type":"Bearer","expires_in":3599,"refresh_token":"r","scope":"x y"}`,
		`{"access_token":"a","token_type":"bearer","expires_in":"3599","id_token":"` + jwt(map[string]any{"iss": "https://a", "aud": []string{"x"}, "exp": 1e18}) + `"}`,
		`{"error":"invalid_grant","error_description":"AADSTS50076: x","error_codes":[50076],"claims":"{}"}`, "\xef\xbb\xbf{}", "null", "[]", "", `{"expires_in":{}}`,
	} {
		f.Add(200, "application/json", b)
		f.Add(400, "application/json; charset=utf-8", b)
	}
	f.Fuzz(func(t *testing.T, status int, media, body string) {
		used := cred.NewSecret("used-refresh-token")
		a := &answer{status: status, header: http.Header{"Content-Type": {media}}, body: []byte(body), asked: testNow, call: call{op: "try", confidential: []cred.Secret{used}}}
		tokens, err := a.tokens(expected{provider: Provider{Issuer: "https://a", ClientID: "x"}, refresh: used})
		if err != nil {
			if tokens.Access.IsSet() || tokens.Refresh.IsSet() {
				t.Fatal("tokens and an error")
			}
			if s := err.Error(); strings.ContainsAny(s, "\r\n\x00\x1b") || strings.Contains(s, used.Reveal()) {
				t.Fatalf("%q", s)
			}
			return
		}
		for _, s := range []string{tokens.Access.Reveal(), tokens.Refresh.Reveal()} {
			if s == "" || len(s) > maxToken || !visible(s) {
				t.Fatalf("token %q", s)
			}
		}
		if status != 200 || tokens.Expires.Before(testNow) && !tokens.Expires.IsZero() || tokens.Expires.After(testNow.Add(maxLife)) || !printable(tokens.Identity.Account) {
			t.Fatalf("%d: %+v", status, tokens)
		}
	})
}

// FuzzChallenges: no header makes the reader fail or invent anything.
func FuzzChallenges(f *testing.F) {
	for _, s := range []string{"Bearer", `Bearer a="b\"c", Basic realm=x`, `Bearer authorization_uri=https://login.microsoftonline.com/` + tenantA, "=", `"`, "Bearer claims=e30,error=insufficient_claims"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, c := range challenges([]string{value}) {
			if c.scheme == "" || !strings.Contains(value, c.scheme) {
				t.Fatalf("%q has the scheme %q", value, c.scheme)
			}
		}
		if ids, err := tenants(http.Header{"Www-Authenticate": {value}}); err == nil {
			for _, id := range ids {
				if guid(id) != id || !strings.Contains(strings.ToLower(value), id) && !strings.Contains(value, "%") && !strings.Contains(value, `\`) {
					t.Fatalf("%q names %q", value, id)
				}
			}
		}
		ClaimsChallenge(http.Header{"Www-Authenticate": {value}})
	})
}
