package emulator

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Who may use an application, in the words of its manifest:
// https://learn.microsoft.com/entra/identity-platform/supported-accounts-validation
const (
	audienceOne      = "AzureADMyOrg"
	audienceMany     = "AzureADMultipleOrgs"
	audiencePersonal = "AzureADandPersonalMicrosoftAccount"
)

// azureDevOps is the application id of Azure DevOps, which is both a resource
// and, for its web pages, a client:
// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/entra
const azureDevOps = "499b84ac-1321-427f-aa17-267ca6975798"

// signedInPath is where Azure DevOps' own sign-in comes back to.
const signedInPath = "/_signedin"

// application is a registered client.
type application struct {
	id, name    string
	audience    string
	home        string // tenant id; of audienceOne, the only one
	redirects   []string
	permissions []string // of Azure DevOps; nil: any
	assigned    []string
	consented   []string
	// firstParty is Microsoft's own: it needs no consent where it is
	// pre-authorized, and gets nowhere else (AADSTS65002).
	firstParty bool
}

// firstParty lists Microsoft's applications that clients of Azure DevOps sign
// in as. Ids and redirects: AzureDevOpsConstants.cs in
// https://github.com/git-ecosystem/git-credential-manager and msal/__main__.py in
// https://github.com/AzureAD/microsoft-authentication-library-for-python.
func firstParty() []*application {
	web := []string{"https://" + domainCore + signedInPath}
	return []*application{
		{id: "872cd9fa-d31f-45e0-9eab-6e460a02d1f1", name: "Visual Studio", audience: audiencePersonal, redirects: []string{"http://localhost"}, firstParty: true},
		{id: "04b07795-8ddb-461a-bbee-02f9e1bf7b46", name: "Azure CLI", audience: audiencePersonal, redirects: []string{"http://localhost"}, firstParty: true},
		{id: azureDevOps, name: "Azure DevOps", audience: audiencePersonal, redirects: web, firstParty: true},
	}
}

func (d *directory) newApplication(sa SeedApplication) (*application, error) {
	id, err := idOr(sa.ID, "application", sa.Name)
	if err != nil {
		return nil, err
	}
	app := &application{
		id: id, name: sa.Name, audience: cmpOr(sa.Audience, audienceMany), redirects: sa.Redirects,
		permissions: sa.Permissions, assigned: sa.Assigned, consented: sa.Consented,
	}
	if len(app.redirects) == 0 {
		app.redirects = []string{"http://localhost"}
	}
	if !slices.Contains([]string{audienceOne, audienceMany, audiencePersonal}, app.audience) {
		return nil, fmt.Errorf("audience %q: use %s, %s or %s", app.audience, audienceOne, audienceMany, audiencePersonal)
	}
	if t := d.tenant(sa.Tenant); t != nil {
		app.home = t.id
	} else if sa.Tenant != "" || app.audience == audienceOne {
		return nil, fmt.Errorf("tenant %q is not in the seed", sa.Tenant)
	}
	for _, redirect := range app.redirects {
		if u, err := url.Parse(redirect); err != nil || u.Host == "" || u.Fragment != "" {
			return nil, fmt.Errorf("redirect %q is not an absolute URL", redirect)
		}
	}
	if d.apps[id] != nil {
		return nil, fmt.Errorf("the id %s is listed twice", id)
	}
	return app, nil
}

// redirect reports whether an address is registered. Everything is compared
// exactly, but for the port of a loopback one, and an empty path is "/":
// https://learn.microsoft.com/entra/identity-platform/reply-url
func (app *application) redirect(asked string) bool {
	u, err := url.Parse(asked)
	if err != nil || u.Host == "" || u.Fragment != "" || u.User != nil || strings.Contains(asked, "#") {
		return false
	}
	return slices.ContainsFunc(app.redirects, func(registered string) bool {
		r, err := url.Parse(registered)
		if err != nil {
			return false
		}
		host, loopback := u.Host, u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"
		if loopback {
			host = u.Hostname()
			r.Host = r.Hostname()
		}
		return u.Scheme == r.Scheme && host == r.Host && cmpOr(u.EscapedPath(), "/") == cmpOr(r.EscapedPath(), "/") && u.RawQuery == r.RawQuery
	})
}

// admits reports whether an account may use the application at all.
func (app *application) admits(a *account) bool {
	return len(app.assigned) == 0 || containsFold(app.assigned, a.upn)
}

// consentGiven reports whether nobody has to be asked about scopes.
func (app *application) consentGiven(a *account, scopes []string) bool {
	if app.firstParty || slices.Contains(app.consented, "*") || containsFold(app.consented, a.upn) {
		return true
	}
	return !slices.ContainsFunc(scopes, func(s string) bool { return !a.consents[app.id+" "+s] })
}

// containsFold is slices.Contains for names in any case.
func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
