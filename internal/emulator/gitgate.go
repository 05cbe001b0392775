package emulator

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// The two services of Git's smart HTTP protocol that go through the gate:
// https://git-scm.com/docs/gitprotocol-http
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// serveGit lets a request through to Git if the caller may make it.
func (e *Emulator) serveGit(rec *recorder, r *http.Request, t target) {
	service, rest := gitService(r, t)
	rec.entry.Service = service
	c := e.authenticate(r, t.org)
	rec.identify(c)
	g, ok := parseGit(t.segments)
	repo := findGitRepository(t.org, g)
	public := ok && repo != nil && repo.project.public && c.verdict == anonymous && service != receivePack
	if c.verdict != signedIn && !public {
		e.refuse(rec, r, t.org, c)
		return
	}
	setUserData(rec, c.user)
	if !e.scopeAdmits(rec, r, t.org, c, service, public) {
		return
	}
	var rights []Right
	if c.user != nil && repo != nil {
		rights = c.user.rights(repo)
	}
	switch {
	case !ok || repo == nil || repo.disabled || !public && !slices.Contains(rights, Read):
		writeNoRepository(rec, g.repository)
	case service == "":
		writePlain(rec, http.StatusNotFound, "azdo-emulator: only Git's smart HTTP protocol is served here")
	case service == receivePack && !slices.Contains(rights, Contribute):
		writeNoPush(rec, r, c.user.identity(t.org))
	default:
		e.runBackend(rec, r, repo, rest, backendCaller{user: c.user, org: t.org, rights: rights})
	}
}

// gitService says which service a request is for, and its path below the
// repository. Anything but the four requests of the smart protocol has none.
func gitService(r *http.Request, t target) (service, rest string) {
	g, _ := parseGit(t.segments)
	name := r.URL.Query().Get("service")
	switch {
	case r.Method == http.MethodGet && g.rest == "info/refs" && (name == uploadPack || name == receivePack):
		return name, g.rest
	case r.Method == http.MethodPost && (g.rest == uploadPack || g.rest == receivePack):
		return g.rest, g.rest
	}
	return "", ""
}

// findGitRepository looks a Git URL's names up, by name or id.
func findGitRepository(o *organization, g gitTarget) *repository {
	if p := o.project(g.project); p != nil {
		return p.repository(g.repository)
	}
	return nil
}

// scopeAdmits checks the token's scope: reading for fetch, writing for push.
func (e *Emulator) scopeAdmits(w http.ResponseWriter, r *http.Request, o *organization, c caller, service string, public bool) bool {
	need := scopeCodeRead
	if service == receivePack {
		need = scopeCodeWrite
	}
	if public || scopeAllows(c.scope, need) {
		return true
	}
	if e.config.Seed.MissingScopeStatus == http.StatusUnauthorized {
		e.refuse401(w, r, o, c)
		return false
	}
	writePlain(w, http.StatusForbidden, "TF400813: The user '"+c.user.vsid+"' is not authorized to access this resource.")
	return false
}

// writeNoRepository answers for a repository that is missing or hidden,
// without telling which. Git shows plain text to its user.
func writeNoRepository(w http.ResponseWriter, name string) {
	writePlain(w, http.StatusNotFound, textNoRepository(name))
}

// textNoRepository: https://learn.microsoft.com/en-us/azure/devops/repos/git/faq
func textNoRepository(name string) string {
	return "TF401019: The Git repository with name or identifier " + printable(name) +
		" does not exist or you do not have permissions for the operation you are attempting."
}

// writeNoPush answers for a caller without the right to push: packet lines
// that Git does not read as such, two flushes, and the text once more, as in
// https://github.com/Azure/AzOps/issues/299.
func writeNoPush(w http.ResponseWriter, r *http.Request, identity string) {
	text := missingRight("GenericContribute", identity, "repository")
	body := text + "\n"
	if r.Method == http.MethodGet {
		body = packet("# service="+receivePack+"\n") + "0000" + "0000" + packet(text+"\n") + text + "\n"
	}
	writePlain(w, http.StatusForbidden, body)
}

// missingRight is the service's text for a missing permission.
func missingRight(right, identity, scope string) string {
	return fmt.Sprintf("TF401027: You need the Git '%s' permission to perform this action. Details: identity '%s', scope '%s'.",
		right, identity, scope)
}

// packet is one line of Git's packet format: https://git-scm.com/docs/gitprotocol-common#_pkt_line_format
func packet(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

// writePlain answers with plain text.
func writePlain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// printable drops what could steer a terminal from a name that a client chose.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
