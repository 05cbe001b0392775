package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

// target is where a request of the service leads: the organization, and the
// decoded path segments after it.
type target struct {
	plane    plane
	org      *organization
	orgName  string
	segments []string
}

// serveService answers in the service's place.
func (e *Emulator) serveService(rec *recorder, r *http.Request) {
	if planeOf(rec.entry.Host) == planeEntra {
		e.entra.serve(rec, r)
		return
	}
	e.setCommonHeaders(rec, r)
	t, ok := e.resolve(rec.entry.Host, r.URL)
	switch {
	case !ok:
		writeException(rec, http.StatusBadRequest, exceptionIn(webAPI, "VssServiceException"), "The request path is not well formed.")
	case t.plane == planeProfile && t.orgName == "_signin":
		e.serveSignIn(rec, r)
	case t.plane == planeCore && t.orgName == "_signin":
		e.serveCoreSignIn(rec, r)
	case t.plane == planeCore && "/"+t.orgName == signedInPath:
		e.endWebSignIn(rec, r)
	case t.org == nil:
		e.unknownOrganization(rec, t)
	case t.org.stopped != "":
		writeStopped(rec, t.org)
	case isSettings(t):
		e.serveSettings(rec, r, t)
	case isGitPath(t):
		e.serveGit(rec, r, t)
	default:
		e.serveREST(rec, r, t)
	}
}

// resolve takes a URL apart. Each segment is decoded once, so that "%2F" is
// part of a name and not a separator; the path is never used as one.
func (e *Emulator) resolve(host string, u *url.URL) (target, bool) {
	t := target{plane: planeOf(host)}
	for _, s := range strings.Split(strings.Trim(u.EscapedPath(), "/"), "/") {
		decoded, err := url.PathUnescape(s)
		if err != nil || s == "" && len(u.Path) > 1 {
			return t, false
		}
		t.segments = append(t.segments, decoded)
	}
	if name := legacyOrg(host); name != "" && host != hostProfile {
		t.orgName = name
		if strings.EqualFold(t.segments[0], "DefaultCollection") {
			t.segments = t.segments[1:]
		}
	} else {
		t.orgName, t.segments = t.segments[0], t.segments[1:]
	}
	t.org = e.world.org(t.orgName)
	return t, true
}

// unknownOrganization answers for an organization that the seed lacks. The
// service shows a 404 page; its text here is ours.
func (e *Emulator) unknownOrganization(w http.ResponseWriter, t target) {
	writePage(w, http.StatusNotFound, "404 - Page not found", "There is no organization "+t.orgName+" in the emulator's seed.")
}

// writeStopped answers for a stopped organization, with a leading byte order
// mark, as recorded in https://github.com/Azure/azure-devops-cli-extension
// (test recordings of 2026-04).
func writeStopped(w http.ResponseWriter, o *organization) {
	text := "TF24668: The following team project collection is stopped: " + o.name +
		". Start the collection and then try again. Administrator Reason: " + o.stopped
	w.Header().Set("X-TFS-ServiceError", url.PathEscape(text))
	writeJSONWithBOM(w, http.StatusServiceUnavailable,
		exceptionIn("Microsoft.VisualStudio.Services.Common", "VssServiceException").body(text))
}
