package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// codeLife is how long an authorization code is good:
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#successful-response
const codeLife = 10 * time.Minute

// maxGrants bounds codes and refresh tokens alike.
const maxGrants = 100000

// signInGrant is what a sign-in has proven, and for whom.
type signInGrant struct {
	account    *account
	app        *application
	tenant     string
	scopes     authScopes
	mfa        bool
	continuous bool
	at         time.Time // of the sign-in
	serial     uint64    // of the sign-in, for revocation
	family     *tokenFamily
}

// tokenFamily is everything that came of one sign-in.
type tokenFamily struct{ revoked bool }

// grantedCode is an authorization code, kept by its hash.
type grantedCode struct {
	signInGrant
	redirect, nonce   string
	challenge, method string
	clientInfo        bool
	issued            time.Time
	used              bool
}

// finish ends a sign-in: the browser remembers it, and the application gets
// its code.
func (s *entra) finish(w http.ResponseWriter, r *http.Request, f *flow) {
	delete(s.flows, f.id)
	tenant, problem := s.admit(f.req, f.account)
	if problem != nil {
		s.redirectError(w, r, f.req, problem)
		return
	}
	at, serial := s.now(), s.serial.Add(1)
	if x := s.session(f.browser, f.account); x != nil && !f.fresh {
		at, serial = x.at, x.serial
	}
	if f.fresh {
		s.remember(w, r, f)
	}
	code := newSecret("1.A", 64)
	if len(s.codes) >= maxGrants {
		clear(s.codes)
	}
	s.codes[hashSecret(code)] = &grantedCode{
		signInGrant: signInGrant{
			account: f.account, app: f.req.app, tenant: tenant, scopes: f.req.scopes, mfa: f.mfa,
			continuous: f.req.continuous, at: at, serial: serial, family: &tokenFamily{},
		},
		redirect: f.req.redirect, nonce: f.req.nonce, challenge: f.req.challenge, method: f.req.method,
		clientInfo: f.req.clientInfo, issued: s.now(),
	}
	values := url.Values{"code": {code}, "session_state": {newGUID()}}
	if f.req.clientInfo {
		values.Set("client_info", clientInfo(f.account))
	}
	sendBack(w, r, f.req, values)
}

// redirectError sends the browser back with an error.
func (s *entra) redirectError(w http.ResponseWriter, r *http.Request, req *authRequest, problem *stsError) {
	sendBack(w, r, req, problem.query(r, s.now()))
}

// sendBack answers in the mode that was asked for:
// https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html and
// https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
func sendBack(w http.ResponseWriter, r *http.Request, req *authRequest, values url.Values) {
	if req.state != "" {
		values.Set("state", req.state)
	}
	if req.mode == "form_post" {
		view := pageView{Title: "Sign in", Action: req.redirect, App: req.app.name}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			view.Hidden = append(view.Hidden, [2]string{name, values.Get(name)})
		}
		renderPage(w, http.StatusOK, "post", formPostPage, &view)
		return
	}
	u, err := url.Parse(req.redirect)
	if err != nil {
		http.Error(w, "azdo-emulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if u.Path == "" {
		u.Path = "/" // https://learn.microsoft.com/entra/identity-platform/reply-url
	}
	target := u.String()
	switch {
	case req.mode == "fragment":
		target += "#" + values.Encode()
	case u.RawQuery != "":
		target += "&" + values.Encode()
	default:
		target += "?" + values.Encode()
	}
	w.Header().Set("Location", target)
	writePage(w, http.StatusFound, "Object moved", "Go on to the application.")
}

// clientInfo names the account by its home, in base64url of JSON, as client
// libraries read it: https://github.com/AzureAD/microsoft-authentication-library-for-go
// (ClientInfo in tokens.go).
func clientInfo(a *account) string {
	data, _ := json.Marshal(map[string]string{"uid": a.oid, "utid": a.home}) // of strings: cannot fail
	return b64(data)
}
