package azdo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// PATRecord is what the server says of a personal access token.
type PATRecord struct {
	// AuthorizationID is the token's name in all calls: a GUID.
	AuthorizationID string
	// DisplayName is whatever its owner wrote: escape it before it is shown.
	DisplayName string
	// Scopes as the server has them, which is how they were asked for. Escape them, too.
	Scopes []string
	// Created and Expires are in UTC. Expires is what policy made of the time
	// asked for, rounded to 1/300 s. They are zero when the server does not say.
	Created, Expires time.Time
	// Global says that the token is good for all organisations of its owner.
	// Otherwise Organizations holds their GUIDs; see Connection.InstanceID.
	Global        bool
	Organizations []string
	// RetryAfter is set when the server, though it answered, asks to slow down.
	// It is zero in a list, which has its own.
	RetryAfter time.Duration
}

// IssuedPAT is a new token with its secret, which the server tells only once.
type IssuedPAT struct {
	PATRecord
	Secret cred.Secret
}

// PATRequest is what a token shall be.
type PATRequest struct {
	// DisplayName is printable text without blanks around it.
	DisplayName string
	// Scopes such as "vso.code_write". See
	// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/oauth#scopes
	Scopes []string
	// Expires is sent in whole milliseconds, rounded down. Policy may make it
	// earlier: what counts is the Expires of the answer.
	Expires time.Time
	// AllOrganizations asks for a token that is good everywhere its owner is.
	// Organisations can forbid that, and Microsoft is retiring it.
	AllOrganizations bool
}

// maxDisplayName is ours, in bytes: Microsoft documents no limit.
const maxDisplayName = 255

// patBody is PatTokenCreateRequest and PatTokenUpdateRequest. allOrgs is always
// sent: nobody shall depend on what its absence means.
type patBody struct {
	AuthorizationID string `json:"authorizationId,omitempty"`
	DisplayName     string `json:"displayName,omitempty"`
	Scope           string `json:"scope,omitempty"`
	ValidTo         string `json:"validTo,omitempty"`
	AllOrgs         bool   `json:"allOrgs"`
}

// body checks what is set and puts it into the form that is sent.
func (p PATRequest) body() (patBody, error) {
	name := p.DisplayName
	if !printable(name) || strings.TrimSpace(name) != name || len(name) > maxDisplayName {
		return patBody{}, fmt.Errorf("%w: the display name is not up to %d bytes of printable text", ErrPATRequest, maxDisplayName)
	}
	for _, scope := range p.Scopes {
		if !validScope(scope) {
			return patBody{}, fmt.Errorf("%w: %q is not a scope", ErrPATRequest, cut(scope))
		}
	}
	b := patBody{DisplayName: name, Scope: strings.Join(p.Scopes, " "), AllOrgs: p.AllOrganizations}
	if !p.Expires.IsZero() {
		expires := p.Expires.UTC()
		if expires.Year() < 2000 || expires.Year() > 9999 {
			return patBody{}, fmt.Errorf("%w: it cannot end in the year %d", ErrPATRequest, expires.Year())
		}
		b.ValidTo = expires.Format("2006-01-02T15:04:05.000Z")
	}
	return b, nil
}

// validScope keeps out what would make two scopes of one, or none.
func validScope(s string) bool {
	return s != "" && len(s) <= 100 && strings.Trim(s, base62Digits+"._-") == ""
}

// patResult is PatTokenResult.
type patResult struct {
	Token   *patToken `json:"patToken"`
	Error   looseText `json:"patTokenError"`
	Message looseText `json:"patTokenErrorMessage"`
}

// patToken is PatToken.
type patToken struct {
	AuthorizationID string     `json:"authorizationId"`
	DisplayName     string     `json:"displayName"`
	Scope           string     `json:"scope"`
	TargetAccounts  []string   `json:"targetAccounts"`
	ValidFrom       stamp      `json:"validFrom"`
	ValidTo         stamp      `json:"validTo"`
	Token           wireSecret `json:"token"`
}

// record checks t and leaves its secret out.
func (t *patToken) record() (PATRecord, error) {
	r := PATRecord{
		AuthorizationID: guid(t.AuthorizationID), DisplayName: t.DisplayName, Scopes: strings.Fields(t.Scope),
		Created: t.ValidFrom.at, Expires: t.ValidTo.at, Global: t.TargetAccounts == nil,
	}
	if r.AuthorizationID == "" {
		return PATRecord{}, errors.New("a token in it has no id")
	}
	if t.ValidFrom.bad || t.ValidTo.bad {
		return PATRecord{}, errors.New("a date in it cannot be read")
	}
	for _, account := range t.TargetAccounts {
		id := guid(account)
		if id == "" {
			return PATRecord{}, errors.New("an organization in it has no id")
		}
		r.Organizations = append(r.Organizations, id)
	}
	return r, nil
}

// The types below decode anything: an odd value must not keep the decoder from
// the id of a token that exists.

// wireSecret wraps a string as soon as it is decoded. What is no string is absent.
type wireSecret struct{ cred.Secret }

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (s *wireSecret) UnmarshalJSON(b []byte) error {
	*s = wireSecret{}
	var text *string
	if json.Unmarshal(b, &text) == nil && text != nil {
		s.Secret = cred.NewSecret(*text)
	}
	return nil
}

// looseText is a string; null is empty, and anything else is its JSON.
type looseText string

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (t *looseText) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		text = string(b)
	}
	*t = looseText(text)
	return nil
}

// stamp is a date as .NET writes it: with up to seven digits of fraction and, if
// it knows that it is UTC, a Z. Null and the year 1 are zero.
type stamp struct {
	at  time.Time
	bad bool
}

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (s *stamp) UnmarshalJSON(b []byte) error {
	*s = stamp{}
	var text *string
	if err := json.Unmarshal(b, &text); err != nil || text == nil {
		s.bad = err != nil
		return nil
	}
	at, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", *text)
	}
	*s = stamp{at.UTC(), err != nil}
	return nil
}
