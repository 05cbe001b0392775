package emulator

import (
	"net/http"
	"slices"
	"strings"
)

// call is one REST request on its way to a handler.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	org     *organization
	caller  caller
	vars    map[string]string // route values, decoded
	version string            // to name in the reply
}

// handler answers a REST call whose caller, scope and version are checked.
type handler func(*Emulator, *call)

// resource is one entry of the location list: what OPTIONS {org}/_apis
// prints, and how the resource is served. Its fields are those of
// ApiResourceLocation in
// https://github.com/microsoft/azure-devops-go-api/blob/dev/azuredevops/v7/models.go
type resource struct {
	ID              string `json:"id"`
	Area            string `json:"area"`
	ResourceName    string `json:"resourceName"`
	RouteTemplate   string `json:"routeTemplate"`
	ResourceVersion int    `json:"resourceVersion"`
	MinVersion      string `json:"minVersion"`
	MaxVersion      string `json:"maxVersion"`
	ReleasedVersion string `json:"releasedVersion"` // "0.0": preview only

	plane   plane
	scopes  []string // any of them will do; none: every token
	open    bool     // the handler itself decides about anonymous callers
	bearer  bool     // for access tokens of Entra only
	methods map[string]handler
}

// serveREST finds the resource of a path and checks, in the service's order,
// who is asking, for what, and in which version.
func (e *Emulator) serveREST(rec *recorder, r *http.Request, t target) {
	c := &call{w: rec, r: r, org: t.org, caller: e.authenticate(r, t.org)}
	rec.identify(c.caller)
	if r.Method == http.MethodOptions && isLocationList(t.segments) {
		e.serveLocations(c, t.plane)
		return
	}
	res, vars, ok := findResource(t.plane, t.segments)
	if ok && res.bearer && e.refuseUnlessBearer(c) {
		return
	}
	if c.caller.verdict != signedIn && (!ok || !res.open || c.caller.verdict != anonymous) {
		e.refuse(rec, r, t.org, c.caller)
		return
	}
	setUserData(rec, c.caller.user)
	switch {
	case !ok:
		writeNoController(rec)
		return
	case c.caller.verdict == signedIn && !anyScope(c.caller.scope, res.scopes):
		writeNoScope(rec)
		return
	}
	handle, ok := res.methods[r.Method]
	if !ok {
		writeException(rec, http.StatusMethodNotAllowed, exceptionIn(webAPI, "VssServiceException"), "The requested resource does not support http method '"+r.Method+"'.")
		return
	}
	c.vars = vars
	if c.version, ok = checkVersion(rec, r, res); ok {
		handle(e, c)
	}
}

// anyScope reports whether a token may use a resource.
func anyScope(granted string, needs []string) bool {
	return len(needs) == 0 || slices.ContainsFunc(needs, func(need string) bool { return scopeAllows(granted, need) })
}

// writeNoScope answers for a token without the needed scope: a bare Basic
// challenge and no body, as recorded where a token was good but not for this
// (test recordings of https://github.com/Azure/azure-devops-cli-extension, 2025-01).
func writeNoScope(w http.ResponseWriter) {
	w.Header().Del("X-VSS-UserData")
	w.Header()["Www-Authenticate"] = []string{`Basic realm="https://tfsprodemu1.app.visualstudio.com/"`}
	w.WriteHeader(http.StatusUnauthorized)
}

// writeNoController answers for a path that no resource has.
func writeNoController(w http.ResponseWriter) {
	writeException(w, http.StatusNotFound, exceptionIn(webAPI, "VssServiceException"), "The controller for path was not found or does not implement IController.")
}

// findResource finds the resource of a path and its route values. The
// project may be absent where a template begins with it.
func findResource(p plane, segments []string) (resource, map[string]string, bool) {
	for _, res := range resources() {
		if res.plane != p && res.plane != planeNone {
			continue
		}
		template := strings.NewReplacer("{area}", res.Area, "{resource}", res.ResourceName).Replace(res.RouteTemplate)
		parts := strings.Split(template, "/")
		if vars, ok := matchRoute(parts, segments); ok {
			return res, vars, true
		}
		if parts[0] == "{project}" {
			if vars, ok := matchRoute(parts[1:], segments); ok {
				return res, vars, true
			}
		}
	}
	return resource{}, nil, false
}

// matchRoute compares a template with a path. Trailing route values may be
// left out; words match in any case.
func matchRoute(parts, segments []string) (map[string]string, bool) {
	if len(segments) > len(parts) {
		return nil, false
	}
	vars := map[string]string{}
	for i, part := range parts {
		name, isVar := strings.CutPrefix(part, "{")
		name = strings.Trim(name, "*}")
		switch {
		case i >= len(segments):
			if !isVar {
				return nil, false
			}
		case isVar:
			if strings.HasPrefix(segments[i], "_") || segments[i] == "" {
				return nil, false
			}
			vars[name] = segments[i]
		case !strings.EqualFold(part, segments[i]):
			return nil, false
		}
	}
	return vars, true
}
