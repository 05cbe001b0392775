package emulator

import (
	"slices"
	"strings"
)

// graphID is Microsoft Graph, the resource of requests that name none. The
// emulator has nothing behind it.
const graphID = "00000003-0000-0000-c000-000000000000"

// scopeUser is the scope of a token that may do what its user may:
// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/entra
const scopeUser = "user_impersonation"

// Delegated scopes of the token calls; no token of them can be a personal
// access token.
const (
	scopePATs       = "vso.pats"
	scopePATsManage = "vso.pats_manage"
)

// authScopes is a request's scope parameter taken apart:
// https://learn.microsoft.com/entra/identity-platform/scopes-oidc
type authScopes struct {
	resource string   // id
	names    []string // of the resource, such as vso.code_write; what a token gets
	asked    []string // as asked, resource and all; what the reply repeats
	oidc     []string // openid, profile, email, offline_access
}

// has reports whether one of the OpenID Connect scopes was asked for.
func (s authScopes) has(oidc string) bool { return slices.Contains(s.oidc, oidc) }

// reply is the scope field of a token reply.
func (s authScopes) reply() string {
	out := slices.Clone(s.asked)
	for _, name := range s.names {
		if full := s.resource + "/" + name; !slices.Contains(out, full) {
			out = append(out, full)
		}
	}
	for _, name := range s.oidc {
		if name != "offline_access" {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// parseScopes checks a scope parameter for an application.
func parseScopes(text string, app *application, tenant string) (authScopes, *stsError) {
	s := authScopes{}
	if strings.TrimSpace(text) == "" {
		return s, missing("scope")
	}
	for _, word := range strings.Fields(text) {
		if slices.Contains([]string{"openid", "profile", "email", "offline_access"}, word) {
			s.oidc = append(s.oidc, word)
			continue
		}
		resource, name := splitScope(word)
		if s.resource != "" && s.resource != resource {
			return s, sts(28000, errInvalidRequest, "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope %s is not valid.", printable(text))
		}
		s.resource = resource
		s.asked = append(s.asked, word)
		if name == "" {
			return s, badScope(text)
		}
		if problem := s.add(app, name, tenant); problem != nil {
			return s, problem
		}
	}
	if slices.ContainsFunc(s.asked, isDefault) && len(s.asked) > 1 {
		return s, sts(70011, errInvalidScope, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. .default scope can't be combined with resource-specific scopes.")
	}
	if s.resource == "" {
		s.resource = graphID
	}
	return s, nil
}

// isDefault recognizes the scope that stands for all registered permissions.
func isDefault(word string) bool { return strings.HasSuffix(word, "/.default") }

// splitScope splits "resource/name". A word without a resource is one of
// Microsoft Graph's.
func splitScope(word string) (resource, name string) {
	at := strings.LastIndex(word, "/")
	if at < 0 {
		return graphID, word
	}
	resource, name = strings.ToLower(strings.TrimRight(word[:at], "/")), word[at+1:]
	switch resource {
	case "https://app.vssps.visualstudio.com":
		resource = azureDevOps
	case "https://graph.microsoft.com":
		resource = graphID
	}
	return resource, name
}

// add checks one scope of a resource.
func (s *authScopes) add(app *application, name, tenant string) *stsError {
	switch {
	case s.resource == graphID && app.firstParty:
		return notPreauthorized(app, s.resource)
	case s.resource == graphID:
		return sts(650057, errInvalidResource, "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration. Client app ID: %s(%s). Resource value from request: %s. Resource app ID: %s. List of valid resources from app registration: %s.", app.id, app.name, graphID, graphID, azureDevOps)
	case s.resource != azureDevOps:
		return sts(500011, errInvalidResource, "The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.", printable(s.resource), tenant)
	case name == ".default" && app.permissions != nil:
		s.names = slices.Clone(app.permissions)
	case name == ".default", name == scopeUser:
		s.names = append(s.names, scopeUser)
	case !slices.Contains(delegatedScopes(), name):
		return sts(650053, errInvalidClient, "The application '%s' asked for scope '%s' that doesn't exist on the resource '%s'. Contact the app vendor.", app.name, printable(name), s.resource)
	case app.firstParty:
		return notPreauthorized(app, s.resource)
	default:
		s.names = append(s.names, name)
	}
	return nil
}

// notPreauthorized refuses one of Microsoft's applications what it is not
// registered for.
func notPreauthorized(app *application, resource string) *stsError {
	return sts(65002, errInvalidRequest, "Consent between first party application '%s' and first party resource '%s' must be configured via preauthorization - applications owned and operated by Microsoft must get approval from the API owner before requesting tokens for that API.", app.id, resource)
}

func badScope(text string) *stsError {
	return sts(70011, errInvalidScope, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", printable(text))
}

// delegatedScopes lists the delegated permissions of Azure DevOps:
// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/oauth#scopes
// and, for the last two,
// https://learn.microsoft.com/azure/devops/organizations/accounts/manage-personal-access-tokens-via-api
func delegatedScopes() []string { return append(patScopes(), scopePATs, scopePATsManage) }

// patScopes lists the scopes that a personal access token can have, but for app_token.
func patScopes() []string {
	return strings.Fields(`
		vso.advsec vso.advsec_write vso.advsec_manage vso.agentpools vso.agentpools_manage vso.analytics vso.auditlog
		vso.auditstreams_manage vso.build vso.build_execute vso.code vso.code_write vso.code_manage vso.code_full
		vso.code_status vso.connected_server vso.dashboards vso.dashboards_manage vso.entitlements vso.environment_manage
		vso.extension vso.extension_manage vso.extension.data vso.extension.data_write vso.gallery vso.gallery_acquire
		vso.gallery_publish vso.gallery_manage vso.githubconnections vso.githubconnections_manage vso.graph vso.graph_manage
		vso.hooks vso.hooks_write vso.hooks_interact vso.identity vso.identity_manage vso.machinegroup_manage
		vso.memberentitlementmanagement vso.memberentitlementmanagement_write vso.notification vso.notification_write
		vso.notification_manage vso.notification_diagnostics vso.packaging vso.packaging_write vso.packaging_manage
		vso.pipelineresources_use vso.pipelineresources_manage vso.profile vso.profile_write vso.project vso.project_write
		vso.project_manage vso.release vso.release_execute vso.release_manage vso.securefiles_read vso.securefiles_write
		vso.securefiles_manage vso.security_manage vso.serviceendpoint vso.serviceendpoint_query vso.serviceendpoint_manage
		vso.settings vso.settings_write vso.symbols vso.symbols_write vso.symbols_manage vso.taskgroups_read
		vso.taskgroups_write vso.taskgroups_manage vso.test vso.test_write vso.threads_full vso.tokenadministration vso.tokens
		vso.variablegroups_read vso.variablegroups_write vso.variablegroups_manage vso.wiki vso.wiki_write vso.work
		vso.work_write vso.work_full`)
}
