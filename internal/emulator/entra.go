package emulator

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// entra is the identity provider: login.microsoftonline.com. Its lock is held
// for each request as a whole, so that single-use things are used once.
type entra struct {
	dir      *directory
	policies *policies
	now      func() time.Time
	signer   *signer
	serial   atomic.Uint64 // of the last token issued

	mu       sync.Mutex
	browsers map[secretHash]*browser
	flows    map[string]*flow
	codes    map[secretHash]*grantedCode
	refresh  map[secretHash]*refreshToken
}

// newEntra builds the provider from a seed.
func newEntra(seed Seed, w *world, p *policies, now func() time.Time) (*entra, error) {
	dir, err := newDirectory(seed, w)
	if err != nil {
		return nil, err
	}
	return &entra{
		dir: dir, policies: p, now: now, signer: newSigner(),
		browsers: map[secretHash]*browser{}, flows: map[string]*flow{},
		codes: map[secretHash]*grantedCode{}, refresh: map[secretHash]*refreshToken{},
	}, nil
}

// realm is the first segment of a path: whose people sign in there. See
// https://learn.microsoft.com/entra/identity-platform/v2-protocols#endpoints
type realm struct {
	path   string
	tenant string // id; empty for common and organizations
}

// The realms that are no single tenant.
const (
	realmCommon        = "common"
	realmOrganizations = "organizations"
	realmConsumers     = "consumers"
)

// single reports whether the realm is one tenant of work accounts.
func (r realm) single() bool { return r.tenant != "" && r.tenant != consumerTenant }

// realmOf resolves a path segment.
func (s *entra) realmOf(segment string) (realm, *stsError) {
	switch name := strings.ToLower(segment); name {
	case realmCommon, realmOrganizations:
		return realm{path: name}, nil
	case realmConsumers, consumerTenant, transferTenant:
		return realm{path: name, tenant: consumerTenant}, nil
	}
	t := s.dir.tenant(segment)
	if t == nil {
		return realm{}, sts(90002, errInvalidRequest, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", printable(segment))
	}
	return realm{path: t.id, tenant: t.id}, nil
}

// serve answers a request for login.microsoftonline.com.
func (s *entra) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Ms-Request-Id", newGUID())
	r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
	if r.ParseForm() != nil { // before the lock: a client may be slow
		malformed().write(w, r, s.now())
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	segment, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	handle, ok := entraRoutes()[rest]
	if !ok {
		writePage(w, http.StatusNotFound, "Not Found", "The emulator has no such address.")
		return
	}
	rlm, problem := s.realmOf(segment)
	if problem != nil {
		s.refuseRealm(w, r, rest, problem)
		return
	}
	handle(s, w, r, rlm)
}

// entraRoutes maps what follows the realm to what it does.
func entraRoutes() map[string]func(*entra, http.ResponseWriter, *http.Request, realm) {
	return map[string]func(*entra, http.ResponseWriter, *http.Request, realm){
		"v2.0/.well-known/openid-configuration": (*entra).serveConfiguration,
		"discovery/v2.0/keys":                   (*entra).serveKeys,
		"discovery/instance":                    (*entra).serveInstance,
		"oauth2/v2.0/authorize":                 (*entra).serveAuthorize,
		"oauth2/v2.0/token":                     (*entra).serveToken,
		"oauth2/v2.0/logout":                    (*entra).serveLogout,
		"login":                                 (*entra).serveLogin,
	}
}

// refuseRealm answers for a tenant that does not exist, to people and to programs.
func (s *entra) refuseRealm(w http.ResponseWriter, r *http.Request, rest string, problem *stsError) {
	if rest == "oauth2/v2.0/authorize" || rest == "login" {
		s.errorPage(w, r, problem, nil)
		return
	}
	problem.write(w, r, s.now())
}
