package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// TenantPolicy is what an administrator of a tenant has decided, and how its
// sign-in behaves. The zero value is a tenant that wants a second factor and
// restricts nothing. Names of the token policies:
// https://learn.microsoft.com/azure/devops/organizations/accounts/manage-pats-with-policies-for-administrators
type TenantPolicy struct {
	RestrictGlobalPATs    bool `json:"restrictGlobalPats,omitempty"`
	RestrictFullScopePATs bool `json:"restrictFullScopePats,omitempty"`
	// MaxPATDays limits the life of tokens; 0 does not. A longer one is cut
	// to it, as documented; with LifespanRefused it is refused.
	MaxPATDays      int  `json:"maxPatDays,omitempty"`
	LifespanRefused bool `json:"lifespanRefused,omitempty"`
	// PATUsers are exempt from the three policies above.
	PATUsers []string `json:"patUsers,omitempty"`

	// MFAOff lets people in by the password alone.
	MFAOff bool `json:"mfaOff,omitempty"`
	// LockAfter wrong passwords in a row lock an account for LockFor. Zero:
	// 10 and 1 minute, the defaults of
	// https://learn.microsoft.com/entra/identity/authentication/howto-password-smart-lockout
	LockAfter int      `json:"lockAfter,omitempty"`
	LockFor   Duration `json:"lockFor,omitzero"`
	// ConditionalAccess refuses sign-ins and refreshes: block (AADSTS53003),
	// device (53000), domain (53001) or defaults (530035); AccessUsers are
	// those it is for, none: everybody.
	ConditionalAccess string   `json:"conditionalAccess,omitempty"`
	AccessUsers       []string `json:"accessUsers,omitempty"`
	// SignInFrequency ends refresh tokens so long after the last sign-in (AADSTS70043).
	SignInFrequency Duration `json:"signInFrequency,omitzero"`
	// ConsentOff leaves consent to administrators (AADSTS90094).
	ConsentOff bool `json:"consentOff,omitempty"`
	// RefreshOnce makes refresh tokens good for one use, and the second use of
	// one revoke all that came of the same sign-in (RFC 9700, 4.14.2). Entra
	// itself keeps the old one alive:
	// https://learn.microsoft.com/entra/identity-platform/refresh-tokens
	RefreshOnce bool `json:"refreshOnce,omitempty"`
}

// OrgPolicy is what an organization has decided about tokens, and how its
// token calls behave where the service's own behaviour varies.
type OrgPolicy struct {
	// RestrictPATs is "Restrict personal access token creation". PATUsers are
	// exempt; with PackagingPATs everybody may make tokens for packaging only.
	// https://learn.microsoft.com/azure/devops/organizations/accounts/manage-pats-with-policies-for-administrators
	RestrictPATs  bool     `json:"restrictPats,omitempty"`
	PATUsers      []string `json:"patUsers,omitempty"`
	PackagingPATs bool     `json:"packagingPats,omitempty"`

	// SSHOff is Policy.DisallowSecureShell: no keys are added and none works.
	SSHOff bool `json:"sshOff,omitempty"`
	// SSHExpiredWorks is Policy.ValidateSshKeyExpiration switched off: a key
	// still works after its year.
	SSHExpiredWorks bool `json:"sshExpiredWorks,omitempty"`

	// ClaimsChallenge refuses bearer tokens issued before it was set, with
	// 401 insufficient_claims.
	ClaimsChallenge bool `json:"claimsChallenge,omitempty"`
	// RevocationDelay is how long a revoked token still works, up to an hour
	// at the service.
	RevocationDelay Duration `json:"revocationDelay,omitzero"`
	// PATError answers every call that makes or changes a token with this
	// patTokenError, also one that no specification has.
	PATError string `json:"patError,omitempty"`
	// ReviveExpired lets an update extend an expired token, as the older text
	// of the documentation had it.
	ReviveExpired bool `json:"reviveExpired,omitempty"`
	// PageSize is the most tokens on a page. Zero: 100.
	PageSize int `json:"pageSize,omitempty"`
	// DeleteStatus is 204 (default, as in the example of the specification) or
	// 200 (as in its text).
	DeleteStatus int `json:"deleteStatus,omitempty"`
	// NoMessage leaves patTokenErrorMessage out of refusals.
	NoMessage bool `json:"noMessage,omitempty"`
	// BOM puts a byte order mark before the JSON of token calls.
	BOM bool `json:"bom,omitempty"`
	// Spray adds fields that no specification has to token replies.
	Spray bool `json:"spray,omitempty"`
}

// check refuses values that mean nothing.
func (p TenantPolicy) check() error {
	if !slices.Contains([]string{"", "block", "device", "domain", "defaults"}, p.ConditionalAccess) {
		return fmt.Errorf("conditionalAccess %q: use block, device, domain or defaults", p.ConditionalAccess)
	}
	if p.MaxPATDays < 0 || p.LockAfter < 0 || p.LockFor < 0 || p.SignInFrequency < 0 {
		return fmt.Errorf("maxPatDays, lockAfter, lockFor and signInFrequency cannot be negative")
	}
	return nil
}

// check refuses values that mean nothing.
func (p OrgPolicy) check() error {
	if p.DeleteStatus != 0 && p.DeleteStatus != http.StatusOK && p.DeleteStatus != http.StatusNoContent {
		return fmt.Errorf("deleteStatus %d: use 200 or 204", p.DeleteStatus)
	}
	if p.PageSize < 0 || p.RevocationDelay < 0 {
		return fmt.Errorf("pageSize and revocationDelay cannot be negative")
	}
	return nil
}

// policies are the policies now in force. Keys are ids of tenants and
// lower-case names of organizations.
type policies struct {
	mu         sync.Mutex
	tenants    map[string]TenantPolicy
	orgs       map[string]OrgPolicy
	challenged map[string]uint64 // serial of the last bearer token before a claims challenge
	removed    map[string]bool   // "org\x00upn": no longer a member
}

// newPolicies checks and collects the policies of a seed.
func newPolicies(seed Seed, w *world) (*policies, error) {
	p := &policies{tenants: map[string]TenantPolicy{}, orgs: map[string]OrgPolicy{}, challenged: map[string]uint64{}, removed: map[string]bool{}}
	for _, t := range seed.Tenants {
		if err := t.Policy.check(); err != nil {
			return nil, fmt.Errorf("tenant %q: %w", t.Name, err)
		}
		p.tenants[w.tenantIDs[t.Name]] = t.Policy
	}
	for _, o := range seed.Organizations {
		if err := o.Policy.check(); err != nil {
			return nil, fmt.Errorf("organization %q: %w", o.Name, err)
		}
		p.orgs[strings.ToLower(o.Name)] = o.Policy
	}
	return p, nil
}

// tenant is the policy of a tenant by id.
func (p *policies) tenant(id string) TenantPolicy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tenants[id]
}

// org is the policy of an organization.
func (p *policies) org(name string) OrgPolicy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.orgs[strings.ToLower(name)]
}

// TenantPolicy returns the policy of a tenant, by name.
func (e *Emulator) TenantPolicy(tenant string) (TenantPolicy, error) {
	id, ok := e.world.tenantIDs[tenant]
	if !ok {
		return TenantPolicy{}, fmt.Errorf("no tenant %q in the seed", tenant)
	}
	return e.policies.tenant(id), nil
}

// SetTenantPolicy replaces the policy of a tenant, by name. It is in force
// from the next request on.
func (e *Emulator) SetTenantPolicy(tenant string, p TenantPolicy) error {
	if _, err := e.TenantPolicy(tenant); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	e.policies.mu.Lock()
	defer e.policies.mu.Unlock()
	e.policies.tenants[e.world.tenantIDs[tenant]] = p
	return nil
}

// OrgPolicy returns the policy of an organization.
func (e *Emulator) OrgPolicy(org string) (OrgPolicy, error) {
	if e.world.org(org) == nil {
		return OrgPolicy{}, fmt.Errorf("no organization %q in the seed", org)
	}
	return e.policies.org(org), nil
}

// SetOrgPolicy replaces the policy of an organization. It is in force from
// the next request on.
func (e *Emulator) SetOrgPolicy(org string, p OrgPolicy) error {
	before, err := e.OrgPolicy(org)
	if err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	e.policies.mu.Lock()
	defer e.policies.mu.Unlock()
	if p.ClaimsChallenge && !before.ClaimsChallenge {
		e.policies.challenged[strings.ToLower(org)] = e.entra.serial.Load()
	}
	e.policies.orgs[strings.ToLower(org)] = p
	return nil
}
