package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authRequest is a checked authorization request:
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code
type authRequest struct {
	realm        realm
	app          *application
	redirect     string
	mode         string // of the response: query, fragment, form_post
	state, nonce string
	scopes       authScopes
	challenge    string // of PKCE (RFC 7636); may be empty
	method       string // S256 or plain
	prompt       []string
	hint         string // of the sign-in name
	continuous   bool   // the client can take claims challenges ("cp1")
	clientInfo   bool
	passThrough  bool // a first-party client that takes personal accounts
}

// asks reports whether the request has a word in its prompt parameter.
func (a *authRequest) asks(prompt string) bool { return slices.Contains(a.prompt, prompt) }

// serveAuthorize begins a sign-in, or ends it at once where nothing is to be
// asked. Until client and redirect are known to be good, errors stay on a
// page; then they go to the redirect (RFC 6749, 4.1.2.1).
func (s *entra) serveAuthorize(w http.ResponseWriter, r *http.Request, rlm realm) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		s.errorPage(w, r, malformed(), nil)
		return
	}
	req, problem := s.newAuthRequest(r.Form, rlm)
	if problem != nil {
		s.errorPage(w, r, problem, nil)
		return
	}
	if problem := req.read(r.Form); problem != nil {
		s.redirectError(w, r, req, problem)
		return
	}
	b := s.browserOf(w, r)
	if req.asks("none") {
		s.answerSilently(w, r, req, b)
		return
	}
	f := s.newFlow(req, b)
	s.proceed(w, r, f)
}

// newAuthRequest checks who is asking and where the answer would go.
func (s *entra) newAuthRequest(form url.Values, rlm realm) (*authRequest, *stsError) {
	id := strings.ToLower(form.Get("client_id"))
	if id == "" {
		return nil, missing("client_id")
	}
	app, problem := s.client(id, rlm)
	if problem != nil {
		return nil, problem
	}
	redirect := form.Get("redirect_uri")
	if redirect == "" && len(app.redirects) == 1 {
		redirect = app.redirects[0]
	}
	if !app.redirect(redirect) {
		return nil, sts(50011, errInvalidRequest, "The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.", printable(redirect), app.id)
	}
	mode := cmpOr(form.Get("response_mode"), "query")
	if !slices.Contains([]string{"query", "fragment", "form_post"}, mode) {
		return nil, sts(70007, errInvalidRequest, "'%s' is not a supported value of 'response_mode' when requesting a token.", printable(mode))
	}
	return &authRequest{realm: rlm, app: app, redirect: redirect, mode: mode, state: form.Get("state"), nonce: form.Get("nonce")}, nil
}

// client finds an application that may be used in a realm.
func (s *entra) client(id string, rlm realm) (*application, *stsError) {
	app := s.dir.apps[id]
	place := cmpOr(rlm.tenant, rlm.path)
	if t := s.dir.tenant(rlm.tenant); t != nil {
		place = t.name
	}
	switch {
	case app == nil, app.audience == audienceOne && rlm.tenant != "" && rlm.tenant != app.home:
		return nil, sts(700016, errUnauthorizedClient, "Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", printable(id), place)
	case app.audience == audienceOne && rlm.tenant == "":
		return nil, sts(50194, errInvalidRequest, "Application '%s'(%s) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such applications created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.", app.id, app.name)
	}
	return app, nil
}

// read takes the rest of the parameters.
func (a *authRequest) read(form url.Values) *stsError {
	switch kind := form.Get("response_type"); {
	case kind == "":
		return missing("response_type")
	case kind != "code":
		return sts(70005, errUnsupportedResponse, "response_type '%s' is not supported for the application.", printable(kind))
	}
	var problem *stsError
	if a.scopes, problem = parseScopes(form.Get("scope"), a.app, a.realm.path); problem != nil {
		return problem
	}
	if problem := a.readChallenge(form); problem != nil {
		return problem
	}
	a.prompt = strings.Fields(form.Get("prompt"))
	for _, word := range a.prompt {
		if !slices.Contains([]string{"login", "none", "consent", "select_account", "create"}, word) || word == "none" && len(a.prompt) > 1 {
			return sts(90023, errInvalidRequest, "Unsupported 'prompt' value.")
		}
	}
	a.hint = form.Get("login_hint")
	a.clientInfo = form.Get("client_info") == "1"
	a.passThrough = a.app.firstParty && form.Get("msal_request_type") == "consumer_passthrough"
	a.continuous, problem = readClaims(form.Get("claims"))
	return problem
}

// readChallenge reads PKCE (RFC 7636, 4.3), which is not demanded, but
// checked where it is used.
func (a *authRequest) readChallenge(form url.Values) *stsError {
	a.challenge, a.method = form.Get("code_challenge"), cmpOr(form.Get("code_challenge_method"), "plain")
	switch {
	case a.challenge == "" && form.Get("code_challenge_method") == "":
		return nil
	case len(a.challenge) < 43 || len(a.challenge) > 128:
		return sts(50147, errInvalidRequest, "Invalid size of Code_Challenge parameter.")
	case a.method != "S256" && a.method != "plain":
		return sts(50148, errInvalidRequest, "Invalid Code_Challenge_method parameter.")
	}
	return nil
}

// readClaims reads the claims parameter (OpenID Connect Core, 5.5) and finds
// whether the client declares to understand claims challenges:
// https://learn.microsoft.com/entra/identity-platform/claims-challenge
func readClaims(text string) (continuous bool, problem *stsError) {
	if text == "" {
		return false, nil
	}
	var claims struct {
		AccessToken struct {
			Capabilities struct {
				Values []string `json:"values"`
			} `json:"xms_cc"`
		} `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &claims); err != nil {
		return false, malformed()
	}
	return containsFold(claims.AccessToken.Capabilities.Values, "cp1"), nil
}
