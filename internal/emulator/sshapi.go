package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// sessionToken is a SessionToken of the specification, as far as keys fill it:
// https://github.com/MicrosoftDocs/vsts-rest-api-specs (specification/tokenAdmin/7.2/tokenAdmin.json).
type sessionToken struct {
	AccessID        string   `json:"accessId"`
	AuthorizationID string   `json:"authorizationId"`
	ClientID        string   `json:"clientId"`
	DisplayName     string   `json:"displayName"`
	IsPublic        bool     `json:"isPublic"`
	IsValid         bool     `json:"isValid"`
	PublicData      *string  `json:"publicData"`
	Scope           string   `json:"scope"`
	TargetAccounts  []string `json:"targetAccounts"`
	Token           *string  `json:"token"`
	UserID          string   `json:"userId"`
	ValidFrom       string   `json:"validFrom"`
	ValidTo         string   `json:"validTo"`
}

// describeSSHKey is a key in a reply.
func (e *Emulator) describeSSHKey(k SSHKey, withKey bool) sessionToken {
	t := sessionToken{
		AccessID: derivedGUID("access", k.ID), AuthorizationID: k.ID, ClientID: zeroGUID, DisplayName: k.Name, IsPublic: true,
		IsValid: k.Deleted.IsZero() && k.status(e.Now()) == "active", Scope: scopeFull,
		TargetAccounts: []string{e.world.org(k.organization).instanceID}, UserID: e.world.user(k.User).vsid,
		ValidFrom: sqlTime(k.ValidFrom), ValidTo: sqlTime(k.ValidTo),
	}
	if withKey {
		t.PublicData = &k.PublicKey
	}
	return t
}

// sessionTokenResource is the undocumented route of the portal's page of keys.
// Calls, versions and replies are those that
// https://github.com/xforcered/ADOKit (SshKeyUtils) makes and reads.
func sessionTokenResource() resource {
	return resource{
		ID: derivedGUID("location", "Token", "SessionTokens"), Area: "Token", ResourceName: "SessionTokens",
		RouteTemplate: "_apis/{area}/{resource}/{authorizationId}", ResourceVersion: 1, MinVersion: "1.0", MaxVersion: "7.2", ReleasedVersion: "0.0",
		plane: planeIdentity, scopes: []string{scopeFull}, bearer: true,
		methods: map[string]handler{http.MethodGet: (*Emulator).getSessionTokens, http.MethodDelete: (*Emulator).deleteSessionToken},
	}
}

// hierarchyQueryResource is the portal's data provider call.
func hierarchyQueryResource() resource {
	return resource{
		ID: "3353e165-a11e-43aa-9d88-14f2bb09b6d9", Area: "Contribution", ResourceName: "HierarchyQuery",
		RouteTemplate: "_apis/{area}/{resource}", ResourceVersion: 1, MinVersion: "3.2", MaxVersion: "7.2", ReleasedVersion: "0.0",
		plane: planeCore, scopes: []string{scopeFull}, bearer: true,
		methods: map[string]handler{http.MethodPost: (*Emulator).postHierarchyQuery},
	}
}

// onlyPublic refuses session tokens that are no keys: they are not served here.
func onlyPublic(c *call) bool {
	if strings.EqualFold(c.r.URL.Query().Get("isPublic"), "true") {
		return true
	}
	writeException(c.w, http.StatusBadRequest, exceptionIn(webAPI, "VssPropertyValidationException"), "azdo-emulator: only isPublic=true is served")
	return false
}

// getSessionTokens lists the caller's keys. Until version 5 the list is a
// value, later a property of its own.
func (e *Emulator) getSessionTokens(c *call) {
	if !onlyPublic(c) {
		return
	}
	withKey := strings.EqualFold(c.r.URL.Query().Get("includePublicData"), "true")
	list := []sessionToken{}
	for _, k := range e.sshKeysOf(c.caller.user) {
		list = append(list, e.describeSSHKey(k, withKey))
	}
	if id := c.vars["authorizationId"]; id != "" {
		for _, t := range list {
			if strings.EqualFold(t.AuthorizationID, id) {
				writeJSON(c.w, http.StatusOK, c.version, t)
				return
			}
		}
		writeNoKey(c)
		return
	}
	if number, _ := versionOrder(strings.TrimSuffix(c.version, "-preview.1")); number > mustOrder("5.2") {
		writeJSON(c.w, http.StatusOK, c.version, map[string]any{"sessionTokens": list, "nextRowNumber": -1})
		return
	}
	writeJSON(c.w, http.StatusOK, c.version, map[string]any{"count": len(list), "value": list})
}

// mustOrder is the order of a version that is written here.
func mustOrder(version string) int {
	n, _ := versionOrder(version)
	return n
}

// writeNoKey answers for an id that the caller has no key of.
func writeNoKey(c *call) {
	writeException(c.w, http.StatusNotFound, exceptionIn("Microsoft.VisualStudio.Services.DelegatedAuthorization", "SessionTokenNotFoundException"), "The session token was not found.")
}

// deleteSessionToken deletes one of the caller's keys.
func (e *Emulator) deleteSessionToken(c *call) {
	if !onlyPublic(c) {
		return
	}
	id := c.vars["authorizationId"]
	if e.sshKeys.delete(e.Now(), func(k *SSHKey) bool { return strings.EqualFold(k.ID, id) && k.User == c.caller.user.upn }) == 0 {
		writeNoKey(c)
		return
	}
	c.w.WriteHeader(http.StatusOK)
}

// issueProvider is the data provider that makes session tokens.
const issueProvider = "ms.vss-token-web.personal-access-token-issue-session-token-provider"

// hierarchyQuery is the body of the call, as far as it is read.
type hierarchyQuery struct {
	ContributionIDs     []string `json:"contributionIds"`
	DataProviderContext struct {
		Properties struct {
			DisplayName    string    `json:"displayName"`
			PublicData     string    `json:"publicData"`
			ValidTo        time.Time `json:"validTo"`
			Scope          string    `json:"scope"`
			IsPublic       bool      `json:"isPublic"`
			TargetAccounts []string  `json:"targetAccounts"`
		} `json:"properties"`
	} `json:"dataProviderContext"`
}

// postHierarchyQuery adds a key. What goes wrong in a provider is told in
// dataProviderExceptions, with status 200, as for every provider:
// https://github.com/microsoft/azure-devops-python-api (contributions/models.py, DataProviderResult).
func (e *Emulator) postHierarchyQuery(c *call) {
	var q hierarchyQuery
	if err := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxControlBody)).Decode(&q); err != nil {
		writeException(c.w, http.StatusBadRequest, exceptionIn(webAPI, "VssPropertyValidationException"), "The body of the request is not valid: "+printable(err.Error()))
		return
	}
	p := q.DataProviderContext.Properties
	providers, failed := map[string]any{}, map[string]any{}
	for _, id := range q.ContributionIDs {
		if id != issueProvider || !p.IsPublic {
			failed[id] = map[string]string{"exceptionType": "DataProviderNotFoundException", "message": "azdo-emulator: only SSH keys are served"}
			continue
		}
		k, reason := e.newSSHKey(c.org, c.caller.user, p.DisplayName, p.PublicData)
		if reason != patNone {
			failed[id] = map[string]string{"exceptionType": "SessionTokenCreateException", "message": string(reason) + ": " + sshMessage(reason)}
			continue
		}
		providers[id] = e.describeSSHKey(k, true)
	}
	body := map[string]any{"dataProviderSharedData": map[string]any{}, "dataProviders": providers}
	if len(failed) > 0 {
		body["dataProviderExceptions"] = failed
	}
	writeJSON(c.w, http.StatusOK, c.version, body)
}
