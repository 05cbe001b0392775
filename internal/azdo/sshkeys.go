package azdo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// One's own SSH keys, by the calls of the portal's page of keys. Microsoft
// documents none of them, so they may change on any day: they are for who asks
// for them. Seen in https://github.com/xforcered/ADOKit (SshKeyUtils).

// The versions of the undocumented calls, as the portal sends them.
const (
	sessionTokensVersion = "5.0-preview.1"
	hierarchyVersion     = "5.0-preview.1"
)

// issueProvider is the data provider that makes session tokens, of which a key
// is one.
const issueProvider = "ms.vss-token-web.personal-access-token-issue-session-token-provider"

// ErrSSHKey says that the service took the call and declined the key; see Error.Message.
var ErrSSHKey = errors.New("the service did not take the key")

// SSHKey is what the server says of a public key.
type SSHKey struct {
	// AuthorizationID is the key's name in all calls: a GUID.
	AuthorizationID string
	// Name is whatever its owner wrote: escape it before it is shown.
	Name string
	// PublicKey is "ssh-rsa AAAA...", perhaps with a comment.
	PublicKey        string
	Created, Expires time.Time // zero when the server does not say
	Valid            bool
}

// sessionToken is SessionToken, as far as it is read.
type sessionToken struct {
	AuthorizationID string    `json:"authorizationId"`
	DisplayName     looseText `json:"displayName"`
	PublicData      looseText `json:"publicData"`
	IsValid         bool      `json:"isValid"`
	ValidFrom       stamp     `json:"validFrom"`
	ValidTo         stamp     `json:"validTo"`
}

// key is the key of a session token.
func (t sessionToken) key() (SSHKey, error) {
	k := SSHKey{
		AuthorizationID: guid(t.AuthorizationID), Name: string(t.DisplayName), PublicKey: string(t.PublicData),
		Created: t.ValidFrom.at, Expires: t.ValidTo.at, Valid: t.IsValid,
	}
	if k.AuthorizationID == "" {
		return k, errors.New("a key in it has no id")
	}
	return k, nil
}

// SSHKeys lists the caller's keys.
func (c *Client) SSHKeys(ctx context.Context, organization string, auth Auth) ([]SSHKey, error) {
	req, err := sshCall("list the SSH keys of "+organization, http.MethodGet, organization, auth, "")
	if err != nil {
		return nil, err
	}
	var list struct {
		Value         []sessionToken `json:"value"`
		SessionTokens []sessionToken `json:"sessionTokens"`
	}
	a, err := c.do(ctx, req, &list)
	if err != nil {
		return nil, err
	}
	var keys []SSHKey
	for _, t := range append(list.Value, list.SessionTokens...) {
		k, err := t.key()
		if err != nil {
			return nil, c.failure(req, a, ErrReply, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// AddSSHKey adds a public key under a name. instanceID is the organisation's
// own; see Connection. A key that is there already is ErrSSHKey with
// "duplicateHash" in its message.
func (c *Client) AddSSHKey(ctx context.Context, organization, instanceID string, auth Auth, name, publicKey string, until time.Time) (SSHKey, error) {
	if !ValidOrganization(organization) {
		return SSHKey{}, ErrOrganizationName
	}
	if err := auth.managesPATs(); err != nil {
		return SSHKey{}, err
	}
	req := call{
		op: "add an SSH key in " + organization, method: http.MethodPost, auth: auth, version: hierarchyVersion, notFound: ErrNoOrganization,
		url: "https://dev.azure.com/" + organization + "/_apis/Contribution/HierarchyQuery",
	}
	req.body = map[string]any{
		"contributionIds": []string{issueProvider},
		"dataProviderContext": map[string]any{"properties": map[string]any{
			"displayName": name, "publicData": publicKey, "validTo": until.UTC().Format("2006-01-02T15:04:05.000Z"),
			"scope": "app_token", "isPublic": true, "targetAccounts": []string{instanceID},
		}},
	}
	var reply struct {
		Providers  map[string]sessionToken `json:"dataProviders"`
		Exceptions map[string]struct {
			Message string `json:"message"`
		} `json:"dataProviderExceptions"`
	}
	a, err := c.do(ctx, req, &reply)
	if err != nil {
		return SSHKey{}, err
	}
	if e, ok := reply.Exceptions[issueProvider]; ok {
		return SSHKey{}, &Error{Kind: ErrSSHKey, Op: req.op, Status: a.status, Message: auth.scrub(e.Message), ActivityID: guid(a.header.Get("ActivityId"))}
	}
	k, err := reply.Providers[issueProvider].key()
	if err != nil {
		return SSHKey{}, c.failure(req, a, ErrReply, errors.New("it does not say that the key was added"))
	}
	return k, nil
}

// DeleteSSHKey deletes one of the caller's keys. ErrNotFound: there is none of
// that id, or no longer.
func (c *Client) DeleteSSHKey(ctx context.Context, organization string, auth Auth, authorizationID string) error {
	id := guid(authorizationID)
	if id == "" {
		return fmt.Errorf("%q is not the id of an SSH key", cut(authorizationID))
	}
	req, err := sshCall("delete SSH key "+id+" of "+organization, http.MethodDelete, organization, auth, id)
	if err != nil {
		return err
	}
	req.empty = true
	a, err := c.send(ctx, req)
	if err != nil {
		return err
	}
	return c.judge(req, a)
}

// sshCall prepares a call about keys in the organisation's identity service.
func sshCall(op, method, organization string, auth Auth, id string) (call, error) {
	if !ValidOrganization(organization) {
		return call{}, ErrOrganizationName
	}
	if err := auth.managesPATs(); err != nil {
		return call{}, err
	}
	query := url.Values{"isPublic": {"true"}, "includePublicData": {"true"}}
	u := url.URL{
		Scheme: "https", Host: "vssps.dev.azure.com", RawQuery: query.Encode(),
		Path: strings.TrimSuffix("/"+organization+"/_apis/Token/SessionTokens/"+id, "/"),
	}
	return call{op: op, method: method, url: u.String(), version: sessionTokensVersion, auth: auth, notFound: ErrNotFound}, nil
}
