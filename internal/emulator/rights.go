package emulator

import (
	"fmt"
	"slices"
	"strings"
)

// Right is one permission on a Git repository, named after the bits of the
// Git Repositories security namespace:
// https://learn.microsoft.com/en-us/azure/devops/organizations/security/namespace-reference#object-level-namespaces-and-permissions
type Right string

// The rights the emulator checks.
const (
	Read         Right = "read"         // GenericRead
	Contribute   Right = "contribute"   // GenericContribute: push
	ForcePush    Right = "forcePush"    // ForcePush: rewrite history, delete branches and tags
	CreateBranch Right = "createBranch" // CreateBranch
	CreateTag    Right = "createTag"    // CreateTag
	PolicyExempt Right = "policyExempt" // PolicyExempt: push to protected branches
)

// Role is a named set of rights.
type Role string

// The roles, after the default groups of a project:
// https://learn.microsoft.com/en-us/azure/devops/organizations/security/default-git-permissions
const (
	Reader        Role = "reader"
	Contributor   Role = "contributor"
	Administrator Role = "administrator"
)

// rightsOf is what a role allows.
func rightsOf(role Role) ([]Right, error) {
	switch role {
	case "":
		return nil, nil
	case Reader:
		return []Right{Read}, nil
	case Contributor:
		return []Right{Read, Contribute, CreateBranch, CreateTag}, nil
	case Administrator:
		return []Right{Read, Contribute, ForcePush, CreateBranch, CreateTag}, nil
	}
	return nil, fmt.Errorf("unknown role %q: use %s, %s or %s", role, Reader, Contributor, Administrator)
}

// grant is a SeedAccess with its role resolved and its path in lower case.
type grant struct {
	on     string
	rights []Right
}

// newGrant checks one entry of a user's access list.
func newGrant(a SeedAccess) (grant, error) {
	rights, err := rightsOf(a.Role)
	if err != nil {
		return grant{}, err
	}
	known, _ := rightsOf(Administrator)
	known = append(known, PolicyExempt)
	for _, r := range a.Allow {
		if !slices.Contains(known, r) {
			return grant{}, fmt.Errorf("unknown right %q: use one of %v", r, known)
		}
	}
	return grant{on: strings.ToLower(a.On), rights: slices.Concat(rights, a.Allow)}, nil
}

// rightsOn returns the rights of the entry nearest to a path such as
// "org/project/repository", and whether there is one.
func rightsOn(grants []grant, path ...string) ([]Right, bool) {
	for n := len(path); n > 0; n-- {
		want := strings.ToLower(strings.Join(path[:n], "/"))
		for _, g := range grants {
			if g.on == want {
				return g.rights, true
			}
		}
	}
	return nil, false
}

// belongs reports whether any entry is at or below the organization.
func belongs(grants []grant, org string) bool {
	org = strings.ToLower(org)
	return slices.ContainsFunc(grants, func(g grant) bool {
		return g.on == org || strings.HasPrefix(g.on, org+"/")
	})
}
