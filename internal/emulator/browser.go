package emulator

import (
	"net/http"
	"slices"
	"time"
)

// browserCookie names a browser. What it is signed in to is on our side.
const browserCookie = "EmulatorBrowser"

// browserLife is how long "stay signed in" lasts; the documented default of
// persistent sessions is 90 days:
// https://learn.microsoft.com/entra/identity/authentication/concepts-azure-multi-factor-authentication-prompts-session-lifetime
const browserLife = 90 * 24 * time.Hour

// browser is somebody's browser, as its cookie shows.
type browser struct {
	hash     secretHash
	sessions []*session
}

// session is one account signed in to a browser.
type session struct {
	account *account
	mfa     bool
	at      time.Time
	serial  uint64
	stay    bool
}

// browserOf finds the browser of a request, or makes one and sends its cookie.
func (s *entra) browserOf(w http.ResponseWriter, r *http.Request) *browser {
	if b := s.knownBrowser(r); b != nil {
		return b
	}
	value := newSecret("", 24)
	b := &browser{hash: hashSecret(value)}
	if len(s.browsers) >= maxLogged {
		clear(s.browsers)
	}
	s.browsers[b.hash] = b
	setSecureCookie(w, browserCookie, value, 0)
	return b
}

// knownBrowser finds the browser of a request by its cookie.
func (s *entra) knownBrowser(r *http.Request) *browser {
	cookie, err := r.Cookie(browserCookie)
	if err != nil {
		return nil
	}
	return s.browsers[hashSecret(cookie.Value)]
}

// setSecureCookie sends a cookie that no script and no other site can use.
// life 0 is until the browser closes; negative deletes it.
func setSecureCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second),
	})
}

// live lists the sessions that are still good: not after a password change,
// a revocation, or the time that they may last.
func (s *entra) live(b *browser) []*session {
	if b == nil {
		return nil
	}
	b.sessions = slices.DeleteFunc(b.sessions, func(x *session) bool {
		life := 24 * time.Hour
		if x.stay {
			life = browserLife
		}
		return x.account.disabled || x.serial < x.account.validFrom || s.now().Sub(x.at) > life
	})
	return b.sessions
}

// session finds the session of an account.
func (s *entra) session(b *browser, a *account) *session {
	for _, x := range s.live(b) {
		if x.account == a {
			return x
		}
	}
	return nil
}

// remember puts a finished sign-in into the browser, replacing an older one.
// Staying signed in is the browser's: its cookie then outlives it.
func (s *entra) remember(w http.ResponseWriter, r *http.Request, f *flow) {
	b := f.browser
	b.sessions = slices.DeleteFunc(b.sessions, func(x *session) bool { return x.account == f.account })
	b.sessions = append(b.sessions, &session{account: f.account, mfa: f.mfa, at: s.now(), serial: s.serial.Add(1), stay: f.stay})
	if cookie, err := r.Cookie(browserCookie); err == nil && f.stay {
		setSecureCookie(w, browserCookie, cookie.Value, browserLife)
	}
}

// serveLogout signs a browser out of everything.
func (s *entra) serveLogout(w http.ResponseWriter, r *http.Request, _ realm) {
	if b := s.knownBrowser(r); b != nil {
		delete(s.browsers, b.hash)
	}
	setSecureCookie(w, browserCookie, "", -time.Second)
	writePage(w, http.StatusOK, "Signed out", "You signed out. You may close this page.")
}
