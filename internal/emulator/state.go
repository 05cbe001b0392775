package emulator

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// world is what the seed describes. It does not change after New.
type world struct {
	orgs  map[string]*organization // by lower-case name
	users map[string]*user         // by lower-case sign-in name

	tenantIDs map[string]string // by name
}

// organization is one organization with its tenant and projects.
type organization struct {
	name       string
	tenant     string // tenant id; zeroGUID: MSA-backed
	instanceID string
	stopped    string
	projects   []*project
}

// project is one project of an organization.
type project struct {
	org          *organization
	name, id     string
	public       bool
	repositories []*repository
}

// repository is one Git repository; its bare repository is named by its id,
// never by its name, so that a name cannot reach outside the directory.
type repository struct {
	project       *project
	name, id      string
	defaultBranch string
	protected     []string
	disabled      bool
}

// user is a person as the service knows one.
type user struct {
	upn, displayName string
	// vsid is the storage key that REST replies call id; cuid is the same
	// with another version nibble, as seen in recorded traffic.
	vsid, cuid string
	grants     []grant
}

// descriptor is the legacy identity descriptor, used in ACLs and in messages.
func (u *user) descriptor(o *organization) string {
	return "Microsoft.IdentityModel.Claims.ClaimsIdentity;" + u.identity(o)
}

// identity is the account as permission messages print it.
func (u *user) identity(o *organization) string { return o.tenant + `\` + u.upn }

// subjectDescriptor is the Graph name: a kind and the base64url of the CUID.
// https://learn.microsoft.com/en-us/rest/api/azure/devops/graph/descriptors
func (u *user) subjectDescriptor(o *organization) string {
	kind := "aad."
	if o.msa() {
		kind = "msa."
	}
	return kind + base64.RawURLEncoding.EncodeToString([]byte(u.cuid))
}

// rights are what u may do with repo.
func (u *user) rights(repo *repository) []Right {
	rights, _ := rightsOn(u.grants, repo.project.org.name, repo.project.name, repo.name)
	return rights
}

// msa reports whether the organization is not connected to a tenant.
func (o *organization) msa() bool { return o.tenant == zeroGUID }

// project finds a project by name or id, in any case.
func (o *organization) project(nameOrID string) *project {
	for _, p := range o.projects {
		if strings.EqualFold(p.name, nameOrID) || strings.EqualFold(p.id, nameOrID) {
			return p
		}
	}
	return nil
}

// repositories lists those of all projects.
func (o *organization) repositories() []*repository {
	var all []*repository
	for _, p := range o.projects {
		all = append(all, p.repositories...)
	}
	return all
}

// repository finds a repository of the project by name or id, in any case.
func (p *project) repository(nameOrID string) *repository {
	return findRepository(p.repositories, nameOrID)
}

// findRepository finds one of a list by name or id, in any case.
func findRepository(list []*repository, nameOrID string) *repository {
	for _, r := range list {
		if strings.EqualFold(r.name, nameOrID) || strings.EqualFold(r.id, nameOrID) {
			return r
		}
	}
	return nil
}

// newWorld checks a seed and gives every thing its id.
func newWorld(seed Seed) (*world, error) {
	w := &world{orgs: map[string]*organization{}, users: map[string]*user{}}
	tenants := map[string]string{}
	for _, t := range seed.Tenants {
		id, err := idOr(t.ID, "tenant", t.Name)
		if err != nil || t.Name == "" {
			return nil, fmt.Errorf("tenant %q: a name is needed, and a GUID or no id: %w", t.Name, errOr(err))
		}
		tenants[t.Name] = strings.ToLower(id)
	}
	w.tenantIDs = tenants
	for _, so := range seed.Organizations {
		o, err := newOrganization(so, tenants)
		if err != nil {
			return nil, fmt.Errorf("organization %q: %w", so.Name, err)
		}
		if w.org(o.name) != nil {
			return nil, fmt.Errorf("organization %q: listed twice", so.Name)
		}
		w.orgs[strings.ToLower(o.name)] = o
	}
	for _, su := range seed.Users {
		u, err := w.newUser(su)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", su.UPN, err)
		}
		w.users[strings.ToLower(u.upn)] = u
	}
	return w, nil
}

// org finds an organization by name, in any case.
func (w *world) org(name string) *organization { return w.orgs[strings.ToLower(name)] }

// user finds a user by sign-in name, in any case.
func (w *world) user(upn string) *user { return w.users[strings.ToLower(upn)] }
