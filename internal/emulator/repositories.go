package emulator

import (
	"net/http"
	"net/url"
	"slices"
)

// projectReference and gitRepository are shaped as recorded for
// git/repositories in https://github.com/Azure/azure-devops-cli-extension.
type projectReference struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	URL            string `json:"url"`
	State          string `json:"state"`
	Revision       int    `json:"revision"`
	Visibility     string `json:"visibility"`
	LastUpdateTime string `json:"lastUpdateTime"`
}

type gitRepository struct {
	ID              string           `json:"id"`
	Name            string           `json:"name"`
	URL             string           `json:"url"`
	Project         projectReference `json:"project"`
	DefaultBranch   string           `json:"defaultBranch,omitempty"`
	Size            int64            `json:"size"`
	RemoteURL       string           `json:"remoteUrl"`
	SSHURL          string           `json:"sshUrl"`
	WebURL          string           `json:"webUrl"`
	IsDisabled      bool             `json:"isDisabled"`
	IsInMaintenance bool             `json:"isInMaintenance"`
}

// getRepositories lists the repositories of an organization or project that
// the caller may read, or answers one of them by name or id.
// https://learn.microsoft.com/en-us/rest/api/azure/devops/git/repositories
func (e *Emulator) getRepositories(c *call) {
	all := c.org.repositories()
	if name, ok := c.vars["project"]; ok {
		p := c.org.project(name)
		if p == nil || !mayReadProject(c, p) {
			e.missingProject(c, name)
			return
		}
		all = p.repositories
	}
	all = slices.DeleteFunc(slices.Clone(all), func(r *repository) bool { return !mayReadRepository(c, r) })
	if name, ok := c.vars["repositoryId"]; ok {
		e.getRepository(c, all, name)
		return
	}
	if len(all) == 0 && c.caller.verdict != signedIn {
		e.refuse(c.w, c.r, c.org, c.caller)
		return
	}
	var out []gitRepository
	for _, r := range all {
		out = append(out, e.describeRepository(r))
	}
	writeJSON(c.w, http.StatusOK, c.version, newList(out))
}

// getRepository answers one repository.
func (e *Emulator) getRepository(c *call, readable []*repository, nameOrID string) {
	repo := findRepository(readable, nameOrID)
	switch {
	case repo != nil:
		writeJSON(c.w, http.StatusOK, c.version, e.describeRepository(repo))
	case c.caller.verdict != signedIn:
		e.refuse(c.w, c.r, c.org, c.caller)
	default:
		writeException(c.w, http.StatusNotFound, exceptionIn("Microsoft.TeamFoundation.Git.Server", "GitRepositoryNotFoundException"), textNoRepository(nameOrID))
	}
}

// mayReadRepository says whether a caller may know of a repository.
func mayReadRepository(c *call, r *repository) bool {
	if u := c.caller.user; u != nil && slices.Contains(u.rights(r), Read) {
		return true
	}
	return r.project.public
}

// describeRepository is a repository in a REST reply. The user part of
// remoteUrl is the organization, not a person.
func (e *Emulator) describeRepository(r *repository) gitRepository {
	o, p := r.project.org.name, url.PathEscape(r.project.name)
	web := "https://" + domainCore + "/" + o + "/" + p + "/_git/" + url.PathEscape(r.name)
	out := gitRepository{
		ID:         r.id,
		Name:       r.name,
		URL:        "https://" + domainCore + "/" + o + "/" + r.project.id + "/_apis/git/repositories/" + r.id,
		Project:    describeProject(r.project),
		RemoteURL:  "https://" + o + "@" + web[len("https://"):],
		SSHURL:     "git@ssh.dev.azure.com:v3/" + o + "/" + p + "/" + url.PathEscape(r.name),
		WebURL:     web,
		IsDisabled: r.disabled,
	}
	if e.hasCommits(r) {
		out.DefaultBranch = "refs/heads/" + r.defaultBranch
	}
	return out
}
