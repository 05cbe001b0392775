package emulator

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// patError is a SessionTokenError: the service answers 200 and this word. All
// of them: https://github.com/MicrosoftDocs/vsts-rest-api-specs
// (specification/tokens/7.2/tokens.json).
type patError string

// The values that the emulator gives by itself; OrgPolicy.PATError gives any.
const (
	patNone              patError = "none"
	patNameRequired      patError = "displayNameRequired"
	patInvalidName       patError = "invalidDisplayName"
	patInvalidValidTo    patError = "invalidValidTo"
	patInvalidScope      patError = "invalidScope"
	patAccessDenied      patError = "accessDenied"
	patInvalidUserType   patError = "invalidUserType"
	patNoAuthorization   patError = "authorizationNotFound"
	patNotUpdated        patError = "failedToUpdateAccessToken"
	patInvalidID         patError = "invalidAuthorizationId"
	patGlobalPolicy      patError = "globalPatPolicyViolation"
	patFullScopePolicy   patError = "fullScopePatPolicyViolation"
	patLifespanPolicy    patError = "patLifespanPolicyViolation"
	patCreationPolicy    patError = "disablePatCreationPolicyViolation"
	patGlobalBlocked     patError = "globalPATCreationBlocked"
	patExpiredNoExtended patError = "expiredPatCannotBeExtended"
)

// patToken is a PatToken of the specification.
type patToken struct {
	DisplayName     string          `json:"displayName"`
	ValidTo         string          `json:"validTo"`
	Scope           string          `json:"scope"`
	TargetAccounts  []string        `json:"targetAccounts"` // null: all organizations
	ValidFrom       string          `json:"validFrom"`
	AuthorizationID string          `json:"authorizationId"`
	Token           *string         `json:"token"` // only in the reply that made it
	Unknown         json.RawMessage `json:"emulatorUnknown,omitempty"`
}

// patResult is a PatTokenResult.
type patResult struct {
	PATToken *patToken       `json:"patToken"`
	Error    patError        `json:"patTokenError"`
	Message  string          `json:"patTokenErrorMessage,omitempty"`
	Unknown  json.RawMessage `json:"emulatorUnknown,omitempty"`
}

// pagedPATs is a PagedPatTokens; the token is empty on the last page.
type pagedPATs struct {
	ContinuationToken string          `json:"continuationToken"`
	PATTokens         []*patToken     `json:"patTokens"`
	Unknown           json.RawMessage `json:"emulatorUnknown,omitempty"`
}

// unknown is a value that no specification has.
func unknown() json.RawMessage { return json.RawMessage(`{"of":["a","later"],"version":8}`) }

// patResource is the route of the token calls. The area's id is the one of
// the ResourceAreas recording; the location's is ours.
// https://learn.microsoft.com/rest/api/azure/devops/tokens/pats
func patResource() resource {
	return resource{
		ID: derivedGUID("location", "tokens", "pats"), Area: "Tokens", ResourceName: "Pats",
		RouteTemplate: "_apis/{area}/{resource}", ResourceVersion: 1, MinVersion: "6.1", MaxVersion: "7.2", ReleasedVersion: "0.0",
		plane: planeIdentity, scopes: []string{scopePATs}, bearer: true,
		methods: map[string]handler{
			http.MethodGet:    (*Emulator).getPATs,
			http.MethodPost:   (*Emulator).createPAT,
			http.MethodPut:    (*Emulator).updatePAT,
			http.MethodDelete: (*Emulator).deletePAT,
		},
	}
}

// refuseUnlessBearer answers the token calls for whoever does not come with an
// access token: the sign-in page, as a success. A personal access token
// cannot manage any, and a service principal is told so in the service's words:
// https://learn.microsoft.com/azure/devops/organizations/accounts/manage-personal-access-tokens-via-api
func (e *Emulator) refuseUnlessBearer(c *call) bool {
	if c.caller.service {
		c.version = "7.2-preview.1"
		e.refusePAT(c, patAccessDenied)
		return true
	}
	if c.caller.credential == CredentialBearer {
		return false
	}
	suppress := strings.EqualFold(c.r.Header.Get("X-TFS-FedAuthRedirect"), "Suppress")
	if c.caller.credential == CredentialNone && c.r.Method == http.MethodGet && !suppress {
		e.refuse(c.w, c.r, c.org, c.caller)
		return true
	}
	setTenantHeaders(c.w, c.org)
	writePage(c.w, http.StatusNonAuthoritativeInfo, "Sign In", "This page stands where the service shows its sign-in page.")
	return true
}

// writePAT answers with the result of one call, in the form the organization's
// policy wants.
func (e *Emulator) writePAT(c *call, result patResult) {
	p := e.policies.org(c.org.name)
	if p.NoMessage {
		result.Message = ""
	}
	if p.Spray {
		result.Unknown = unknown()
		if result.PATToken != nil {
			result.PATToken.Unknown = unknown()
		}
	}
	e.writeTokens(c, result)
}

// writeTokens answers with JSON, perhaps behind a byte order mark.
func (e *Emulator) writeTokens(c *call, body any) {
	if e.policies.org(c.org.name).BOM {
		writeJSONWithBOM(c.w, http.StatusOK, body)
		return
	}
	writeJSON(c.w, http.StatusOK, c.version, body)
}

// refusePAT answers with one of the error values.
func (e *Emulator) refusePAT(c *call, reason patError) {
	e.writePAT(c, patResult{Error: reason, Message: patMessage(reason)})
}

// patMessage is a text for people; the service's own are not documented.
func patMessage(reason patError) string {
	switch reason {
	case patNameRequired:
		return "The display name is required."
	case patInvalidName:
		return "The display name is not valid."
	case patInvalidValidTo:
		return "The expiration date is not valid."
	case patInvalidScope:
		return "The scope is not valid."
	case patCreationPolicy:
		return "The organization restricts the creation of personal access tokens."
	case patGlobalPolicy:
		return "The tenant restricts tokens for all organizations."
	case patFullScopePolicy:
		return "The tenant restricts tokens with full access."
	case patLifespanPolicy:
		return "The tenant limits the life of tokens."
	case patGlobalBlocked:
		return "Tokens for all organizations can no longer be created."
	}
	return "The request failed: " + string(reason) + "."
}

// describePAT is a token in a reply, without its secret.
func (e *Emulator) describePAT(p PAT) *patToken {
	out := &patToken{
		DisplayName: p.Name, ValidTo: sqlTime(p.ValidTo), ValidFrom: sqlTime(p.ValidFrom), Scope: p.Scope, AuthorizationID: p.ID,
	}
	for _, name := range p.Organizations {
		out.TargetAccounts = append(out.TargetAccounts, e.world.org(name).instanceID)
	}
	return out
}

// sqlTick is the step of SQL Server's datetime, 1/300 s, in which the service
// keeps times:
// https://learn.microsoft.com/sql/t-sql/data-types/datetime-transact-sql#rounding-of-datetime-fractional-second-precision
const sqlTicksPerSecond = 300

// roundSQL rounds a time to a step.
func roundSQL(t time.Time) time.Time {
	ticks := math.Round(float64(t.Nanosecond()) * sqlTicksPerSecond / float64(time.Second))
	nano := math.Round(ticks*float64(time.Second)/sqlTicksPerSecond/100) * 100
	return t.UTC().Truncate(time.Second).Add(time.Duration(nano))
}

// sqlTime is a time in a reply: up to seven digits, no trailing zeros.
func sqlTime(t time.Time) string { return roundSQL(t).Format("2006-01-02T15:04:05.9999999Z") }

// ownPAT finds a token of the caller by the id of a query or body.
func (e *Emulator) ownPAT(c *call, id string) (PAT, patError) {
	if !isGUID(id) {
		return PAT{}, patInvalidID
	}
	for _, p := range e.pats.list() {
		if strings.EqualFold(p.ID, id) && p.User == c.caller.user.upn && p.targets(c.org) {
			return p, patNone
		}
	}
	return PAT{}, patNoAuthorization
}

// targets reports whether a token is for an organization.
func (p PAT) targets(o *organization) bool {
	return p.Organizations == nil || slices.Contains(p.Organizations, o.name)
}

// deletePAT revokes a token; a revoked one stays so.
func (e *Emulator) deletePAT(c *call) {
	if !e.mayManage(c) {
		return
	}
	p, reason := e.ownPAT(c, c.r.URL.Query().Get("authorizationId"))
	if reason != patNone {
		status := http.StatusNotFound
		if reason == patInvalidID {
			status = http.StatusBadRequest
		}
		writeException(c.w, status, exceptionIn("Microsoft.VisualStudio.Services.DelegatedAuthorization", "SessionTokenNotFoundException"), patMessage(reason))
		return
	}
	e.pats.revoke(e.Now(), func(x *PAT) bool { return x.ID == p.ID })
	status := e.policies.org(c.org.name).DeleteStatus
	if status == 0 {
		status = http.StatusNoContent
	}
	c.w.WriteHeader(status)
}

// mayManage checks the scope for changes.
func (e *Emulator) mayManage(c *call) bool {
	if scopeAllows(c.caller.scope, scopePATsManage) {
		return true
	}
	writeNoScope(c.w)
	return false
}
