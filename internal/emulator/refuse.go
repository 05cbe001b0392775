package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

// Texts of refusals, word for word as in header dumps of the service:
// https://github.com/microsoft/azure-pipelines-agent/issues/1164,
// https://github.com/coder/coder/issues/12351, https://github.com/curl/curl/issues/13899
const (
	textAnonymous     = "TF400813: Resource not available for anonymous access. Client authentication required."
	textNotAuthorized = "TF400813: The user '" + anonymousID + "' is not authorized to access this resource."
	textExpired       = "Access Denied: The Personal Access Token used has expired."
)

// basicRealm names a scale unit, as the service does.
const basicRealm = "https://tfsprodemu1.visualstudio.com/"

// refuse answers a caller that is not signed in. The form depends on who
// seems to be asking; see refusalFor.
func (e *Emulator) refuse(w http.ResponseWriter, r *http.Request, o *organization, c caller) {
	setTenantHeaders(w, o)
	switch c.verdict {
	case challenged:
		e.refuseClaims(w, o)
		return
	case stranger:
		e.refuseStranger(w, r, o, c)
		return
	}
	switch refusalFor(r, c) {
	case refusalRedirect:
		redirectToSignIn(w, r, o)
	case refusalPage:
		writePage(w, http.StatusNonAuthoritativeInfo, "Sign In", "This page stands where the service shows its sign-in page.")
	default:
		e.refuse401(w, r, o, c)
	}
}

// refusal is the form of a "not signed in" answer.
type refusal int

const (
	refusal401      refusal = iota
	refusalPage             // 203 with the sign-in page
	refusalRedirect         // 302 to the sign-in page
)

// refusalFor chooses the form:
//
//   - Git, and whoever sends "X-TFS-FedAuthRedirect: Suppress", gets 401.
//   - A bearer token that is no good gets 203 with HTML for GET and POST, with
//     or without Suppress: https://github.com/microsoft/azure-devops-auth-samples/issues/52
//   - Without Suppress, a bad Basic credential gets 203 as well, see
//     https://github.com/MicrosoftDocs/vsts-rest-api-specs/issues/97; no credential
//     at all is taken for a browser and sent to sign in, see
//     https://github.com/eclipse-che/che-server/pull/755.
func refusalFor(r *http.Request, c caller) refusal {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	suppress := strings.EqualFold(r.Header.Get("X-TFS-FedAuthRedirect"), "Suppress")
	switch {
	case isGit(r):
		return refusal401
	case c.credential == CredentialBearer && (reads || r.Method == http.MethodPost):
		return refusalPage
	case suppress || c.verdict == expired || !reads && r.Method != http.MethodPost:
		return refusal401
	case c.credential == CredentialNone && reads:
		return refusalRedirect
	case c.credential == CredentialNone:
		return refusal401
	}
	return refusalPage
}

// isGit reports whether a request comes from a Git client: by its name, which
// people can change, or by one of the paths of the smart protocol.
func isGit(r *http.Request) bool {
	path := r.URL.Path
	return strings.HasPrefix(r.UserAgent(), "git/") || strings.HasSuffix(path, "/info/refs") ||
		strings.HasSuffix(path, "/"+uploadPack) || strings.HasSuffix(path, "/"+receivePack)
}

// refuse401 answers 401 with everything a client may look at to find out how
// to sign in. authorization_uri is not quoted; that is how the service sends it.
func (e *Emulator) refuse401(w http.ResponseWriter, r *http.Request, o *organization, c caller) {
	h := w.Header()
	setChallenges(w, o)
	h.Set("X-TFS-FedAuthRealm", "https://"+domainCore+"/")
	h.Set("X-TFS-FedAuthIssuer", "https://"+domainCore+"/"+o.name+"/")
	h.Set("X-TFS-FedAuthRedirect", signInURL(o, r))
	if c.verdict == expired {
		h.Set("X-TFS-ServiceError", textExpired)
		writeJSON(w, http.StatusUnauthorized, "", expiredBody())
		return
	}
	h.Set("X-TFS-ServiceError", url.QueryEscape(textAnonymous))
	h.Set("X-TFS-SoapException", url.PathEscape(soapFault("UnauthorizedRequestException", textNotAuthorized)))
	if isGit(r) || strings.Contains(r.Header.Get("Accept"), "text/html") {
		writePage(w, http.StatusUnauthorized, "Access Denied", textAnonymous)
		return
	}
	writeException(w, http.StatusUnauthorized, exceptionIn("Microsoft.TeamFoundation.Framework.Server", "UnauthorizedRequestException"), textNotAuthorized)
}

// setChallenges names all the ways to sign in.
func setChallenges(w http.ResponseWriter, o *organization) {
	bearer := "Bearer"
	if !o.msa() {
		bearer += " authorization_uri=https://" + hostEntra + "/" + o.tenant
	}
	w.Header()["Www-Authenticate"] = []string{bearer, `Basic realm="` + basicRealm + `"`, "TFS-Federated"}
	setTenantHeaders(w, o)
}

// expiredBody is the one refusal that tells why, as printed by a client in
// https://github.com/microsoft/vscode-vsce/blob/main/src/publish.ts and bug reports on it.
func expiredBody() errorBody {
	body := exception{"Microsoft.VisualStudio.Services.Security", "AccessCheckException", webAPI}.body(textExpired)
	body.CustomProperties = map[string]any{
		"Descriptor":           nil,
		"IdentityDisplayName":  nil,
		"Token":                nil,
		"RequestedPermissions": 0,
		"NamespaceId":          zeroGUID,
	}
	return body
}

// setTenantHeaders tells whose people an organization's are, whatever the
// form of the refusal: clients find the tenant by an anonymous request.
// Source: https://github.com/git-ecosystem/git-credential-manager (AzureDevOpsRestApi.cs).
func setTenantHeaders(w http.ResponseWriter, o *organization) {
	w.Header().Set("X-VSS-ResourceTenant", o.tenant)
	w.Header().Set("X-VSS-AuthorizationEndpoint", "https://"+hostIdentity+"/"+o.name+"/")
}

// redirectToSignIn sends a browser to sign in.
func redirectToSignIn(w http.ResponseWriter, r *http.Request, o *organization) {
	w.Header().Set("Location", signInURL(o, r))
	writePage(w, http.StatusFound, "Object moved", "Sign in first.")
}

// signInURL is where a browser would go.
func signInURL(o *organization, r *http.Request) string {
	query := url.Values{
		"realm":    {domainCore},
		"reply_to": {"https://" + r.Host + r.URL.EscapedPath()},
		"redirect": {"1"},
		"hid":      {o.instanceID},
		"context":  {"eyJodCI6Mn0"},
	}
	return "https://" + hostProfile + "/_signin?" + query.Encode()
}

// soapFault is the XML of X-TFS-SoapException.
func soapFault(code, text string) string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope">` +
		`<soap:Body><soap:Fault><soap:Code><soap:Value>soap:Receiver</soap:Value><soap:Subcode><soap:Value>` + code +
		`</soap:Value></soap:Subcode></soap:Code><soap:Reason><soap:Text xml:lang="en">` + text +
		`</soap:Text></soap:Reason></soap:Fault></soap:Body></soap:Envelope>`
}
