package azdo

import (
	"strings"
	"testing"
)

func TestHighPrivilege(t *testing.T) {
	t.Parallel()
	for scopes, want := range map[string]string{
		"": "", "vso.code_write": "", "vso.code vso.work_full vso.symbols_manage": "", "vso.code_write vso.code_manage": "vso.code_manage",
		"app_token": "app_token", "vso.variablegroups_manage vso.code_full": "vso.variablegroups_manage", "vso.securefiles_read": "vso.securefiles_read",
	} {
		if got := HighPrivilege(strings.Fields(scopes)); got != want {
			t.Errorf("%q: %q, want %q", scopes, got, want)
		}
	}
}
