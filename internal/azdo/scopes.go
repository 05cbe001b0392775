package azdo

import (
	"slices"
	"strings"
)

// HighPrivilege returns the first of a token's scopes that opens more than code
// to whoever finds it; "" if there is none: all that its owner may, or one that the
// documentation marks as of high privilege. See
// https://github.com/MicrosoftDocs/azure-devops-docs/blob/main/docs/integrate/includes/scopes.md
func HighPrivilege(scopes []string) string {
	const high = `
		app_token user_impersonation
		vso.advsec vso.advsec_write vso.advsec_manage vso.agentpools_manage vso.auditstreams_manage vso.build_execute
		vso.code_manage vso.code_full vso.environment_manage vso.extension_manage vso.gallery_publish vso.gallery_manage
		vso.githubconnections_manage vso.graph_manage vso.identity_manage vso.machinegroup_manage vso.memberentitlementmanagement_write
		vso.packaging_write vso.packaging_manage vso.pipelineresources_use vso.pipelineresources_manage vso.project_manage
		vso.release_execute vso.release_manage vso.securefiles_read vso.securefiles_write vso.securefiles_manage vso.security_manage
		vso.serviceendpoint_manage vso.taskgroups_manage vso.tokens vso.tokenadministration vso.variablegroups_manage`
	names := strings.Fields(high)
	i := slices.IndexFunc(scopes, func(s string) bool { return slices.Contains(names, s) })
	if i < 0 {
		return ""
	}
	return scopes[i]
}
