package emulator

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Cookies of dev.azure.com: of a sign-in under way, and of a person signed in.
const (
	signInCookie  = "EmulatorSignIn"
	sessionCookie = "EmulatorSession"
)

// webSessionLife slides with each use, as the service's cookie does:
// https://learn.microsoft.com/azure/devops/organizations/accounts/faq-user-and-permissions-management
const webSessionLife = 7 * 24 * time.Hour

// webSignIn is a sign-in to the pages of dev.azure.com that has been sent to Entra.
type webSignIn struct {
	realm, verifier string
	back            string // path and query
	began           time.Time
}

// webSession is a person signed in to the pages of dev.azure.com.
type webSession struct {
	upn    string
	serial uint64
	used   time.Time
	csrf   string
	flash  flash
}

// flash is what the next page shows, once.
type flash struct {
	token, name string // a new token
	message     string
	bad         bool
}

// webSessions holds both.
type webSessions struct {
	mu       sync.Mutex
	signIns  map[secretHash]webSignIn
	sessions map[secretHash]*webSession
}

// beginWebSignIn sends a browser to Entra, to come back to a path. The state
// is bound to the browser by a cookie (RFC 6749, 10.12).
func (e *Emulator) beginWebSignIn(w http.ResponseWriter, o *organization, back string) {
	state := newSecret("", 24)
	in := webSignIn{realm: realmCommon, verifier: newSecret("", 32), back: back, began: e.Now()}
	if o != nil && !o.msa() {
		in.realm = o.tenant
	}
	e.web.mu.Lock()
	if e.web.signIns == nil || len(e.web.signIns) > maxFlows {
		e.web.signIns = map[secretHash]webSignIn{}
	}
	e.web.signIns[hashSecret(state)] = in
	e.web.mu.Unlock()
	setSecureCookie(w, signInCookie, state, 0)
	sum := sha256.Sum256([]byte(in.verifier))
	q := url.Values{
		"client_id": {azureDevOps}, "response_type": {"code"}, "redirect_uri": {"https://" + domainCore + signedInPath},
		"scope": {"openid profile"}, "state": {state}, "code_challenge": {b64(sum[:])}, "code_challenge_method": {"S256"},
	}
	w.Header().Set("Location", "https://"+hostEntra+"/"+in.realm+"/oauth2/v2.0/authorize?"+q.Encode())
	writePage(w, http.StatusFound, "Object moved", "Sign in first.")
}

// endWebSignIn takes the code that Entra sent back with a browser.
func (e *Emulator) endWebSignIn(w http.ResponseWriter, r *http.Request) {
	state := r.URL.Query().Get("state")
	cookie, err := r.Cookie(signInCookie)
	e.web.mu.Lock()
	in, ok := e.web.signIns[hashSecret(state)]
	if ok = ok && err == nil && cookie.Value == state && e.Now().Sub(in.began) < flowLife; ok {
		delete(e.web.signIns, hashSecret(state))
	}
	e.web.mu.Unlock()
	if !ok {
		writePage(w, http.StatusBadRequest, "Sign In", "This sign-in did not begin in this browser. Begin again.")
		return
	}
	setSecureCookie(w, signInCookie, "", -time.Second)
	if text := r.URL.Query().Get("error_description"); text != "" {
		writePage(w, http.StatusUnauthorized, "Sign In", text)
		return
	}
	upn, serial, problem := e.entra.redeemWeb(r.URL.Query().Get("code"), in)
	if problem != nil {
		writePage(w, http.StatusUnauthorized, "Sign In", problem.Error())
		return
	}
	value := newSecret("", 24)
	e.web.mu.Lock()
	if e.web.sessions == nil || len(e.web.sessions) > maxFlows {
		e.web.sessions = map[secretHash]*webSession{}
	}
	e.web.sessions[hashSecret(value)] = &webSession{upn: upn, serial: serial, used: e.Now(), csrf: newSecret("", 18)}
	e.web.mu.Unlock()
	setSecureCookie(w, sessionCookie, value, 0)
	w.Header().Set("Location", "https://"+domainCore+in.back)
	writePage(w, http.StatusFound, "Object moved", "You are signed in.")
}

// redeemWeb trades a code for the name of the person.
func (s *entra) redeemWeb(code string, in webSignIn) (upn string, serial uint64, problem *stsError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rlm, problem := s.realmOf(in.realm)
	if problem != nil {
		return "", 0, problem
	}
	reply, problem := s.token(url.Values{
		"client_id": {azureDevOps}, "grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {"https://" + domainCore + signedInPath}, "code_verifier": {in.verifier},
	}, rlm)
	if problem != nil {
		return "", 0, problem
	}
	var id idClaims
	if err := s.signer.verify(reply.IDToken, &id); err != nil {
		return "", 0, malformed()
	}
	return id.Username, s.serial.Add(1), nil
}

// serveSignIn is app.vssps.visualstudio.com/_signin, where refusals send
// browsers. It leads back only to dev.azure.com.
func (e *Emulator) serveSignIn(w http.ResponseWriter, r *http.Request) {
	back, err := url.Parse(r.URL.Query().Get("reply_to"))
	if err != nil || back.Scheme != "https" || !strings.EqualFold(back.Host, domainCore) {
		writePage(w, http.StatusOK, "Sign In", "This page stands where the service lets people sign in.")
		return
	}
	// The cookie that binds the state belongs to the host that is come back to.
	w.Header().Set("Location", "https://"+domainCore+"/_signin?"+url.Values{"reply_to": {back.String()}}.Encode())
	writePage(w, http.StatusFound, "Object moved", "Sign in.")
}

// serveCoreSignIn is its second half.
func (e *Emulator) serveCoreSignIn(w http.ResponseWriter, r *http.Request) {
	back, err := url.Parse(r.URL.Query().Get("reply_to"))
	if err != nil || back.Scheme != "https" || !strings.EqualFold(back.Host, domainCore) || !strings.HasPrefix(back.Path, "/") {
		writePage(w, http.StatusBadRequest, "Sign In", "There is no address to come back to.")
		return
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(back.Path, "/"), "/")
	e.beginWebSignIn(w, e.world.org(name), back.RequestURI())
}

// webSession finds who is signed in to a browser. Its fields but flash and
// used do not change.
func (e *Emulator) webSession(r *http.Request) *webSession {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	e.web.mu.Lock()
	defer e.web.mu.Unlock()
	x := e.web.sessions[hashSecret(cookie.Value)]
	if x == nil || e.Now().Sub(x.used) > webSessionLife || !e.entra.current(x.upn, x.serial) {
		return nil
	}
	x.used = e.Now()
	return x
}

// current reports whether what was issued to an account still counts.
func (s *entra) current(upn string, serial uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.dir.account(upn)
	return a != nil && !a.disabled && serial >= a.validFrom
}

// authenticateCookie is for somebody who looks at dev.azure.com with a
// browser: reading only, so that no other site can do anything.
func (e *Emulator) authenticateCookie(r *http.Request, o *organization) caller {
	c := caller{credential: CredentialNone, verdict: anonymous}
	if r.Method != http.MethodGet || isGit(r) {
		return c
	}
	x := e.webSession(r)
	if x == nil {
		return c
	}
	c = caller{credential: CredentialCookie, verdict: stranger, user: e.world.user(x.upn)}
	if c.user != nil && e.isMember(c.user, o) {
		c.verdict, c.scope = signedIn, scopeFull
	}
	return c
}

// leaveFlash keeps what the next page shows.
func (e *Emulator) leaveFlash(x *webSession, f flash) {
	e.web.mu.Lock()
	defer e.web.mu.Unlock()
	x.flash = f
}

// takeFlash takes it.
func (e *Emulator) takeFlash(x *webSession) flash {
	e.web.mu.Lock()
	defer e.web.mu.Unlock()
	f := x.flash
	x.flash = flash{}
	return f
}
