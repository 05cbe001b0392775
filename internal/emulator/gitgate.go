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

// gitCall is one Git request on its way through the gate.
type gitCall struct {
	rec     *recorder
	r       *http.Request
	org     *organization
	caller  caller
	service string      // uploadPack, receivePack, or "" for anything else
	rest    string      // of the path, below the repository
	name    string      // of the repository, as asked for
	repo    *repository // nil: there is none
}

// serveGit lets a request through to Git if the caller may make it.
func (e *Emulator) serveGit(rec *recorder, r *http.Request, t target) {
	c := newGitCall(rec, r, t)
	c.caller = e.authenticate(r, t.org)
	rec.entry.Service = c.service
	rec.identify(c.caller)
	if c.caller.verdict != signedIn && !(c.caller.verdict == anonymous && c.public()) {
		e.refuse(rec, r, t.org, c.caller)
		return
	}
	setUserData(rec, c.caller.user)
	if need := c.scope(); need != "" && !scopeAllows(c.caller.scope, need) {
		e.refuseScope(c)
		return
	}
	rights := c.rights()
	switch {
	case c.repo == nil || c.repo.disabled || !slices.Contains(rights, Read):
		writeNoRepository(rec, c.name)
	case c.service == "":
		writePlain(rec, http.StatusNotFound, "azdo-emulator: only Git's smart HTTP protocol is served here")
	case c.service == receivePack && !slices.Contains(rights, Contribute):
		writeNoPush(rec, r, c.caller.user.identity(t.org))
	default:
		e.runBackend(c, rights)
	}
}

// newGitCall takes a request apart. Only the four requests of the smart
// protocol have a service.
func newGitCall(rec *recorder, r *http.Request, t target) *gitCall {
	c := &gitCall{rec: rec, r: r, org: t.org}
	g, ok := parseGit(t.segments)
	if !ok {
		return c
	}
	c.name, c.rest = g.repository, g.rest
	if p := t.org.project(g.project); p != nil {
		c.repo = p.repository(g.repository)
	}
	asked := g.rest
	switch {
	case r.Method == http.MethodGet && g.rest == "info/refs":
		asked = r.URL.Query().Get("service")
	case r.Method != http.MethodPost:
		return c
	}
	if asked == uploadPack || asked == receivePack {
		c.service = asked
	}
	return c
}

// public reports whether anybody may make the request.
func (c *gitCall) public() bool {
	return c.repo != nil && c.repo.project.public && c.service != receivePack
}

// scope is what the caller's token needs: reading for fetch, writing for push.
func (c *gitCall) scope() string {
	switch {
	case c.caller.verdict == anonymous:
		return ""
	case c.service == receivePack:
		return scopeCodeWrite
	}
	return scopeCodeRead
}

// rights are what the caller may do with the repository.
func (c *gitCall) rights() []Right {
	if c.repo == nil {
		return nil
	}
	var rights []Right
	if c.repo.project.public {
		rights = append(rights, Read)
	}
	if c.caller.user != nil {
		rights = append(rights, c.caller.user.rights(c.repo)...)
	}
	return rights
}

// refuseScope answers for a token without the scope that Git needs.
func (e *Emulator) refuseScope(c *gitCall) {
	if e.config.Seed.MissingScopeStatus == http.StatusUnauthorized {
		e.refuse401(c.rec, c.r, c.org, c.caller)
		return
	}
	writePlain(c.rec, http.StatusForbidden, "TF400813: The user '"+c.caller.user.vsid+"' is not authorized to access this resource.")
}

// writeNoRepository answers for a repository that is missing or hidden,
// without telling which. Git shows plain text to its user.
func writeNoRepository(w http.ResponseWriter, name string) {
	writePlain(w, http.StatusNotFound, textNoRepository(name))
}

// textNoRepository is the text of both, as in
// https://learn.microsoft.com/en-us/azure/devops/pipelines/security/secure-access-to-repos
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
