package azdo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// TestPATErrorGroups has every value that Microsoft lists, and some it does not.
func TestPATErrorGroups(t *testing.T) {
	t.Parallel()
	groups := map[PATGroup]string{
		GroupInput:        "displayNameRequired invalidDisplayName invalidValidTo invalidScope invalidAuthorizationId",
		GroupOrganization: "disablePatCreationPolicyViolation failedToReadOrgPolicy",
		GroupTenant:       "globalPatPolicyViolation fullScopePatPolicyViolation patLifespanPolicyViolation failedToReadTenantPolicy",
		GroupRetirement:   "globalPATCreationBlocked",
		GroupState:        "authorizationNotFound tokenNotFound expiredPatCannotBeExtended failedToUpdateAccessToken",
		GroupIdentity:     "accessDenied invalidUserType invalidUserId invalidClient invalidClientType invalidClientId invalidAudience invalidSubject invalidTokenType",
		GroupUnknown: "userIdRequired failedToIssueAccessToken invalidTargetAccounts hostAuthorizationNotFound sourceNotSupported invalidSourceIP invalidSource " +
			"duplicateHash sshPolicyDisabled invalidToken deploymentHostNotSupported brandNew \u001b[2J\u202e",
	}
	c, _ := patClient(t, func(w http.ResponseWriter, r *http.Request) {
		value := r.Header.Get("Authorization")[len("Bearer "):]
		if decoded, err := base64.RawURLEncoding.DecodeString(value); err == nil {
			value = string(decoded)
		}
		body, _ := json.Marshal(map[string]any{"patToken": nil, "patTokenError": value, "patTokenErrorMessage": "no\u001b because " + value})
		reply(200, jsonType, string(body), "Retry-After", "3")(w, r)
	})
	n := 0
	for group, values := range groups {
		for value := range strings.SplitSeq(values, " ") {
			n++
			// The value travels in the credential, and is scrubbed only as sent.
			auth := Bearer(cred.NewSecret(base64.RawURLEncoding.EncodeToString([]byte(value))))
			_, err := c.CreatePAT(context.Background(), "contoso", auth, ask)
			kind := ErrDeclined
			if value == "authorizationNotFound" || value == "tokenNotFound" {
				kind = ErrNoToken
			}
			var e *Error
			var pe *PATError
			if !errors.As(err, &e) || !errors.As(err, &pe) || e.Kind != kind || e.Status != 200 || e.RetryAfter != 3*time.Second {
				t.Errorf("%s: %v", value, err)
				continue
			}
			if want := (PATError{value, group, "no\u001b because " + value, action}); *pe != want || e.Message != pe.Message || e.ActivityID != action {
				t.Errorf("%+v, want %+v", *pe, want)
			}
			harmless(t, err)
			harmless(t, pe)
		}
	}
	if n != 36+2 {
		t.Errorf("%d values", n)
	}
}

// TestPATErrorEverywhere: the other calls that answer with a result know the
// error in it, too.
func TestPATErrorEverywhere(t *testing.T) {
	t.Parallel()
	c, _ := patClient(t, reply(200, jsonType, `{"patToken":null,"patTokenError":"tokenNotFound"}`))
	for verb, do := range patCalls {
		if err := do(c, context.Background(), "contoso", entra); verb != "list" && !errors.Is(err, ErrNoToken) {
			t.Errorf("%s: %v", verb, err)
		} else if verb == "list" && !errors.Is(err, ErrReply) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}
