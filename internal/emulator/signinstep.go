package emulator

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// Defaults of smart lockout; see TenantPolicy.
const (
	defaultLockAfter = 10
	defaultLockFor   = time.Minute
)

// maxWrongCodes ends a sign-in.
const maxWrongCodes = 5

// serveLogin takes a page of a sign-in that somebody has filled in. The page
// must be the one now due, in the browser that began, with the page's own
// token: a form on another site cannot send one.
func (s *entra) serveLogin(w http.ResponseWriter, r *http.Request, rlm realm) {
	if r.Method != http.MethodPost {
		writePage(w, http.StatusMethodNotAllowed, "Sign in", "Begin at the application that sent you here.")
		return
	}
	f := s.flows[r.PostForm.Get("flow")]
	if f == nil || s.now().Sub(f.began) > flowLife || f.browser != s.knownBrowser(r) || f.req.realm.path != rlm.path {
		s.errorPage(w, r, sts(50089, errInvalidRequest, "Authentication failed due to flow token expired. Go back to the application and begin again."), nil)
		return
	}
	due, problem := s.next(f)
	if f.problem != nil {
		due, problem = stepBlocked, f.problem
	}
	if subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(f.csrf)) != 1 || step(r.PostForm.Get("step")) != due {
		if due == stepBlocked {
			s.errorPage(w, r, problem, f)
			return
		}
		s.show(w, r, f, due, "That page was out of date. Please go on here.")
		return
	}
	if r.PostForm.Get("action") == "cancel" {
		s.cancel(w, r, f, problem)
		return
	}
	if take, ok := steps()[due]; ok {
		if message := take(s, f, r); message != "" {
			s.show(w, r, f, due, message)
			return
		}
	}
	if f.problem != nil {
		s.errorPage(w, r, f.problem, f)
		return
	}
	s.proceed(w, r, f)
}

// steps maps a page to what takes it. Each returns what is wrong, or nothing.
func steps() map[step]func(*entra, *flow, *http.Request) string {
	return map[step]func(*entra, *flow, *http.Request) string{
		stepPick:     (*entra).takePick,
		stepEmail:    (*entra).takeEmail,
		stepPassword: (*entra).takePassword,
		stepCode:     (*entra).takeCode,
		stepConsent:  (*entra).takeConsent,
		stepStay:     (*entra).takeStay,
	}
}

// cancel sends the browser back without a token.
func (s *entra) cancel(w http.ResponseWriter, r *http.Request, f *flow, problem *stsError) {
	delete(s.flows, f.id)
	if problem == nil {
		problem = sts(65004, errAccessDenied, "User declined to consent to access the app.").sub("cancel")
	}
	problem.kind = errAccessDenied
	s.redirectError(w, r, f.req, problem)
}

func (s *entra) takePick(f *flow, r *http.Request) string {
	f.pick = false
	if a := s.dir.account(r.PostForm.Get("account")); a != nil {
		if x := s.session(f.browser, a); x != nil {
			f.adopt(x)
		}
		return ""
	}
	f.email = ""
	return ""
}

func (s *entra) takeEmail(f *flow, r *http.Request) string {
	f.email = strings.TrimSpace(r.PostForm.Get("loginfmt"))
	switch a := s.dir.account(f.email); {
	case !strings.Contains(f.email, "@"):
		return "Enter a valid email address."
	case a == nil:
		return "We couldn't find an account with that username. (AADSTS50034)"
	default:
		f.account = a
	}
	return ""
}

func (s *entra) takePassword(f *flow, r *http.Request) string {
	if r.PostForm.Get("action") == "other" {
		f.account, f.email, f.pick = nil, "", len(s.live(f.browser)) > 0
		return ""
	}
	a := f.account
	switch {
	case a.isLocked(s.now()):
		return textLocked
	case !a.checkPassword(r.PostForm.Get("passwd")):
		return s.wrongTry(a, "Your account or password is incorrect. (AADSTS50126)")
	case a.disabled:
		return "Your account has been disabled. (AADSTS50057)"
	}
	f.password, f.fresh = true, true
	if tenant, _ := s.admit(f.req, a); !s.wantsFactor(a, tenant) {
		a.wrong = 0
	}
	return ""
}

const textLocked = "Your account is temporarily locked to prevent unauthorized use. Try again later. (AADSTS50053)"

// wrongTry counts a wrong password or code, and locks the account when there
// are too many. Only a whole sign-in sets the count back.
func (s *entra) wrongTry(a *account, message string) string {
	p := s.policies.tenant(a.home)
	after, life := p.LockAfter, time.Duration(p.LockFor)
	if after == 0 {
		after = defaultLockAfter
	}
	if life == 0 {
		life = defaultLockFor
	}
	if a.wrong++; a.wrong >= after {
		a.wrong, a.lockedUntil = 0, s.now().Add(life)
		return textLocked
	}
	return message
}

func (s *entra) takeCode(f *flow, r *http.Request) string {
	a := f.account
	if a.isLocked(s.now()) {
		return textLocked
	}
	code := strings.ReplaceAll(r.PostForm.Get("otc"), " ", "")
	counter, ok := checkTOTP(a.totp, code, s.now(), a.totpUsed)
	if ok {
		a.totpUsed, a.wrong, f.mfa, f.fresh = counter, 0, true, true
		return ""
	}
	if f.wrong++; f.wrong >= maxWrongCodes {
		f.problem = sts(50074, errInteraction, "Strong authentication is required and the user did not pass the MFA challenge.")
		return ""
	}
	return s.wrongTry(a, "You didn't enter the expected verification code. Please try again. (AADSTS500121)")
}

func (s *entra) takeConsent(f *flow, r *http.Request) string {
	if r.PostForm.Get("action") != "accept" {
		return "Accept or cancel."
	}
	f.consent = true
	for _, name := range f.req.scopes.names {
		f.account.consents[f.req.app.id+" "+name] = true
	}
	return ""
}

func (s *entra) takeStay(f *flow, r *http.Request) string {
	f.stay, f.stayed = r.PostForm.Get("action") == "yes", true
	return ""
}
