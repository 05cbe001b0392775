package emulator

// SeedApplication is an application registered in Microsoft Entra. Visual
// Studio and Azure CLI, which clients borrow, are there without a seed.
type SeedApplication struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Audience says whose people may use it, in the words of the manifest:
	// AzureADMyOrg (Tenant's only), AzureADMultipleOrgs (default) or
	// AzureADandPersonalMicrosoftAccount, see
	// https://learn.microsoft.com/entra/identity-platform/supported-accounts-validation
	Audience string `json:"audience,omitempty"`
	Tenant   string `json:"tenant,omitempty"` // name of its home
	// Redirects are the registered addresses. None: http://localhost.
	Redirects []string `json:"redirects,omitempty"`
	// Permissions are the delegated scopes of Azure DevOps that it may ask
	// for, such as vso.code_write. None: all.
	Permissions []string `json:"permissions,omitempty"`
	// Assigned, if there are any, are the only users let in (AADSTS50105).
	Assigned []string `json:"assigned,omitempty"`
	// Consented are users who consented before the start; "*" is an
	// administrator's consent for everybody.
	Consented []string `json:"consented,omitempty"`
}
