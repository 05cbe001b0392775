package emulator

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Limits of the service's own pages:
// https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
const (
	defaultPATLife = 30 * 24 * time.Hour
	maxPATYears    = 1
	maxPATName     = 255
)

// patRequest is a PatTokenCreateRequest or a PatTokenUpdateRequest.
type patRequest struct {
	AuthorizationID string     `json:"authorizationId"`
	DisplayName     *string    `json:"displayName"`
	Scope           *string    `json:"scope"`
	ValidTo         *time.Time `json:"validTo"`
	AllOrgs         *bool      `json:"allOrgs"`
}

// readPATRequest reads a body, or answers 400.
func readPATRequest(c *call) (patRequest, bool) {
	var req patRequest
	decoder := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxControlBody))
	if err := decoder.Decode(&req); err != nil {
		writeException(c.w, http.StatusBadRequest, exceptionIn(webAPI, "VssPropertyValidationException"), "The body of the request is not valid: "+printable(err.Error()))
		return req, false
	}
	return req, true
}

// createPAT makes a token: POST tokens/pats.
func (e *Emulator) createPAT(c *call) {
	if !e.mayManage(c) {
		return
	}
	req, ok := readPATRequest(c)
	if !ok {
		return
	}
	if c.org.msa() { // the organization must have a tenant
		e.refusePAT(c, patInvalidUserType)
		return
	}
	token, p, reason := e.newUserPAT(c.org, c.caller.user, req)
	if reason != patNone {
		e.refusePAT(c, reason)
		return
	}
	made := e.describePAT(p)
	made.Token = &token
	e.writePAT(c, patResult{PATToken: made, Error: patNone})
}

// newUserPAT makes a token for a person, if input and policies allow.
func (e *Emulator) newUserPAT(o *organization, u *user, req patRequest) (string, PAT, patError) {
	now := e.Now()
	p := PAT{ID: newGUID(), User: u.upn, Organizations: []string{o.name}, Format: FormatNew, ValidFrom: roundSQL(now), ValidTo: now.Add(defaultPATLife)}
	if reason := e.apply(&p, o, req); reason != patNone {
		return "", p, reason
	}
	if reason := checkPATName(p.Name); reason != patNone {
		return "", p, reason
	}
	if p.Scope == "" {
		return "", p, patInvalidScope
	}
	if reason := e.checkPATPolicies(&p, o, true); reason != patNone {
		return "", p, reason
	}
	token, err := NewToken(rand.Reader, FormatNew, now)
	if err == nil {
		err = e.pats.add(token, &p)
	}
	if err != nil {
		return "", p, "failedToIssueAccessToken"
	}
	return token, p, patNone
}

// apply puts the fields of a request into a token and checks each by itself.
func (e *Emulator) apply(p *PAT, o *organization, req patRequest) patError {
	if req.DisplayName != nil {
		p.Name = strings.TrimSpace(*req.DisplayName)
	}
	if req.Scope != nil {
		if p.Scope = strings.Join(strings.Fields(*req.Scope), " "); !validPATScope(p.Scope) {
			return patInvalidScope
		}
	}
	if req.ValidTo != nil {
		now := e.Now()
		if !req.ValidTo.After(now) || req.ValidTo.After(now.AddDate(maxPATYears, 0, 1)) {
			return patInvalidValidTo
		}
		p.ValidTo = *req.ValidTo
	}
	if req.AllOrgs != nil {
		p.Organizations = []string{o.name}
		if *req.AllOrgs {
			p.Organizations = nil
		}
	}
	return patNone
}

// checkPATName checks a display name.
func checkPATName(name string) patError {
	switch {
	case name == "":
		return patNameRequired
	case len(name) > maxPATName || strings.ContainsFunc(name, unicode.IsControl):
		return patInvalidName
	}
	return patNone
}

// validPATScope accepts app_token alone, or known scopes.
func validPATScope(scope string) bool {
	words := strings.Fields(scope)
	if slices.Contains(words, scopeFull) {
		return len(words) == 1
	}
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(patScopes(), w) })
}

// checkPATPolicies applies the policies of organization and tenant, and cuts
// the life of the token to what is allowed. A new token counts from now, an
// old one from its creation.
func (e *Emulator) checkPATPolicies(p *PAT, o *organization, isNew bool) patError {
	org, tenant := e.policies.org(o.name), e.policies.tenant(o.tenant)
	exempt := containsFold(tenant.PATUsers, p.User)
	global := p.Organizations == nil
	switch {
	case org.PATError != "":
		return patError(org.PATError)
	case isNew && org.RestrictPATs && !containsFold(org.PATUsers, p.User) && !(org.PackagingPATs && packagingOnly(p.Scope)):
		return patCreationPolicy
	case global && !e.Now().Before(e.globalPATsEnd):
		return patGlobalBlocked
	case global && tenant.RestrictGlobalPATs && !exempt:
		return patGlobalPolicy
	case p.Scope == scopeFull && tenant.RestrictFullScopePATs && !exempt:
		return patFullScopePolicy
	}
	if limit := p.ValidFrom.AddDate(0, 0, tenant.MaxPATDays); tenant.MaxPATDays > 0 && !exempt && p.ValidTo.After(limit) {
		if tenant.LifespanRefused {
			return patLifespanPolicy
		}
		p.ValidTo = limit
	}
	p.ValidTo = roundSQL(p.ValidTo)
	return patNone
}

// packagingOnly reports whether all scopes are of the packaging area.
func packagingOnly(scope string) bool {
	return !slices.ContainsFunc(strings.Fields(scope), func(w string) bool { return !strings.HasPrefix(w, "vso.packaging") })
}

// updatePAT changes a token: PUT tokens/pats.
func (e *Emulator) updatePAT(c *call) {
	if !e.mayManage(c) {
		return
	}
	req, ok := readPATRequest(c)
	if !ok {
		return
	}
	p, reason := e.ownPAT(c, req.AuthorizationID)
	if reason == patNone {
		p, reason = e.changedPAT(p, c.org, req)
	}
	if reason != patNone {
		e.refusePAT(c, reason)
		return
	}
	e.pats.replace(p)
	e.writePAT(c, patResult{PATToken: e.describePAT(p), Error: patNone})
}

// changedPAT is a token after an update, if it may be updated.
func (e *Emulator) changedPAT(p PAT, o *organization, req patRequest) (PAT, patError) {
	switch {
	case !p.Revoked.IsZero():
		return p, patNotUpdated
	case !e.Now().Before(p.ValidTo) && !e.policies.org(o.name).ReviveExpired:
		return p, patExpiredNoExtended
	}
	if reason := e.apply(&p, o, req); reason != patNone {
		return p, reason
	}
	if reason := checkPATName(p.Name); reason != patNone {
		return p, reason
	}
	reason := e.checkPATPolicies(&p, o, false)
	return p, reason
}

// replace puts a changed token in the place of the one with its id.
func (s *patStore) replace(changed PAT) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.order {
		if p.ID == changed.ID {
			changed.Uses, changed.Revoked = p.Uses, p.Revoked
			*p = changed
		}
	}
}
