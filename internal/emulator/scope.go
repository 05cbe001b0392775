package emulator

import (
	"slices"
	"strings"
)

// Scopes that Git over HTTPS and the repository calls need. Source:
// https://learn.microsoft.com/en-us/azure/devops/integrate/get-started/authentication/oauth#scopes
const (
	scopeFull      = "app_token" // a full-access token
	scopeCodeRead  = "vso.code"
	scopeCodeWrite = "vso.code_write"
	scopeProject   = "vso.project"
)

// scopeLadders orders scopes from weak to strong, each containing those
// before it (column "inherits from" of the page above).
func scopeLadders() [][]string {
	return [][]string{
		{scopeCodeRead, scopeCodeWrite, "vso.code_manage", "vso.code_full"},
		{scopeProject, "vso.project_write", "vso.project_manage"},
		{"vso.build", "vso.build_execute"},
		{"vso.packaging", "vso.packaging_write", "vso.packaging_manage"},
		{"vso.identity", "vso.identity_manage"},
		{"vso.graph", "vso.graph_manage"},
		{"vso.profile", "vso.profile_write"},
		{scopePATs, scopePATsManage},
	}
}

// scopeAllows reports whether a token with the granted scopes may do what
// needs the scope need. An empty need is allowed to every token.
func scopeAllows(granted, need string) bool {
	have := strings.Fields(granted)
	if need == "" || slices.Contains(have, scopeFull) || slices.Contains(have, need) {
		return true
	}
	for _, ladder := range scopeLadders() {
		at := slices.Index(ladder, need)
		if at < 0 {
			continue
		}
		if slices.ContainsFunc(ladder[at:], func(s string) bool { return slices.Contains(have, s) }) {
			return true
		}
	}
	return false
}

// validScope accepts a non-empty list of words that look like scopes.
func validScope(scope string) bool {
	words := strings.Fields(scope)
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool {
		return w != scopeFull && w != "user_impersonation" && !strings.HasPrefix(w, "vso.")
	})
}
