package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Seed is the state an emulator starts with, usually read from a JSON file.
// Names stand for the things of the service; every id may be left out and is
// then derived from the name, so that it is the same at each start.
type Seed struct {
	// Clock is the emulator's time at its start. Zero: the base clock's.
	Clock time.Time `json:"clock,omitzero"`
	// GlobalPATsEnd is when tokens for all organizations stop working. Zero:
	// 1 December 2026, the date of
	// https://devblogs.microsoft.com/devops/retirement-of-global-personal-access-tokens-in-azure-devops
	GlobalPATsEnd time.Time `json:"globalPatsEnd,omitzero"`
	// MissingScopeStatus is what Git gets for a token without the needed
	// scope, 401 or 403 (default): which one the service sends is not settled.
	MissingScopeStatus int `json:"missingScopeStatus,omitempty"`

	Tenants       []SeedTenant       `json:"tenants,omitempty"`
	Organizations []SeedOrganization `json:"organizations,omitempty"`
	Users         []SeedUser         `json:"users,omitempty"`
	Applications  []SeedApplication  `json:"applications,omitempty"`
	PATs          []SeedPAT          `json:"pats,omitempty"`
}

// SeedTenant is a Microsoft Entra tenant.
type SeedTenant struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Domains are what its people's sign-in names end in. None: name.com.
	Domains []string     `json:"domains,omitempty"`
	Policy  TenantPolicy `json:"policy,omitzero"`
}

// SeedOrganization is an Azure DevOps organization.
type SeedOrganization struct {
	Name string `json:"name"`
	// Tenant is the name of the tenant it is connected to. Empty: none, its
	// people sign in with personal Microsoft accounts ("MSA-backed").
	Tenant     string `json:"tenant,omitempty"`
	InstanceID string `json:"instanceId,omitempty"`
	// Stopped, if not empty, is the administrator's reason: every request is
	// answered with 503.
	Stopped  string        `json:"stopped,omitempty"`
	Policy   OrgPolicy     `json:"policy,omitzero"`
	Projects []SeedProject `json:"projects,omitempty"`
}

// SeedProject is a project of an organization.
type SeedProject struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
	// Visibility is "private" (default) or "public": anybody may read.
	Visibility   string           `json:"visibility,omitempty"`
	Repositories []SeedRepository `json:"repositories,omitempty"`
}

// SeedRepository is a Git repository of a project.
type SeedRepository struct {
	Name          string `json:"name"`
	ID            string `json:"id,omitempty"`
	DefaultBranch string `json:"defaultBranch,omitempty"` // short name; default "main"
	// Files, path to content, become the first commit. None: the repository
	// is empty.
	Files map[string]string `json:"files,omitempty"`
	// Protected are branches with a policy: no direct push. Full names, with
	// "/*" at the end for all below.
	Protected []string `json:"protected,omitempty"`
	Disabled  bool     `json:"disabled,omitempty"`
}

// SeedUser is a person.
type SeedUser struct {
	UPN         string `json:"upn"` // sign-in name, such as ada@contoso.com
	DisplayName string `json:"displayName,omitempty"`
	ID          string `json:"id,omitempty"`
	// Tenant is the name of the home tenant. Empty: the one with the domain of
	// the sign-in name, or none, which makes a personal Microsoft account.
	Tenant string `json:"tenant,omitempty"`
	// GuestOf are further tenants; those of organizations in Access are added.
	GuestOf []string `json:"guestOf,omitempty"`
	// Password is what the sign-in page wants. Empty: DefaultPassword.
	Password string `json:"password,omitempty"`
	// TOTP is the secret of the authenticator app, in base32. Empty: derived
	// from the sign-in name; "none": no second factor is registered.
	TOTP     string `json:"totp,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
	Locked   bool   `json:"locked,omitempty"`
	// Access lists rights. For a repository the entry of the longest path
	// counts alone; an entry with neither role nor rights hides what is there.
	Access []SeedAccess `json:"access,omitempty"`
}

// SeedAccess gives rights on an organization, a project or a repository.
type SeedAccess struct {
	On   string `json:"on"`             // "org", "org/project" or "org/project/repository"
	Role Role   `json:"role,omitempty"` // a named set of rights
	// Allow adds single rights to those of the role.
	Allow []Right `json:"allow,omitempty"`
}

// SeedPAT is a personal access token that exists from the start.
type SeedPAT struct {
	User  string `json:"user"`
	Name  string `json:"name,omitempty"`
	Scope string `json:"scope"` // space-separated, such as "vso.code_write vso.packaging"
	// Organizations it is for. None: a global token.
	Organizations []string `json:"organizations,omitempty"`
	Format        Format   `json:"format,omitempty"`
	// Token is the secret itself, for clients that must know it beforehand.
	// Empty: one is made and forgotten, for lists of other people's tokens.
	Token string `json:"token,omitempty"`
	ID    string `json:"id,omitempty"`
	// ValidFrom is absent for "now"; ValidTo wins over Life, whose default is 7 days.
	ValidFrom time.Time `json:"validFrom,omitzero"`
	ValidTo   time.Time `json:"validTo,omitzero"`
	Life      Duration  `json:"life,omitzero"`
	Revoked   bool      `json:"revoked,omitempty"`
}

// ReadSeed reads a seed from a JSON file. A field it does not know is an
// error, since a mistyped right would otherwise be a silently missing one.
func ReadSeed(name string) (Seed, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return Seed{}, err
	}
	seed, err := ParseSeed(data)
	if err != nil {
		return Seed{}, fmt.Errorf("%s: %w", name, err)
	}
	return seed, nil
}

// ParseSeed is ReadSeed for data at hand.
func ParseSeed(data []byte) (Seed, error) {
	var seed Seed
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&seed); err != nil {
		return Seed{}, err
	}
	if decoder.More() {
		return Seed{}, fmt.Errorf("more than one JSON value")
	}
	return seed, nil
}
