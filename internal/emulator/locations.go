package emulator

import (
	"net/http"
	"strings"
)

// list is the shape of most lists.
type list[T any] struct {
	Count int `json:"count"`
	Value []T `json:"value"`
}

// newList makes a list whose value is never null.
func newList[T any](items []T) list[T] {
	if items == nil {
		items = []T{}
	}
	return list[T]{Count: len(items), Value: items}
}

// isLocationList recognizes the path {org}/_apis.
func isLocationList(segments []string) bool {
	return len(segments) == 1 && strings.EqualFold(segments[0], "_apis")
}

// serveLocations answers OPTIONS {org}/_apis, by which Microsoft's client
// libraries find the route of each resource:
// https://github.com/microsoft/azure-devops-go-api/blob/dev/azuredevops/v7/client.go
func (e *Emulator) serveLocations(c *call, p plane) {
	if c.caller.verdict != signedIn {
		e.refuse(c.w, c.r, c.org, c.caller)
		return
	}
	setUserData(c.w, c.caller.user)
	var served []resource
	for _, res := range resources() {
		if res.plane == p || res.plane == planeNone {
			served = append(served, res)
		}
	}
	writeJSON(c.w, http.StatusOK, "", newList(served))
}

// area is a named group of resources and the host that has it.
type area struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	LocationURL string `json:"locationUrl"`
}

// areasOf lists the areas of an organization whose hosts the emulator stands
// in for. Source: the recorded ResourceAreas reply (230 entries) in
// https://github.com/Azure/azure-devops-cli-extension.
func areasOf(o *organization) []area {
	at := func(host string) string { return "https://" + host + "/" + o.name + "/" }
	return []area{
		{"79134c72-4a58-4b42-976c-04e7115f32bf", "core", at(domainCore)},
		{"4e080c62-fa21-4fbc-8fef-2a10a2b38049", "git", at(domainCore)},
		{"fb13a388-40dd-4a04-b530-013a739c72ef", "policy", at(domainCore)},
		{"0d55247a-1c47-4462-9b1f-5e2125590ee6", "Account", at(hostIdentity)},
		{"55967393-20ef-45c6-a96c-b5d5d5986a9a", "Tokens", at(hostIdentity)},
		{"af68438b-ed04-4407-9eb6-f1dbae3f922e", "TokenAdmin", at(hostIdentity)},
		{"bb1e7ec9-e901-4b68-999a-de7012b920f8", "Graph", at(hostIdentity)},
		{"207403f3-b4ce-459a-b6cd-8042d9d309f0", "TenantPolicy", at(hostIdentity)},
		{"3c25a612-6355-4a43-80fe-75aebe07e981", "TokenRevocation", at(hostIdentity)},
		{"95935461-9e54-44bd-b9fb-04f4dd05d640", "TokenAdministration", at("vstoken.dev.azure.com")},
		{"c5a2d98b-985c-432e-825e-3c6971edae87", "TokenAuth", at("vstoken.dev.azure.com")},
		{"68ddce18-2501-45f1-a17b-7931a9922690", "MemberEntitlementManagement", at("vsaex.dev.azure.com")},
		{"94ff054d-5ee1-413d-9341-3f4a7827de2e", "audit", at("auditservice.dev.azure.com")},
	}
}

// getResourceAreas lists the areas, or answers one. An unknown id is null,
// as seen from clients that test for it.
func (e *Emulator) getResourceAreas(c *call) {
	areas := areasOf(c.org)
	id, one := c.vars["areaId"]
	if !one {
		writeJSON(c.w, http.StatusOK, c.version, newList(areas))
		return
	}
	for _, a := range areas {
		if strings.EqualFold(a.ID, id) {
			writeJSON(c.w, http.StatusOK, c.version, a)
			return
		}
	}
	writeJSON(c.w, http.StatusOK, c.version, nil)
}
