package helper

import (
	"errors"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// AzureHost is under which host the records of every Azure DevOps
// organisation are kept, whichever of its names Git used.
// See https://learn.microsoft.com/azure/devops/organizations/settings/security/allowed-ip-address-list-and-urls.
const AzureHost = "dev.azure.com"

// legacySuffix follows the organisation in its older name.
const legacySuffix = ".visualstudio.com"

// Target is what a request is about, in the vault's own terms.
type Target struct {
	Azure   bool
	Host    string // canonical; AzureHost for Azure
	Org     string // Azure: lower case
	Path    string // generic hosts only
	HasPath bool

	// Account limits the answer to one user name. On Azure that is a sign-in
	// name, which has an @. The user part of a URL that repeats the organisation,
	// as the portal writes it, or says x or PersonalAccessToken, as people write
	// who have a token there, is none.
	Account    string
	HasAccount bool
}

// Errors of Identify.
var (
	ErrNotMine = errors.New("not a request for this helper")
	ErrPlain   = errors.New("Azure DevOps is asked for over http, where anyone can read the token")
	ErrNoOrg   = errors.New("the request does not say which organisation of dev.azure.com it is for")
	ErrBadPath = errors.New("the path of the request is not one Azure Repos has")
)

// Identify says what req is about. ErrNotMine: a protocol other than https.
// The other errors concern Azure hosts only.
func Identify(req *cred.Request) (Target, error) {
	legacyOrg, legacy := legacyOrganisation(req.Host)
	if req.Host != AzureHost && !legacy {
		if req.Protocol != "https" {
			return Target{}, ErrNotMine
		}
		return Target{Host: req.Host, Path: req.Path, HasPath: req.HasPath,
			Account: req.Username, HasAccount: req.HasUsername}, nil
	}
	switch req.Protocol {
	case "https":
	case "http":
		return Target{}, ErrPlain
	default:
		return Target{}, ErrNotMine
	}
	t := Target{Azure: true, Host: AzureHost, Org: legacyOrg}
	if !legacy {
		org, err := organisation(req)
		if err != nil {
			return Target{}, err
		}
		t.Org = org
	}
	// See https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname#upn-format.
	if req.HasUsername && strings.Contains(req.Username, "@") {
		t.Account, t.HasAccount = req.Username, true
	}
	return t, nil
}

// legacyOrganisation finds the organisation in <org>.visualstudio.com: one
// label, no port.
func legacyOrganisation(host string) (string, bool) {
	org, ok := strings.CutSuffix(host, legacySuffix)
	if !ok || !ValidOrg(org) {
		return "", false
	}
	return org, true
}

// organisation is the first segment of the path, else the user part of the
// URL, where the portal repeats the organisation.
func organisation(req *cred.Request) (string, error) {
	if req.Path == "" {
		if req.HasUsername && ValidOrg(req.Username) {
			return cred.Lower(req.Username), nil
		}
		return "", ErrNoOrg
	}
	// An encoded or dotted segment could mean one organisation here and
	// another to the server.
	for segment := range strings.SplitSeq(req.Path, "/") {
		if segment == "." || segment == ".." {
			return "", ErrBadPath
		}
	}
	org, _, _ := strings.Cut(req.Path, "/")
	if !ValidOrg(org) || strings.ContainsAny(req.Path, "%\\") {
		return "", ErrBadPath
	}
	return cred.Lower(org), nil
}

// ValidOrg reports whether s can be the name of an organisation: letters,
// digits and hyphens, beginning and ending with a letter or digit, at most 50.
// See https://learn.microsoft.com/azure/devops/organizations/settings/naming-restrictions#organization-names.
func ValidOrg(s string) bool {
	if s == "" || len(s) > 50 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if ('a' > c || c > 'z') && ('A' > c || c > 'Z') && ('0' > c || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
