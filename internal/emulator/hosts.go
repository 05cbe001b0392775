package emulator

import (
	"net"
	"strings"
)

// plane says which part of the service a host name is.
type plane int

// The planes that answer differently. Source for the hosts: the host fields
// of https://github.com/MicrosoftDocs/vsts-rest-api-specs and
// https://learn.microsoft.com/en-us/azure/devops/organizations/security/allow-list-ip-url
const (
	planeNone     plane = iota // not one of the service's hosts: refused
	planeCore                  // dev.azure.com/{org}, {org}.visualstudio.com: Git, core, connectionData
	planeIdentity              // vssps.dev.azure.com/{org}: tokens, graph, identities
	planeProfile               // app.vssps.visualstudio.com: profile, accounts, browser sign-in
	planeOther                 // further hosts of the service, which answer nothing yet
	planeEntra                 // login.microsoftonline.com
)

// The two domains and one host that the emulator stands in for.
const (
	domainCore   = "dev.azure.com"
	domainLegacy = "visualstudio.com"
	hostEntra    = "login.microsoftonline.com"
	hostIdentity = "vssps.dev.azure.com"
	hostProfile  = "app.vssps.visualstudio.com"
)

// emulatedDomains limits the certificate authority; see newAuthority.
func emulatedDomains() []string { return []string{domainCore, domainLegacy, hostEntra} }

// planeOf classifies a host name without port, in any case. The one-label
// rule for organizations is what keeps "a.b.visualstudio.com" out.
func planeOf(host string) plane {
	host = strings.ToLower(host)
	switch host {
	case domainCore:
		return planeCore
	case hostIdentity:
		return planeIdentity
	case hostProfile:
		return planeProfile
	case hostEntra:
		return planeEntra
	case "vsaex.dev.azure.com", "auditservice.dev.azure.com", "advsec.dev.azure.com",
		"vstoken.dev.azure.com", "extmgmt.dev.azure.com":
		return planeOther
	}
	if org, ok := strings.CutSuffix(host, ".vssps."+domainLegacy); ok && isLabel(org) {
		return planeIdentity
	}
	if org, ok := strings.CutSuffix(host, "."+domainLegacy); ok && isLabel(org) {
		return planeCore
	}
	return planeNone
}

// legacyOrg is the organization named by {org}[.vssps].visualstudio.com, or "".
func legacyOrg(host string) string {
	rest, ok := strings.CutSuffix(strings.ToLower(host), "."+domainLegacy)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(rest, ".vssps")
}

// isLabel reports whether s is one DNS label of letters, digits and hyphens.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

// connectHost takes the target of a CONNECT request apart and returns the
// host name, if it is one of the service's and the port is that of HTTPS.
func connectHost(target string) (string, bool) {
	host, port, err := net.SplitHostPort(target)
	if err != nil || port != "443" || planeOf(host) == planeNone {
		return "", false
	}
	return strings.ToLower(host), true
}
