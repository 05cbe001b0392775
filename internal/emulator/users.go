package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// TOTP is the six-digit code that a user's authenticator app shows now. A code
// that was used is not accepted again; wait 30 seconds, or Advance.
func (e *Emulator) TOTP(user string) (string, error) {
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	a := e.entra.dir.account(user)
	switch {
	case a == nil:
		return "", errNoUser(user)
	case a.totp == nil:
		return "", errNoFactor
	}
	now := e.Now()
	for ahead := range 2 { // the next step is accepted as well
		at := now.Add(time.Duration(ahead) * totpStep)
		if totpCounter(at) > a.totpUsed {
			return totp(a.totp, at), nil
		}
	}
	return totp(a.totp, now), nil
}

// UserAction is what happens to a user.
type UserAction string

// The actions of ChangeUser.
const (
	UserLock     UserAction = "lock"     // AADSTS50053 until unlock
	UserUnlock   UserAction = "unlock"   // also after wrong passwords
	UserDisable  UserAction = "disable"  // AADSTS50057; access tokens are refused too
	UserEnable   UserAction = "enable"   //
	UserPassword UserAction = "password" // a new one; earlier sign-ins end (AADSTS50133)
	UserRevoke   UserAction = "revoke"   // earlier sign-ins end (AADSTS50173)
	UserRemove   UserAction = "remove"   // from an organization
	UserAdd      UserAction = "add"      // back to it
	UserConsent  UserAction = "forget"   // all consent
)

// UserActions lists the actions.
func UserActions() []UserAction {
	return []UserAction{UserLock, UserUnlock, UserDisable, UserEnable, UserPassword, UserRevoke, UserRemove, UserAdd, UserConsent}
}

// UserChange is the argument of ChangeUser and the body of the control call "user".
type UserChange struct {
	User         string     `json:"user"`
	Action       UserAction `json:"action"`
	Password     string     `json:"password,omitempty"`     // of password
	Organization string     `json:"organization,omitempty"` // of remove and add
}

// ChangeUser does something to a user, as an administrator would.
func (e *Emulator) ChangeUser(c UserChange) error {
	if !slices.Contains(UserActions(), c.Action) {
		return fmt.Errorf("unknown action %q: use one of %v", c.Action, UserActions())
	}
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	a := e.entra.dir.account(c.User)
	if a == nil {
		return errNoUser(c.User)
	}
	switch c.Action {
	case UserLock:
		a.locked = true
	case UserUnlock:
		a.locked, a.lockedUntil, a.wrong = false, time.Time{}, 0
	case UserDisable, UserEnable:
		a.disabled = c.Action == UserDisable
	case UserPassword:
		if c.Password == "" {
			return fmt.Errorf("a new password is needed")
		}
		a.setPassword(c.Password)
		e.entra.end(a, true)
	case UserRevoke:
		e.entra.end(a, false)
	case UserConsent:
		clear(a.consents)
	case UserRemove, UserAdd:
		return e.setMember(a.upn, c.Organization, c.Action == UserAdd)
	}
	return nil
}

// end makes everything that was issued to an account before now worthless.
func (s *entra) end(a *account, passwordChanged bool) {
	a.validFrom, a.validFromTime, a.passwordChanged = s.serial.Add(1), s.now(), passwordChanged
}

// setMember takes somebody out of an organization, or back in.
func (e *Emulator) setMember(upn, org string, member bool) error {
	o := e.world.org(org)
	if o == nil {
		return fmt.Errorf("no organization %q in the seed", org)
	}
	if member && !belongs(e.world.user(upn).grants, o.name) {
		return fmt.Errorf("%s has no access to %s in the seed", upn, o.name)
	}
	e.policies.mu.Lock()
	defer e.policies.mu.Unlock()
	e.policies.removed[membership(upn, o.name)] = !member
	return nil
}

// BearerOptions says what access token to make without a sign-in.
type BearerOptions struct {
	User string `json:"user"`
	// Organization is where it shall be good; its tenant issues the token.
	Organization string `json:"organization"`
	// Scope is a list such as "vso.code_write"; empty: user_impersonation.
	Scope string `json:"scope,omitempty"`
	// Continuous says that the client takes claims challenges ("cp1").
	Continuous bool `json:"continuous,omitempty"`
	// Client is the application's id; empty: Visual Studio.
	Client string `json:"client,omitempty"`
	// Service makes the token one of the application itself, a service
	// principal; then there is no user.
	Service bool `json:"service,omitempty"`
}

// MintBearer makes an access token as after a sign-in with two factors. It
// does not check membership, so that refusals can be tested.
func (e *Emulator) MintBearer(o BearerOptions) (string, error) {
	org := e.world.org(o.Organization)
	if org == nil {
		return "", fmt.Errorf("no organization %q in the seed", o.Organization)
	}
	e.entra.mu.Lock()
	defer e.entra.mu.Unlock()
	a := e.entra.dir.account(o.User)
	tenant := org.tenant
	if org.msa() {
		tenant = consumerTenant
	}
	app := e.entra.dir.apps[strings.ToLower(cmpOr(o.Client, firstParty()[0].id))]
	switch {
	case app == nil:
		return "", fmt.Errorf("no application %q in the seed", o.Client)
	case o.Service && o.User == "":
		return e.entra.appToken(app, tenant)
	case a == nil || o.Service:
		return "", errNoUser(o.User)
	}
	return e.entra.accessToken(signInGrant{
		account: a, app: app, tenant: tenant, mfa: true, continuous: o.Continuous,
		scopes: authScopes{resource: azureDevOps, names: strings.Fields(cmpOr(o.Scope, scopeUser))},
	})
}
