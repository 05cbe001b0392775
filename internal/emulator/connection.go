package emulator

import "net/http"

// identity is a user in REST replies. Fields and their order as recorded in
// https://github.com/Azure/azure-devops-cli-extension (ConnectionData).
type identity struct {
	ID                  string         `json:"id"`
	Descriptor          string         `json:"descriptor"`
	SubjectDescriptor   string         `json:"subjectDescriptor"`
	ProviderDisplayName string         `json:"providerDisplayName"`
	IsActive            bool           `json:"isActive"`
	Properties          map[string]any `json:"properties"`
	ResourceVersion     int            `json:"resourceVersion"`
	MetaTypeID          int            `json:"metaTypeId"`
}

// connectionData is the reply to "who am I, and where".
type connectionData struct {
	AuthenticatedUser   identity       `json:"authenticatedUser"`
	AuthorizedUser      identity       `json:"authorizedUser"`
	InstanceID          string         `json:"instanceId"`
	DeploymentID        string         `json:"deploymentId"`
	DeploymentType      string         `json:"deploymentType"`
	LocationServiceData map[string]any `json:"locationServiceData"`
}

// getConnectionData answers GET {org}/_apis/connectionData. Without a
// credential it answers only where something is public, and names the
// anonymous user: a client must look at the id.
func (e *Emulator) getConnectionData(c *call) {
	if c.caller.verdict != signedIn && !hasPublic(c.org) {
		e.refuse(c.w, c.r, c.org, c.caller)
		return
	}
	who := anonymousIdentity()
	if u := c.caller.user; u != nil {
		who = identityOf(u, c.org)
	}
	writeJSON(c.w, http.StatusOK, c.version, connectionData{
		AuthenticatedUser: who,
		AuthorizedUser:    who,
		InstanceID:        c.org.instanceID,
		DeploymentID:      e.deployment.deploymentID,
		DeploymentType:    "hosted",
		LocationServiceData: map[string]any{
			"serviceOwner":                "00025394-6065-48ca-87d9-7f5672854ef7",
			"defaultAccessMappingMoniker": "PublicAccessMapping",
			"lastChangeId":                1,
			"lastChangeId64":              1,
		},
	})
}

// hasPublic reports whether an organization has anything for everybody.
func hasPublic(o *organization) bool {
	for _, p := range o.projects {
		if p.public {
			return true
		}
	}
	return false
}

// identityOf is a user as REST replies show one.
func identityOf(u *user, o *organization) identity {
	return identity{
		ID:                  u.vsid,
		Descriptor:          u.descriptor(o),
		SubjectDescriptor:   u.subjectDescriptor(o),
		ProviderDisplayName: u.displayName,
		IsActive:            true,
		Properties:          map[string]any{"Account": map[string]string{"$type": "System.String", "$value": u.upn}},
		ResourceVersion:     2,
	}
}

// anonymousIdentity is who somebody without a credential is.
func anonymousIdentity() identity {
	return identity{
		ID:                  anonymousID,
		Descriptor:          "System:PublicAccess;" + anonymousID,
		SubjectDescriptor:   "spa.YWFhYWFhYWEtYWFhYS1hYWFhLWFhYWEtYWFhYWFhYWFhYWFh",
		ProviderDisplayName: "Anonymous",
		IsActive:            true,
		Properties:          map[string]any{},
		ResourceVersion:     2,
	}
}
