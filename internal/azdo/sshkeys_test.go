package azdo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

const sshToken = `{"authorizationId":"` + made + `","displayName":"laptop","isPublic":true,"isValid":true,"publicData":"ssh-rsa AAAA",
 "validFrom":"2026-11-01T00:00:00.123Z","validTo":"2027-11-01T00:00:00Z","token":null,"new":[1]}`

// The list comes in two shapes, by the version that a server speaks.
func TestSSHKeys(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"count":1,"value":[` + sshToken + `]}`, `{"sessionTokens":[` + sshToken + `],"nextRowNumber":-1}`} {
		c, f := patClient(t, reply(200, jsonType, body))
		keys, err := c.SSHKeys(t.Context(), "contoso", entra)
		want := SSHKey{made, "laptop", "ssh-rsa AAAA", at("2026-11-01T00:00:00.123Z"), at("2027-11-01T00:00:00Z"), true}
		if err != nil || len(keys) != 1 || keys[0] != want {
			t.Errorf("%+v, %v", keys, err)
		}
		requests, _ := f.seen()
		if r := requests[0]; r.Host != "vssps.dev.azure.com" || r.RequestURI != "/contoso/_apis/Token/SessionTokens?includePublicData=true&isPublic=true" {
			t.Errorf("%s %s", r.Host, r.RequestURI)
		}
	}
}

func TestAddSSHKey(t *testing.T) {
	t.Parallel()
	add := func(c *Client) (SSHKey, error) {
		return c.AddSSHKey(t.Context(), "contoso", shop, entra, "laptop", "ssh-rsa AAAA", at("2027-11-01T00:00:00Z"))
	}
	var asked hierarchy
	c, _ := patClient(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &asked); err != nil {
			t.Error(err)
		}
		reply(200, jsonType, `{"dataProviders":{"`+issueProvider+`":`+sshToken+`}}`)(w, r)
	})
	key, err := add(c)
	p := asked.Context.Properties
	if err != nil || key.AuthorizationID != made || asked.IDs[0] != issueProvider || !p.IsPublic || p.PublicData != "ssh-rsa AAAA" || p.TargetAccounts[0] != shop || p.ValidTo != "2027-11-01T00:00:00.000Z" {
		t.Errorf("%+v, %v; asked %+v", key, err, asked)
	}
	for body, want := range map[string]error{
		`{"dataProviders":{},"dataProviderExceptions":{"` + issueProvider + `":{"message":"duplicateHash: ` + canary + `"}}}`: ErrSSHKey,
		`{"dataProviders":{}}`: ErrUnknownOutcome,
		`{"dataProviders":{"` + issueProvider + `":{"authorizationId":"none"}}}`: ErrUnknownOutcome,
		`[]`: ErrUnknownOutcome,
	} {
		c, _ := patClient(t, reply(200, jsonType, body))
		_, err := add(c)
		if !errors.Is(err, want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
}

// hierarchy is what a data provider is asked, as the portal does.
type hierarchy struct {
	IDs     []string `json:"contributionIds"`
	Context struct {
		Properties struct {
			PublicData, ValidTo string
			IsPublic            bool
			TargetAccounts      []string
		} `json:"properties"`
	} `json:"dataProviderContext"`
}

func TestDeleteSSHKey(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{200: nil, 204: nil, 401: ErrRefused, 404: ErrNotFound, 500: ErrUnknownOutcome} {
		c, _ := patClient(t, reply(status, "", ""))
		if err := c.DeleteSSHKey(t.Context(), "contoso", entra, made); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", status, err, want)
		}
	}
}

// Nothing is sent for what cannot be meant.
func TestSSHKeyArguments(t *testing.T) {
	t.Parallel()
	c, f := patClient(t, reply(200, jsonType, `{}`))
	ctx := context.Background()
	for _, org := range []string{"", "../x", "a b", "x?y"} {
		if _, err := c.SSHKeys(ctx, org, entra); !errors.Is(err, ErrOrganizationName) {
			t.Errorf("%q: %v", org, err)
		}
		if _, err := c.AddSSHKey(ctx, org, shop, entra, "x", "y", at("2027-11-01T00:00:00Z")); !errors.Is(err, ErrOrganizationName) {
			t.Errorf("%q: %v", org, err)
		}
	}
	if err := c.DeleteSSHKey(ctx, "contoso", entra, "../pats"); err == nil {
		t.Error("an id that is none")
	}
	if _, err := c.SSHKeys(ctx, "contoso", PAT(cred.NewSecret(canary))); !errors.Is(err, ErrNotBearer) {
		t.Errorf("a PAT: %v", err)
	}
	if requests, _ := f.seen(); len(requests) != 0 {
		t.Errorf("%d requests", len(requests))
	}
}
