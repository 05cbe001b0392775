package azdo

import "slices"

// HighPrivilege returns the first of a token's scopes that opens more than code
// to whoever finds it; "" if there is none: all that its owner may, or one that the
// documentation marks as of high privilege. See
// https://github.com/MicrosoftDocs/azure-devops-docs/blob/main/docs/integrate/includes/scopes.md
func HighPrivilege(scopes []string) string {
	high := []string{
		"app_token", "user_impersonation",
		"vso.code_full", "vso.packaging_write", "vso.packaging_manage", "vso.build_execute", "vso.release_execute", "vso.release_manage",
		"vso.serviceendpoint_manage", "vso.identity_manage", "vso.graph_manage", "vso.memberentitlementmanagement_write",
		"vso.security_manage", "vso.tokens", "vso.tokenadministration", "vso.project_manage",
	}
	i := slices.IndexFunc(scopes, func(s string) bool { return slices.Contains(high, s) })
	if i < 0 {
		return ""
	}
	return scopes[i]
}
