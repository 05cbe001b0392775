package emulator

import (
	"net/http"
	"slices"
	"time"
)

// step is one page of a sign-in.
type step string

// The pages, in the order in which people see them.
const (
	stepPick     step = "pick"
	stepEmail    step = "email"
	stepPassword step = "password"
	stepCode     step = "code"
	stepConsent  step = "consent"
	stepStay     step = "stay"
	stepBlocked  step = "blocked" // nothing but going back
	stepDone     step = "done"
)

// flowLife is how long a sign-in may take.
const flowLife = time.Hour

// maxFlows bounds the unfinished sign-ins.
const maxFlows = 1000

// flow is a sign-in under way in one browser.
type flow struct {
	id, csrf string // csrf is good for the page now shown
	browser  *browser
	req      *authRequest
	began    time.Time

	account  *account
	email    string // as typed, also of nobody
	pick     bool   // offer the browser's sessions
	password bool   // proven, here or by a session
	mfa      bool
	fresh    bool // something was proven here
	consent  bool // given here
	stay     bool
	stayed   bool // the question was answered
	wrong    int  // codes
	problem  *stsError
}

// newFlow begins a sign-in and uses what the browser is signed in to, unless
// the request says otherwise.
func (s *entra) newFlow(req *authRequest, b *browser) *flow {
	if len(s.flows) >= maxFlows {
		clear(s.flows)
	}
	f := &flow{id: newSecret("", 18), browser: b, req: req, began: s.now(), email: req.hint}
	s.flows[f.id] = f
	hinted := s.dir.account(req.hint)
	live := s.eligible(b, req)
	switch {
	case req.asks("select_account"):
		f.pick = len(live) > 0
	case req.asks("login"):
		f.account = hinted
	case req.hint != "":
		f.account = hinted
		if x := s.session(b, hinted); hinted != nil && x != nil {
			f.adopt(x)
		}
	case len(live) == 1:
		f.adopt(live[0])
	default:
		f.pick = len(live) > 1
	}
	return f
}

// eligible lists the sessions that could answer a request.
func (s *entra) eligible(b *browser, req *authRequest) []*session {
	return slices.DeleteFunc(slices.Clone(s.live(b)), func(x *session) bool {
		_, problem := s.admit(req, x.account)
		return problem != nil
	})
}

// adopt takes over what a session has proven.
func (f *flow) adopt(x *session) { f.account, f.password, f.mfa = x.account, true, x.mfa }

// admit says in which tenant an account would get a token, and why not.
func (s *entra) admit(req *authRequest, a *account) (string, *stsError) {
	tenant := req.realm.tenant
	switch {
	case req.realm.single():
		if a.in(tenant) {
			return tenant, nil
		}
	case a.personal() && req.passThrough:
		return transferTenant, nil
	case a.personal():
		if req.app.audience == audiencePersonal && req.realm.path != realmOrganizations {
			return consumerTenant, nil
		}
	case tenant == consumerTenant:
		return "", sts(500208, errInvalidRequest, "The domain is not a valid login domain for the account type.")
	case req.app.audience == audienceOne && a.home != req.app.home:
		tenant = req.app.home
	default:
		return a.home, nil
	}
	provider, place := issuerV1(a.home), cmpOr(tenant, req.realm.path)
	if a.personal() {
		provider = "live.com"
	}
	if t := s.dir.tenant(tenant); t != nil {
		place = t.name
	}
	return "", sts(50020, errInvalidRequest, "User account '%s' from identity provider '%s' does not exist in tenant '%s' and cannot access the application '%s'(%s) in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Azure Active Directory user account.", a.upn, provider, place, req.app.id, req.app.name)
}

// next says which page is due, or why the sign-in cannot go on.
func (s *entra) next(f *flow) (step, *stsError) {
	switch {
	case f.account == nil && f.pick:
		return stepPick, nil
	case f.account == nil:
		return stepEmail, nil
	case !f.password:
		return stepPassword, nil
	}
	tenant, problem := s.admit(f.req, f.account)
	if problem != nil {
		return stepBlocked, problem
	}
	if !f.mfa && s.wantsFactor(f.account, tenant) {
		if f.account.totp == nil {
			return stepBlocked, sts(50079, errInteraction, "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '%s'.", f.req.scopes.resource)
		}
		return stepCode, nil
	}
	if problem := s.conditional(f.account, tenant); problem != nil {
		return stepBlocked, problem
	}
	if !f.req.app.admits(f.account) {
		return stepBlocked, sts(50105, errAccessDenied, "Your administrator has configured the application %s ('%s') to block users unless they are specifically granted ('assigned') access to the application. The signed in user '%s' is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator. Please contact your administrator to assign access to this application.", f.req.app.name, f.req.app.id, f.account.upn)
	}
	asked := f.req.asks("consent") && !f.req.app.firstParty
	if !f.consent && (asked || !f.req.app.consentGiven(f.account, f.req.scopes.names)) {
		if s.policies.tenant(tenant).ConsentOff {
			return stepBlocked, sts(90094, errAccessDenied, "Admin consent is required for the permissions requested by this application.")
		}
		return stepConsent, nil
	}
	if f.fresh && !f.stayed {
		return stepStay, nil
	}
	return stepDone, nil
}

// wantsFactor reports whether a tenant asks an account for a second factor.
// A personal account is asked if it has one.
func (s *entra) wantsFactor(a *account, tenant string) bool {
	if tenant == consumerTenant || tenant == transferTenant {
		return a.totp != nil
	}
	return !s.policies.tenant(tenant).MFAOff
}

// conditional is the refusal of Conditional Access, for sign-ins and
// refreshes. "capolids" names the policy, as replies quoted in the trackers of
// https://github.com/AzureAD have it.
func (s *entra) conditional(a *account, tenant string) *stsError {
	p := s.policies.tenant(tenant)
	if len(p.AccessUsers) > 0 && !containsFold(p.AccessUsers, a.upn) {
		return nil
	}
	var problem *stsError
	switch p.ConditionalAccess {
	case "block":
		problem = sts(53003, errInvalidGrant, "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.")
		problem.claims = `{"access_token":{"capolids":{"essential":true,"values":["` + derivedGUID("conditional access", tenant) + `"]}}}`
	case "device":
		problem = sts(53000, errInvalidGrant, "Device is not in required device state: compliant. Conditional Access policy requires a compliant device, and the device is not compliant. The user must enroll their device with an approved MDM provider like Intune.")
	case "domain":
		problem = sts(53001, errInvalidGrant, "Device is not in required device state: domain_joined. Conditional Access policy requires a domain joined device, and the device is not domain joined.")
	case "defaults":
		problem = sts(530035, errInvalidGrant, "Access has been blocked by security defaults. The request was deemed unsafe by security defaults policies.")
	default:
		return nil
	}
	return problem.sub("message_only")
}

// proceed shows the page that is due, or sends the browser back.
func (s *entra) proceed(w http.ResponseWriter, r *http.Request, f *flow) {
	due, problem := s.next(f)
	switch due {
	case stepDone:
		s.finish(w, r, f)
	case stepBlocked:
		f.problem = problem
		s.errorPage(w, r, problem, f)
	default:
		s.show(w, r, f, due, "")
	}
}

// answerSilently answers a request with prompt=none: no page is shown.
func (s *entra) answerSilently(w http.ResponseWriter, r *http.Request, req *authRequest, b *browser) {
	f := s.newFlow(req, b)
	defer delete(s.flows, f.id)
	due, problem := s.next(f)
	switch due {
	case stepPick:
		problem = sts(16000, errInteraction, "Either multiple user identities are available for the current request or selected account is not supported for the scenario.")
	case stepEmail, stepPassword:
		problem = sts(50058, errLoginRequired, "A silent sign-in request was sent but no user is signed in.")
	case stepCode:
		problem = needFactor(req.scopes.resource)
	case stepConsent:
		problem = noConsent(req.app)
	case stepDone:
		s.finish(w, r, f)
		return
	case stepBlocked:
		problem.kind = errInteraction
	}
	s.redirectError(w, r, req, problem)
}

// needFactor says that the password alone is not enough.
func needFactor(resource string) *stsError {
	return sts(50076, errInteraction, "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '%s'.", resource).sub("basic_action")
}

// noConsent says that somebody has to be asked.
func noConsent(app *application) *stsError {
	return sts(65001, errConsentRequired, "The user or administrator has not consented to use the application with ID '%s' named '%s'. Send an interactive authorization request for this user and resource.", app.id, app.name).sub("consent_required")
}
