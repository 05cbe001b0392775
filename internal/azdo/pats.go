package azdo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The life cycle of one's own personal access tokens. See
// https://learn.microsoft.com/rest/api/azure/devops/tokens/pats and
// specification/tokens in https://github.com/MicrosoftDocs/vsts-rest-api-specs.

// patsVersion: 7.1 is the last released version of the REST API, in which this
// part is still a preview. 7.2, all of it a preview, only adds errors, which
// groupOf knows whoever sends them.
const patsVersion = "7.1-preview.1"

// CreatePAT makes a token of the caller. Display name, scopes and end are needed.
//
// After ErrUnknownOutcome there may be a token of that name whose secret nobody
// knows; after ErrOrphan there is. Both should be revoked.
func (c *Client) CreatePAT(ctx context.Context, organization string, auth Auth, want PATRequest) (IssuedPAT, error) {
	body, err := want.body()
	if err != nil {
		return IssuedPAT{}, err
	}
	if body.DisplayName == "" || body.Scope == "" || body.ValidTo == "" {
		return IssuedPAT{}, fmt.Errorf("%w: it lacks a display name, scopes or an end", ErrPATRequest)
	}
	req, err := patsCall("make a token in "+organization, http.MethodPost, organization, auth)
	if err != nil {
		return IssuedPAT{}, err
	}
	req.body, req.notFound = body, ErrNoOrganization
	a, err := c.send(ctx, req)
	if err != nil {
		return IssuedPAT{}, err
	}
	return c.issued(req, a)
}

// GetPAT returns one of the caller's tokens. That the server still knows it does
// not mean that it is alive: expired and revoked ones remain for some months.
func (c *Client) GetPAT(ctx context.Context, organization string, auth Auth, authorizationID string) (PATRecord, error) {
	req, err := patCall("read", http.MethodGet, organization, auth, authorizationID)
	if err != nil {
		return PATRecord{}, err
	}
	return c.one(ctx, req, authorizationID)
}

// UpdatePAT changes a token. What is zero in want stays as it is, but for
// AllOrganizations: a token for all organisations is narrowed to this one unless
// it is set. The secret stays the same.
func (c *Client) UpdatePAT(ctx context.Context, organization string, auth Auth, authorizationID string, want PATRequest) (PATRecord, error) {
	body, err := want.body()
	if err != nil {
		return PATRecord{}, err
	}
	req, err := patCall("change", http.MethodPut, organization, auth, authorizationID)
	if err != nil {
		return PATRecord{}, err
	}
	body.AuthorizationID = guid(authorizationID)
	req.url, req.body = patsURL(organization, nil), body
	return c.one(ctx, req, authorizationID)
}

// RevokePAT revokes a token and returns how long the server, though it obeyed,
// asks to wait. It may take the service an hour to act on it.
//
// ErrNoToken is no success: a token of another account looks the same, and is
// alive. Repeating is safe, also after ErrUnknownOutcome.
func (c *Client) RevokePAT(ctx context.Context, organization string, auth Auth, authorizationID string) (time.Duration, error) {
	req, err := patCall("revoke", http.MethodDelete, organization, auth, authorizationID)
	if err != nil {
		return 0, err
	}
	// The description promises 200, its example answers 204.
	req.empty = true
	var r patResult
	a, err := c.do(ctx, req, &r)
	if err != nil {
		return 0, err
	}
	if err := c.declined(req, a, r); err != nil {
		return 0, err
	}
	if r.Error == "" && !a.vacant() {
		return 0, c.failure(req, a, ErrReply, errors.New("it does not say that the token was revoked"))
	}
	return retryAfter(a.header, c.now), nil
}

// vacant reports whether there is nothing in the answer, be it as JSON.
func (a *answer) vacant() bool {
	body := string(bytes.TrimSpace(a.body))
	return body == "" || body == "{}" || body == "null"
}

// patsCall prepares a call about the tokens of an organisation.
func patsCall(op, method, organization string, auth Auth) (call, error) {
	if !ValidOrganization(organization) {
		return call{}, ErrOrganizationName
	}
	if err := auth.managesPATs(); err != nil {
		return call{}, err
	}
	return call{op: op, method: method, url: patsURL(organization, nil), version: patsVersion, auth: auth}, nil
}

// patCall prepares a call about one token.
func patCall(verb, method, organization string, auth Auth, authorizationID string) (call, error) {
	id := guid(authorizationID)
	if id == "" {
		return call{}, fmt.Errorf("%w: %q is not the id of one", ErrPATRequest, cut(authorizationID))
	}
	req, err := patsCall(verb+" token "+id+" of "+organization, method, organization, auth)
	req.url, req.notFound = patsURL(organization, url.Values{"authorizationId": {id}}), ErrNotFound
	return req, err
}

// ValidID reports whether s has the form of a token's id, a GUID.
func ValidID(s string) bool { return guid(s) != "" }

// patsURL is the end point, in the organisation's identity service. One path
// serves both a token and the list of them.
func patsURL(organization string, query url.Values) string {
	u := url.URL{Scheme: "https", Host: "vssps.dev.azure.com", Path: "/" + organization + "/_apis/tokens/pats", RawQuery: query.Encode()}
	return u.String()
}

// one sends a call whose answer is the token of the given id.
func (c *Client) one(ctx context.Context, req call, authorizationID string) (PATRecord, error) {
	var r patResult
	a, err := c.do(ctx, req, &r)
	if err != nil {
		return PATRecord{}, err
	}
	record, err := c.record(req, a, r)
	if err != nil {
		return PATRecord{}, err
	}
	if record.AuthorizationID != guid(authorizationID) {
		return PATRecord{}, c.failure(req, a, ErrReply, errors.New("it is about another token"))
	}
	return record, nil
}

// record returns the token of a reply, or the error in its place.
func (c *Client) record(req call, a *answer, r patResult) (PATRecord, error) {
	if err := c.declined(req, a, r); err != nil {
		return PATRecord{}, err
	}
	if r.Token == nil {
		return PATRecord{}, c.failure(req, a, ErrReply, errors.New("it holds neither a token nor an error"))
	}
	record, err := r.Token.record()
	if err != nil {
		return PATRecord{}, c.failure(req, a, ErrReply, err)
	}
	record.RetryAfter = retryAfter(a.header, c.now)
	return record, nil
}

// issued reads the answer to CreatePAT. Whatever is wrong with it, the id of a
// token that was made gets into the error.
func (c *Client) issued(req call, a *answer) (IssuedPAT, error) {
	var r patResult
	err := c.decode(req, a, &r)
	var record PATRecord
	if err == nil {
		record, err = c.record(req, a, r)
	}
	if err == nil {
		if err = plausible(r.Token.Token.Secret); err == nil && record.Expires.IsZero() {
			err = errors.New("it does not say when the token ends")
		}
		if err == nil {
			return IssuedPAT{record, r.Token.Token.Secret}, nil
		}
		err = c.failure(req, a, ErrReply, err)
	}
	var e *Error
	if errors.As(err, &e) && e.Kind == ErrUnknownOutcome && r.Token != nil {
		if e.AuthorizationID = guid(r.Token.AuthorizationID); e.AuthorizationID != "" || r.Token.Token.IsSet() {
			e.Kind = ErrOrphan
		}
	}
	return IssuedPAT{}, err
}
