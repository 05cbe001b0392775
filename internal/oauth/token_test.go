package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// replies makes a token endpoint that answers with JSON.
func replies(status int, v map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, v) }
}

// TestRefreshRotationO18: the new refresh token replaces the old one, the old
// one stays when there is no new one, and a token is sent once.
func TestRefreshRotationO18(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	c := p.client(nil)
	_, tokens := p.begin(t.Context(), c, SignIn{}).succeed()
	for i := 2; i < 5; i++ {
		old := tokens.Refresh
		var err error
		if tokens, err = c.Refresh(t.Context(), old, ""); err != nil {
			t.Fatal(err)
		}
		if !tokens.Rotated || tokens.Refresh.Equal(old) || tokens.Refresh.Reveal() != fmt.Sprint(canary, "-refresh-", i) || tokens.Identity.Account != account {
			t.Errorf("%d: %+v", i, tokens)
		}
		posts := p.tokenPosts()
		form := posts[len(posts)-1].PostForm
		if len(posts) != i || form.Get("refresh_token") != old.Reveal() || form.Get("client_id") != clientID || form.Get("scope") != "openid offline_access" || form.Has("claims") {
			t.Errorf("%d posts, the last: %v", len(posts), form)
		}
		// The old one is dead, and says so definitely.
		e := want(t, second(c.Refresh(t.Context(), old, "")), ErrSignIn)
		if e.Status != 400 || e.Code != "invalid_grant" || !slices.Equal(e.AADSTS, []int{700082}) || !strings.Contains(e.Advice(), "sign in again") {
			t.Errorf("%+v", e)
		}
		p.mu.Lock()
		p.posts = p.posts[:i]
		p.mu.Unlock()
	}
	used := tokens.Refresh
	for _, reply := range []map[string]any{{}, {"refresh_token": ""}, {"refresh_token": used.Reveal()}} {
		maps.Copy(reply, map[string]any{"access_token": "x", "token_type": "bearer"})
		p.setToken(replies(200, reply))
		tokens, err := c.Refresh(t.Context(), used, `{"access_token":{}}`)
		if err != nil || tokens.Rotated || !tokens.Refresh.Equal(used) || !tokens.Expires.IsZero() {
			t.Errorf("%v: %v, %+v", reply, err, tokens)
		}
	}
	posts := p.tokenPosts()
	if got := posts[len(posts)-1].PostForm.Get("claims"); got != `{"access_token":{}}` {
		t.Errorf("claims: %q", got)
	}
}

func second[T any](_ T, err error) error { return err }

// TestRefusalsO18: only what is definite is ErrSignIn, for that is what a
// caller gives a refresh token up for.
func TestRefusalsO18(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	c := p.client(nil)
	for _, tt := range []struct {
		status int
		code   string
		kind   error
	}{
		{400, "invalid_grant", ErrSignIn},
		{401, "invalid_grant", ErrSignIn},
		{200, "invalid_grant", ErrSignIn},
		{400, "interaction_required", ErrSignIn},
		{400, "consent_required", ErrSignIn},
		{400, "login_required", ErrSignIn},
		{503, "invalid_grant", ErrTemporary},
		{429, "invalid_grant", ErrTemporary},
		{302, "invalid_grant", ErrReply},
		{400, "temporarily_unavailable", ErrTemporary},
		{500, "server_error", ErrTemporary},
		{401, "invalid_client", ErrRefused},
		{400, "unauthorized_client", ErrRefused},
		{400, "invalid_resource", ErrRefused},
		{400, "invalid_scope", ErrRefused},
		{400, "something_new", ErrRefused},
		{400, "access_denied", ErrDenied},
		{400, "", ErrReply},
		{500, "", ErrTemporary},
		{408, "", ErrTemporary},
	} {
		p.setToken(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			writeJSON(w, tt.status, map[string]any{"error": tt.code, "error_description": "for " + r.PostForm.Get("refresh_token")})
		})
		before := len(p.tokenPosts())
		e := want(t, second(c.Refresh(t.Context(), secret(canary+"-old"), "")), tt.kind)
		if e.Kind != tt.kind || e.RetryAfter != 7*time.Second || e.Status != tt.status || len(p.tokenPosts()) != before+1 {
			t.Errorf("%d %s: %+v", tt.status, tt.code, e)
		}
	}
	p.setToken(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	before := len(p.tokenPosts())
	want(t, second(c.Refresh(t.Context(), secret(canary+"-old"), "")), ErrNetwork)
	if len(p.tokenPosts()) != before+1 {
		t.Error("the refresh token was sent again after a lost answer")
	}
	for _, bad := range []cred.Secret{{}, secret(""), secret(canary + "\n"), secret(canary + strings.Repeat("x", maxToken))} {
		want(t, second(c.Refresh(t.Context(), bad, "")), ErrSignIn)
	}
	if len(p.tokenPosts()) != before+1 {
		t.Error("something that is no token was sent")
	}
}

// TestErrorDetails reads all that Entra puts into an error.
func TestErrorDetails(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	reply := map[string]any{
		"error": "interaction_required", "suberror": "basic_action", "error_codes": []int{50076, 50079}, "timestamp": "2026-11-20 12:00:00Z",
		"error_description": "AADSTS50079: Due to a configuration change ...\x1b[2J Trace ID: x Correlation ID: 33333333-3333-3333-3333-333333333333",
		"trace_id":          "44444444-4444-4444-4444-444444444444", "claims": `{"access_token":{"capolids":{"essential":true}}}`,
	}
	p.setToken(replies(400, reply))
	e := want(t, second(p.client(nil).Refresh(t.Context(), secret(canary), "")), ErrSignIn)
	if e.Suberror != "basic_action" || e.Claims != reply["claims"] || !slices.Equal(e.AADSTS, []int{50079, 50076}) || e.CorrelationID != "33333333-3333-3333-3333-333333333333" {
		t.Errorf("%+v", e)
	}
	if s := e.Error(); strings.ContainsAny(s, "\x1b\n") || !strings.Contains(s, "(interaction_required, AADSTS50079, AADSTS50076, HTTP 400)") || !strings.Contains(s, "[correlation 3333") {
		t.Error(s)
	}
	// Nonsense in the finer fields does not hide the error itself.
	maps.Copy(reply, map[string]any{"error_codes": []string{"x"}, "claims": "no", "correlation_id": "no", "error_description": "no"})
	e = want(t, second(p.client(nil).Refresh(t.Context(), secret(canary), "")), ErrSignIn)
	if e.Claims != "" || e.AADSTS != nil || e.CorrelationID != "" {
		t.Errorf("%+v", e)
	}
}

// TestTokenValuesP23: a token that could be taken for something else is none.
func TestTokenValuesP23(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	c := p.client(nil)
	bad := map[string]string{
		"line feed": canary + "\nhost=evil", "carriage return": canary + "\r", "NUL": canary + "\x00", "escape": canary + "\x1b[2J", "blank": canary + " x",
		"too long": canary + strings.Repeat("x", maxToken), "1 MiB": canary + strings.Repeat("x", 1<<20), "not ASCII": canary + "é", "DEL": canary + "\x7f",
	}
	for name, value := range bad {
		for _, field := range []string{"access_token", "refresh_token", "id_token"} {
			reply := map[string]any{"access_token": canary, "token_type": "Bearer", "refresh_token": canary}
			reply[field] = value
			p.setToken(replies(200, reply))
			if tokens, err := c.Refresh(t.Context(), secret("used"), ""); err == nil || tokens.Access.IsSet() || tokens.Refresh.IsSet() {
				t.Errorf("%s %s: taken", name, field)
			} else {
				want(t, err, ErrReply)
			}
		}
	}
	for name, reply := range map[string]map[string]any{
		"no access token":     {"token_type": "Bearer"},
		"empty access token":  {"token_type": "Bearer", "access_token": ""},
		"no type":             {"access_token": canary},
		"type DPoP":           {"access_token": canary, "token_type": "DPoP"},
		"a number as a token": {"access_token": 1, "token_type": "Bearer"},
		"negative life":       {"access_token": canary, "token_type": "Bearer", "expires_in": -1},
		"life in words":       {"access_token": canary, "token_type": "Bearer", "expires_in": "soon"},
		"life without end":    {"access_token": canary, "token_type": "Bearer", "expires_in": "Inf"},
		"life is an object":   {"access_token": canary, "token_type": "Bearer", "expires_in": map[string]any{}},
		"id token of parts":   {"access_token": canary, "token_type": "Bearer", "id_token": canary + ".x"},
		"id token of noise":   {"access_token": canary, "token_type": "Bearer", "id_token": canary + ".!!.x"},
	} {
		p.setToken(replies(200, reply))
		if tokens, err := c.Refresh(t.Context(), secret("used"), ""); err == nil || tokens.Access.IsSet() {
			t.Errorf("%s: taken", name)
		} else {
			want(t, err, ErrReply)
		}
	}
	longest := strings.Repeat("x", maxToken)
	p.setToken(replies(200, map[string]any{"access_token": longest, "token_type": "Bearer"}))
	if tokens, err := c.Refresh(t.Context(), secret("used"), ""); err != nil || tokens.Access.Reveal() != longest {
		t.Error(err)
	}
}

func TestLifeAndSkew(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	c := p.client(nil)
	for raw, life := range map[string]time.Duration{
		`3599`: 3599 * time.Second, `"3599"`: 3599 * time.Second, `3599.0`: 3599 * time.Second, `0`: 0,
		`1e99`: maxLife, `9223372036854775807`: maxLife,
	} {
		p.setToken(replies(200, map[string]any{"access_token": "x", "token_type": "Bearer", "expires_in": json.RawMessage(raw)}))
		tokens, err := c.Refresh(t.Context(), secret("used"), "")
		if err != nil || !tokens.Expires.Equal(testNow.Add(life)) {
			t.Errorf("%s: %v, %v", raw, tokens.Expires, err)
		}
	}
	for _, tt := range []struct{ date, skew time.Duration }{{0, 0}, {time.Hour, time.Hour}, {-time.Hour, -time.Hour}} {
		p.setToken(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Date", testNow.Add(tt.date).Format(http.TimeFormat))
			_, _ = w.Write([]byte("\xef\xbb\xbf" + `{"access_token":"x","token_type":"Bearer","expires_in":60,"scope":"a  b"}`))
		})
		tokens, err := c.Refresh(t.Context(), secret("used"), "")
		if err != nil || tokens.Skew != tt.skew || !tokens.Expires.Equal(testNow.Add(time.Minute)) || !slices.Equal(tokens.Scopes, []string{"a", "b"}) {
			t.Errorf("%v: %+v, %v", tt.date, tokens, err)
		}
	}
	// A provider that does not say what it granted has granted what was asked.
	p.setToken(replies(200, map[string]any{"access_token": "x", "token_type": "Bearer"}))
	if tokens, err := c.Refresh(t.Context(), secret("used"), ""); err != nil || !slices.Equal(tokens.Scopes, p.provider().Scopes) {
		t.Errorf("%+v, %v", tokens, err)
	}
}

// TestNoClientSecretO21: we authenticate with nothing, because we are public.
func TestNoClientSecretO21(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	c := p.client(nil)
	_, tokens := p.begin(t.Context(), c, SignIn{}).succeed()
	if _, err := c.Refresh(t.Context(), tokens.Refresh, ""); err != nil {
		t.Fatal(err)
	}
	for _, r := range p.tokenPosts() {
		for name := range r.PostForm {
			if strings.HasPrefix(name, "client_") && name != "client_id" {
				t.Errorf("%s was sent", name)
			}
		}
		if r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" || r.UserAgent() != "patrol/1.2.3" || len(r.Cookies()) > 0 {
			t.Errorf("%v %v", r.URL, r.Header)
		}
	}
}

// TestAccountO22: who signed in is known, and another than the one asked for is
// turned away.
func TestAccountO22(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	for _, asked := range []string{"", account, strings.ToUpper(account)} {
		w := p.begin(t.Context(), p.client(nil), SignIn{Account: asked, Prompt: "select_account"})
		if q := w.authorize.Query(); q.Get("login_hint") != asked || q.Get("prompt") != "select_account" {
			t.Errorf("%v", q)
		}
		if _, tokens := w.succeed(); tokens.Identity.Account != account {
			t.Errorf("%+v", tokens.Identity)
		}
	}
	for name, claims := range map[string]map[string]any{"another": nil, "nobody": {"preferred_username": ""}, "upn": {"preferred_username": "", "upn": "eve@x"}} {
		p.claims = claims
		w := p.begin(t.Context(), p.client(nil), SignIn{Account: "grace@contoso.example"})
		v := read(p.server.Client().Get(w.answer(nil)))
		r := w.end()
		want(t, r.err, ErrAccount)
		if r.tokens.Access.IsSet() || r.tokens.Refresh.IsSet() || v.status == 200 || !strings.Contains(v.body, "Another account signed in") {
			t.Errorf("%s: %+v", name, v)
		}
	}
	p.claims = map[string]any{"preferred_username": nil, "upn": nil, "email": "ada@mail", "name": "A\u200dd\u202ea\n"}
	if _, tokens := p.begin(t.Context(), p.client(nil), SignIn{}).succeed(); tokens.Identity.Account != "ada@mail" || tokens.Identity.Name != "Ada" {
		t.Errorf("%+v", tokens.Identity)
	}
}

// TestDowngradeO23: neither PKCE nor the nonce can be left out by the provider,
// and an identity token is ours, fresh, and of this sign-in.
func TestDowngradeO23(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	for _, methods := range []any{nil, []string{}, []string{"plain"}, []string{"s256"}} {
		p.metadata = map[string]any{"code_challenge_methods_supported": methods}
		want(t, second(Discover(t.Context(), p.config(), p.server.URL)), ErrNoPKCE)
	}
	for name, claims := range map[string]map[string]any{
		"no nonce": {"nonce": ""}, "other nonce": {"nonce": "AAAA"}, "other issuer": {"iss": "https://evil.example"}, "no issuer": {"iss": ""},
		"other application": {"aud": "other"}, "other applications": {"aud": []string{"a", "b"}}, "no application": {"aud": nil},
		"expired": {"exp": testNow.Add(-time.Hour).Unix()}, "no expiry": {"exp": nil}, "strange expiry": {"exp": -1e300},
		"control characters": {"preferred_username": "ada\nhost=evil"}, "endless name": {"sub": strings.Repeat("x", 2000)},
	} {
		p.claims = claims
		w := p.begin(t.Context(), p.client(nil), SignIn{})
		v := read(p.server.Client().Get(w.answer(nil)))
		want(t, w.end().err, ErrReply)
		if v.status != 400 {
			t.Errorf("%s: %d", name, v.status)
		}
	}
	p.claims = map[string]any{"aud": []string{"other", clientID}, "exp": testNow.Add(-time.Minute).Unix()}
	p.begin(t.Context(), p.client(nil), SignIn{}).succeed()
	// Without openid there is no identity to be had, and none to be checked.
	p.claims = nil
	_, tokens := p.begin(t.Context(), p.client(func(p *Provider) { p.Scopes = []string{"api"} }), SignIn{}).succeed()
	if tokens.Identity.Account != account {
		t.Errorf("%+v", tokens.Identity)
	}
}

// TestPastedAnswerO17: the address the browser was sent to is worth nothing
// where somebody talks a person into pasting it: the verifier stays here.
func TestPastedAnswerO17(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	victim := p.begin(t.Context(), p.client(nil), SignIn{})
	thief := p.begin(t.Context(), p.client(nil), SignIn{})
	code := p.code(victim.authorize.Query())
	_ = read(p.server.Client().Get(thief.answer(map[string][]string{"code": {code}})))
	e := want(t, thief.end().err, ErrSignIn)
	if e.Code != "invalid_grant" {
		t.Error(e)
	}
	victim.stillWaiting("the theft")
}

func TestJWTPadding(t *testing.T) {
	t.Parallel()
	payload, _ := json.Marshal(map[string]any{"sub": "1234"})
	for _, token := range []string{
		"e30." + base64.RawURLEncoding.EncodeToString(payload) + ".x", "e30." + base64.URLEncoding.EncodeToString(payload) + ".",
	} {
		if c, err := decodeJWT(token); err != nil || c.Subject != "1234" {
			t.Error(token, err)
		}
	}
	if _, err := decodeJWT("e30.e30"); err == nil {
		t.Error("two parts are a JWT")
	}
}

func TestErrorIs(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	e := &Error{Kind: ErrNetwork, Op: "x", Err: cause}
	if !errors.Is(e, ErrNetwork) || !errors.Is(e, cause) || errors.Is(e, ErrSignIn) {
		t.Error(e)
	}
}
