package oauth

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

const (
	// DefaultClientID is the application that every open-source helper for Azure
	// Repos signs in as: Microsoft's Visual Studio. It needs no registration and
	// no consent, and it is Microsoft's to close. See
	// https://github.com/git-ecosystem/git-credential-manager, AzureDevOpsConstants.cs.
	DefaultClientID = "872cd9fa-d31f-45e0-9eab-6e460a02d1f1"
	// azureDevOps is the resource that tokens are for. See
	// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/entra
	azureDevOps = "499b84ac-1321-427f-aa17-267ca6975798"

	entraHost = "login.microsoftonline.com"
	zeroGUID  = "00000000-0000-0000-0000-000000000000"
)

// Entra returns Microsoft Entra as the provider of one tenant, a GUID: never
// "common" or "organizations", where the person's account would choose whom we
// trust. clientID is the application to sign in as, "" for DefaultClientID.
//
// Microsoft's own application has its permissions already and takes .default
// only. One that an organisation has registered asks for no more than patrol
// uses: managing the person's own tokens, and Git where there can be none.
//
// The metadata of Entra names no PKCE method although S256 works
// (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow),
// so it is not asked for: everything is known.
func Entra(tenant, clientID string) (Provider, error) {
	id := guid(tenant)
	if id == "" || id == zeroGUID {
		return Provider{}, fmt.Errorf("%w: %s is not the GUID of a tenant", ErrProvider, cred.Escape(tenant))
	}
	scopes := []string{azureDevOps + "/vso.pats_manage", azureDevOps + "/vso.code_write"}
	switch clientID = cred.Lower(clientID); {
	case clientID == "" || clientID == DefaultClientID:
		clientID = DefaultClientID
		scopes = []string{azureDevOps + "/.default"}
	case guid(clientID) == "":
		return Provider{}, fmt.Errorf("%w: %s is not the GUID of an application", ErrProvider, cred.Escape(clientID))
	}
	authority := "https://" + entraHost + "/" + id
	return Provider{
		Issuer:       authority + "/v2.0",
		AuthorizeURL: authority + "/oauth2/v2.0/authorize",
		TokenURL:     authority + "/oauth2/v2.0/token",
		ClientID:     clientID,
		Scopes:       append(scopes, "offline_access", "openid", "profile"),
		// The application's redirect is registered as http://localhost; Entra takes
		// any port with it: https://learn.microsoft.com/entra/identity-platform/reply-url#localhost-exceptions
		RedirectHost: localhost,
		RedirectPath: "/",
		Params:       url.Values{"response_mode": {"query"}},
	}, nil
}

// TokenHost reports whether an access token of Entra for Azure DevOps may be
// sent to a host, given with its port if that is not 443. Whoever gets it can do
// all its owner can, so this is a list of names, not a pattern: what Azure
// DevOps documents as hosts of its REST API, and the older name of an organisation.
func TokenHost(host string) bool {
	name, err := cred.Canonical("https", host)
	if err != nil || strings.HasSuffix(host, ".") {
		return false
	}
	switch name {
	case "dev.azure.com", "vssps.dev.azure.com", "vsaex.dev.azure.com", "auditservice.dev.azure.com",
		"advsec.dev.azure.com", "app.vssps.visualstudio.com":
		return true
	}
	org, ok := strings.CutSuffix(name, ".visualstudio.com")
	return ok && validOrganization(org)
}

// validOrganization keeps everything out of a URL that is not the name of an
// organisation. See
// https://learn.microsoft.com/azure/devops/organizations/settings/naming-restrictions
func validOrganization(name string) bool {
	return name != "" && len(name) <= 50 && name[0] != '-' && name[len(name)-1] != '-' &&
		!strings.ContainsFunc(name, func(r rune) bool { return r != '-' && !alphanumeric(r) })
}
