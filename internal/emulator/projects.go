package emulator

import (
	"net/http"
	"slices"
)

// getProjects lists the projects that the caller may read, or answers one by
// name or id: https://learn.microsoft.com/en-us/rest/api/azure/devops/core/projects
func (e *Emulator) getProjects(c *call) {
	if name, ok := c.vars["projectId"]; ok {
		p := c.org.project(name)
		if p == nil || !mayReadProject(c, p) {
			e.missingProject(c, name)
			return
		}
		writeJSON(c.w, http.StatusOK, c.version, describeProject(p))
		return
	}
	var out []projectReference
	for _, p := range c.org.projects {
		if mayReadProject(c, p) {
			out = append(out, describeProject(p))
		}
	}
	if len(out) == 0 && c.caller.verdict != signedIn {
		e.refuse(c.w, c.r, c.org, c.caller)
		return
	}
	writeJSON(c.w, http.StatusOK, c.version, newList(out))
}

// mayReadProject says whether a caller may know of a project: by a right on
// it, or on anything in it.
func mayReadProject(c *call, p *project) bool {
	if p.public {
		return true
	}
	u := c.caller.user
	if u == nil {
		return false
	}
	rights, _ := rightsOn(u.grants, p.org.name, p.name)
	return slices.Contains(rights, Read) ||
		slices.ContainsFunc(p.repositories, func(r *repository) bool { return slices.Contains(u.rights(r), Read) })
}

// describeProject is a project in a REST reply.
func describeProject(p *project) projectReference {
	visibility := "private"
	if p.public {
		visibility = "public"
	}
	return projectReference{
		ID:             p.id,
		Name:           p.name,
		URL:            "https://" + domainCore + "/" + p.org.name + "/_apis/projects/" + p.id,
		State:          "wellFormed",
		Revision:       1,
		Visibility:     visibility,
		LastUpdateTime: "2026-01-01T00:00:00Z",
	}
}

// missingProject answers for a project that is missing or hidden. Texts: test
// recordings of https://github.com/Azure/azure-devops-cli-extension, and
// https://github.com/shayki5/azure-devops-create-pr-task/issues/193 for ids.
func (e *Emulator) missingProject(c *call, name string) {
	x := exceptionIn("Microsoft.TeamFoundation.Core.WebApi", "ProjectDoesNotExistWithNameException")
	text := "TF200016: The following project does not exist: " + printable(name) +
		". Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server."
	if isGUID(name) {
		x.key = "ProjectDoesNotExistException"
		text = "VS800075: The project with id 'vstfs:///Classification/TeamProject/" + name + "' does not exist, or you do not have permission to access it."
	}
	if c.caller.verdict != signedIn {
		e.refuse(c.w, c.r, c.org, c.caller)
		return
	}
	writeException(c.w, http.StatusNotFound, x, text)
}
