package emulator

import (
	"errors"
	"fmt"
	"strings"
)

// errOr gives a wrapped error something to say where there was none.
func errOr(err error) error {
	if err == nil {
		return errors.New("it is missing")
	}
	return err
}

// idOr checks an id from a seed, or derives one from words.
func idOr(id string, words ...string) (string, error) {
	if id == "" {
		return derivedGUID(words...), nil
	}
	if !isGUID(id) {
		return "", fmt.Errorf("%q is not a GUID", id)
	}
	return strings.ToLower(id), nil
}

// checkName refuses names that could not stand in a path of the service:
// https://learn.microsoft.com/en-us/azure/devops/organizations/settings/naming-restrictions
func checkName(name string) error {
	if name == "" || len(name) > 64 || strings.ContainsAny(name, "\\/:*?\"<>;#$,+=[]|\x00\r\n\t") ||
		strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
		return fmt.Errorf("%q cannot be a name", name)
	}
	return nil
}

func newOrganization(so SeedOrganization, tenants map[string]string) (*organization, error) {
	if !isLabel(strings.ToLower(so.Name)) {
		return nil, errors.New("a name has letters, digits and hyphens only")
	}
	o := &organization{name: so.Name, stopped: so.Stopped, tenant: zeroGUID}
	if so.Tenant != "" {
		id, ok := tenants[so.Tenant]
		if !ok {
			return nil, fmt.Errorf("tenant %q is not in the seed", so.Tenant)
		}
		o.tenant = id
	}
	var err error
	if o.instanceID, err = idOr(so.InstanceID, "organization", so.Name); err != nil {
		return nil, err
	}
	for _, sp := range so.Projects {
		p, err := newProject(o, sp)
		if err != nil {
			return nil, fmt.Errorf("project %q: %w", sp.Name, err)
		}
		o.projects = append(o.projects, p)
	}
	return o, nil
}

func newProject(o *organization, sp SeedProject) (*project, error) {
	if err := checkName(sp.Name); err != nil {
		return nil, err
	}
	if o.project(sp.Name) != nil {
		return nil, errors.New("listed twice")
	}
	p := &project{org: o, name: sp.Name, public: sp.Visibility == "public"}
	if sp.Visibility != "" && sp.Visibility != "public" && sp.Visibility != "private" {
		return nil, fmt.Errorf("visibility %q: use private or public", sp.Visibility)
	}
	var err error
	if p.id, err = idOr(sp.ID, "project", o.name, sp.Name); err != nil {
		return nil, err
	}
	for _, sr := range sp.Repositories {
		r, err := newRepository(p, sr)
		if err != nil {
			return nil, fmt.Errorf("repository %q: %w", sr.Name, err)
		}
		p.repositories = append(p.repositories, r)
	}
	return p, nil
}

func newRepository(p *project, sr SeedRepository) (*repository, error) {
	if err := checkName(sr.Name); err != nil {
		return nil, err
	}
	if p.repository(sr.Name) != nil {
		return nil, errors.New("listed twice")
	}
	r := &repository{project: p, name: sr.Name, defaultBranch: sr.DefaultBranch, protected: sr.Protected, disabled: sr.Disabled}
	if r.defaultBranch == "" {
		r.defaultBranch = "main"
	}
	if !plainRef("refs/heads/" + r.defaultBranch) {
		return nil, fmt.Errorf("default branch %q: use letters, digits and - _ . /", r.defaultBranch)
	}
	for _, ref := range r.protected {
		if !plainRef(strings.TrimSuffix(ref, "/*")) {
			return nil, fmt.Errorf("protected %q: use a full name such as refs/heads/main or refs/heads/release/*", ref)
		}
	}
	var err error
	r.id, err = idOr(sr.ID, "repository", p.org.name, p.name, sr.Name)
	return r, err
}

// plainRef accepts ref names without anything special to shells or to Git,
// since they go into a hook's environment and a configuration file.
func plainRef(ref string) bool {
	rest, ok := strings.CutPrefix(ref, "refs/")
	if !ok || rest == "" || strings.Contains(rest, "..") || strings.Contains(rest, "//") ||
		strings.HasSuffix(rest, "/") || strings.HasSuffix(rest, ".lock") {
		return false
	}
	return !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./", r)
	})
}

func (w *world) newUser(su SeedUser) (*user, error) {
	if !strings.Contains(su.UPN, "@") || strings.ContainsAny(su.UPN, " \t\r\n\\:") {
		return nil, errors.New("a sign-in name looks like ada@contoso.com")
	}
	if w.user(su.UPN) != nil {
		return nil, errors.New("listed twice")
	}
	id, err := idOr(su.ID, "user", su.UPN)
	if err != nil {
		return nil, err
	}
	// Version nibbles as in recorded traffic: 6 in the storage key, 7 in the CUID.
	u := &user{upn: su.UPN, displayName: su.DisplayName, vsid: id[:14] + "6" + id[15:], cuid: id[:14] + "7" + id[15:]}
	if u.displayName == "" {
		u.displayName, _, _ = strings.Cut(su.UPN, "@")
	}
	for _, a := range su.Access {
		if err := w.checkAccessPath(a.On); err != nil {
			return nil, err
		}
		g, err := newGrant(a)
		if err != nil {
			return nil, err
		}
		u.grants = append(u.grants, g)
	}
	return u, nil
}

// checkAccessPath makes sure that rights are given on things that exist.
func (w *world) checkAccessPath(on string) error {
	parts := strings.Split(on, "/")
	o := w.org(parts[0])
	if o == nil {
		return fmt.Errorf("access on %q: no such organization", on)
	}
	if len(parts) == 1 {
		return nil
	}
	p := o.project(parts[1])
	if p == nil {
		return fmt.Errorf("access on %q: no such project", on)
	}
	if len(parts) > 3 || len(parts) == 3 && p.repository(parts[2]) == nil {
		return fmt.Errorf("access on %q: no such repository", on)
	}
	return nil
}
