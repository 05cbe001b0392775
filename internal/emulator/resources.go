package emulator

import "net/http"

// resources is the emulator's route table. Ids, templates and versions are
// those of the recorded OPTIONS {org}/_apis reply (773 entries) in
// https://github.com/Azure/azure-devops-cli-extension, and only what is
// served is listed. A resource without a plane is on every host of the service.
func resources() []resource {
	return []resource{
		patResource(),
		sessionTokenResource(),
		hierarchyQueryResource(),
		{
			ID: "00d9565f-ed9c-4a06-9a50-00e7896ccab4", Area: "Location", ResourceName: "ConnectionData",
			RouteTemplate: "_apis/{resource}", ResourceVersion: 1, MinVersion: "1.0", MaxVersion: "7.2", ReleasedVersion: "0.0",
			open:    true,
			methods: map[string]handler{http.MethodGet: (*Emulator).getConnectionData},
		},
		{
			ID: "e81700f7-3be2-46de-8624-2eb35882fcaa", Area: "Location", ResourceName: "ResourceAreas",
			RouteTemplate: "_apis/{resource}/{areaId}", ResourceVersion: 1, MinVersion: "3.2", MaxVersion: "7.2", ReleasedVersion: "0.0",
			open:    true,
			methods: map[string]handler{http.MethodGet: (*Emulator).getResourceAreas},
		},
		{
			ID: "603fe2ac-9723-48b9-88ad-09305aa6c6e1", Area: "core", ResourceName: "projects",
			RouteTemplate: "_apis/{resource}/{*projectId}", ResourceVersion: 4, MinVersion: "1.0", MaxVersion: "7.2", ReleasedVersion: "7.1",
			plane: planeCore, open: true, scopes: []string{"vso.profile", scopeProject},
			methods: map[string]handler{http.MethodGet: (*Emulator).getProjects},
		},
		{
			ID: "225f7195-f9c7-4d14-ab28-a83f7ff77e1f", Area: "git", ResourceName: "repositories",
			RouteTemplate: "{project}/_apis/{area}/{resource}/{repositoryId}", ResourceVersion: 1, MinVersion: "1.0", MaxVersion: "7.2", ReleasedVersion: "7.1",
			plane: planeCore, open: true, scopes: []string{scopeCodeRead},
			methods: map[string]handler{http.MethodGet: (*Emulator).getRepositories},
		},
	}
}
