package azdo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Connection is who the server takes us for.
type Connection struct {
	// UserID is the person's storage key in the organisation, a GUID.
	UserID string
	// Account is the sign-in name (UPN). Empty for what is not a person.
	Account     string
	DisplayName string
	// Tenant is the Entra tenant of the account, a GUID. Empty for a Microsoft
	// account.
	Tenant string
	// SubjectDescriptor is the key of Graph and the security API ("aad.…").
	SubjectDescriptor string
	// InstanceID is the organisation's GUID, the one in a token's targetAccounts.
	InstanceID string
	// RetryAfter is set when the server, though it answered, asks to slow down.
	RetryAfter time.Duration
}

// identity is the part of connectionData's authenticatedUser that we read.
type identity struct {
	ID                  string `json:"id"`
	Descriptor          string `json:"descriptor"`
	SubjectDescriptor   string `json:"subjectDescriptor"`
	ProviderDisplayName string `json:"providerDisplayName"`
	Properties          struct {
		Account struct {
			Value string `json:"$value"`
		} `json:"Account"`
	} `json:"properties"`
}

// Connection asks the organisation who the credential belongs to. It is the
// cheapest question whose answer tells whether a credential is alive. See GET _apis/connectionData in
// https://github.com/microsoft/azure-devops-node-api (LocationsApi).
func (c *Client) Connection(ctx context.Context, organization string, auth Auth) (Connection, error) {
	if !ValidOrganization(organization) {
		return Connection{}, ErrOrganizationName
	}
	req := call{
		op: "ask " + organization + " who we are", method: http.MethodGet, auth: auth, version: "7.2-preview.1", notFound: ErrNoOrganization,
		url: "https://dev.azure.com/" + organization + "/_apis/connectionData?connectOptions=None&lastChangeId=-1&lastChangeId64=-1",
	}
	var data struct {
		AuthenticatedUser identity `json:"authenticatedUser"`
		AuthorizedUser    identity `json:"authorizedUser"`
		InstanceID        string   `json:"instanceId"`
	}
	a, err := c.do(ctx, req, &data)
	if err != nil {
		return Connection{}, err
	}
	user := data.AuthenticatedUser
	if strings.EqualFold(user.ID, anonymous) || strings.EqualFold(data.AuthorizedUser.ID, anonymous) {
		return Connection{}, c.failure(req, a, ErrRefused, errors.New("the server takes us for anonymous"))
	}
	conn := Connection{
		UserID: guid(user.ID), Account: user.Properties.Account.Value, DisplayName: user.ProviderDisplayName, Tenant: tenant(user.Descriptor),
		SubjectDescriptor: user.SubjectDescriptor, InstanceID: guid(data.InstanceID), RetryAfter: retryAfter(a.header, c.now),
	}
	if conn.UserID == "" || conn.InstanceID == "" || !printable(conn.Account) || !printable(conn.DisplayName) || !printable(conn.SubjectDescriptor) {
		return Connection{}, c.failure(req, a, ErrReply, errors.New("it does not say who we are"))
	}
	return conn, nil
}

// tenant takes the tenant out of "…ClaimsIdentity;<tenant>\<upn>".
func tenant(descriptor string) string {
	_, rest, _ := strings.Cut(descriptor, ";")
	id, _, _ := strings.Cut(rest, `\`)
	return guid(id)
}

// printable keeps control characters, which Git's protocol and a terminal would
// take for something else, out of the names we store.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
