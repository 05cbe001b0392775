package azdo

import (
	"fmt"
	"strconv"
	"strings"
)

// PATError is the service's no to a request about personal access tokens, which
// comes as HTTP 200. It is the cause (Err) of an Error.
type PATError struct {
	// Value is patTokenError as sent, "fullScopePatPolicyViolation". It may be
	// one that this program has never heard of.
	Value string
	Group PATGroup
	// Message is the server's, as sent. It may hold anything, or nothing.
	Message string
	// ActivityID names the request in Microsoft's logs: a GUID, or "".
	ActivityID string
}

// Error returns one line without control characters.
func (e *PATError) Error() string {
	return fmt.Sprintf("%s (%s)", strconv.Quote(cut(e.Value)), e.Group)
}

// PATGroup says what can be done about a PATError.
type PATGroup string

// The groups.
const (
	// GroupInput: our request is at fault.
	GroupInput PATGroup = "input"
	// GroupOrganization: a policy of the organisation. Use an access token of
	// Entra, or ask to be put on the list of exceptions.
	GroupOrganization PATGroup = "organization policy"
	// GroupTenant: a policy of the tenant. Ask for fewer scopes, for one
	// organisation, for a shorter life.
	GroupTenant PATGroup = "tenant policy"
	// GroupRetirement: tokens for all organisations are no longer made.
	GroupRetirement PATGroup = "retirement"
	// GroupState: the token is not, or no longer, what it should be. Make a new one.
	GroupState PATGroup = "state"
	// GroupIdentity: the wrong kind of caller: a service principal, say.
	GroupIdentity PATGroup = "identity"
	// GroupUnknown: see Value and Message.
	GroupUnknown PATGroup = "unknown"
)

// groupOf sorts the values of SessionTokenError. Those that say nothing about
// what to do are not here. See specification/tokens/7.2/tokens.json in
// https://github.com/MicrosoftDocs/vsts-rest-api-specs
func groupOf(value string) PATGroup {
	switch value {
	case "displayNameRequired", "invalidDisplayName", "invalidValidTo", "invalidScope", "invalidAuthorizationId":
		return GroupInput
	case "disablePatCreationPolicyViolation", "failedToReadOrgPolicy":
		return GroupOrganization
	case "globalPatPolicyViolation", "fullScopePatPolicyViolation", "patLifespanPolicyViolation", "failedToReadTenantPolicy":
		return GroupTenant
	case "globalPATCreationBlocked":
		return GroupRetirement
	case "authorizationNotFound", "tokenNotFound", "expiredPatCannotBeExtended", "failedToUpdateAccessToken":
		return GroupState
	case "accessDenied", "invalidUserType", "invalidUserId", "invalidClient", "invalidClientType", "invalidClientId",
		"invalidAudience", "invalidSubject", "invalidTokenType":
		return GroupIdentity
	}
	return GroupUnknown
}

// declined returns the error that a reply about a token holds; nil: none.
func (c *Client) declined(req call, a *answer, r patResult) error {
	value := req.auth.scrub(string(r.Error))
	if value == "" || strings.EqualFold(value, "none") {
		return nil
	}
	cause := &PATError{Value: value, Group: groupOf(value)}
	e := c.failure(req, a, ErrDeclined, cause)
	if value == "authorizationNotFound" || value == "tokenNotFound" {
		e.Kind = ErrNoToken
	}
	if r.Token != nil {
		e.AuthorizationID = guid(r.Token.AuthorizationID)
	}
	// A message beside a token might quote its secret.
	if r.Token == nil || !r.Token.Token.IsSet() {
		e.Message = req.auth.scrub(string(r.Message))
	}
	cause.Message, cause.ActivityID = e.Message, e.ActivityID
	return e
}
