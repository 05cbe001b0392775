package emulator

import (
	"fmt"
	"net/http"
	"slices"
)

// settingsView is what the page of tokens shows.
type settingsView struct {
	pageView
	Org, User, Filter string
	Filters           []string
	Rows              []settingsRow
	Token, TokenName  string
	Notice            string
	MaxDays, Days     int
	Choices           []scopeChoice
	Closed            bool // no new tokens
	Confirm           *settingsRow
}

// scopeChoice is a scope as people choose it.
type scopeChoice struct{ Area, Label, Scope string }

// scopeChoices lists those of the page; the service has more.
func scopeChoices() []scopeChoice {
	return []scopeChoice{
		{"Code", "Read", "vso.code"},
		{"Code", "Read and write", "vso.code_write"},
		{"Code", "Read, write and manage", "vso.code_manage"},
		{"Code", "Full", "vso.code_full"},
		{"Packaging", "Read", "vso.packaging"},
		{"Packaging", "Read and write", "vso.packaging_write"},
		{"Build", "Read", "vso.build"},
		{"Build", "Read and execute", "vso.build_execute"},
		{"Work items", "Read", "vso.work"},
		{"Project and team", "Read", "vso.project"},
		{"User profile", "Read", "vso.profile"},
		{"Graph", "Read", "vso.graph"},
	}
}

const settingsPage = `{{define "settings"}}{{template "head" .}}
<p>{{.User}} in {{.Org}}</p>
<div role="status" aria-live="polite">{{with .Notice}}<p>{{.}}</p>{{end}}</div>
{{if .Token}}<section aria-labelledby="new-token"><h2 id="new-token" tabindex="-1" autofocus>New token {{.TokenName}}</h2>
<label for="token">Copy it now: it is not shown again.</label>
<input id="token" type="text" readonly value="{{.Token}}" autocomplete="off" spellcheck="false"></section>{{end}}
{{with .Confirm}}<section aria-labelledby="confirm"><h2 id="confirm" tabindex="-1" autofocus>Revoke {{.Name}}?</h2>
<p>Whatever uses it stops working.</p>
<form method="post" action="?"><input type="hidden" name="csrf" value="{{$.CSRF}}"><input type="hidden" name="action" value="revoke"><input type="hidden" name="id" value="{{.ID}}">
<button>Yes, revoke {{.Name}}</button></form><p><a href="?">No, keep it</a></p></section>
{{else}}
<nav aria-label="Which tokens">{{range .Filters}}<a href="?filter={{.}}"{{if eq . $.Filter}} aria-current="page"{{end}}>{{.}}</a> {{end}}</nav>
{{if .Rows}}<table><caption>Your {{if ne .Filter "all"}}{{.Filter}} {{end}}tokens</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Scopes</th><th scope="col">Organizations</th><th scope="col">Expires</th><th scope="col">Status</th><th scope="col">Actions</th></tr></thead>
<tbody>{{range .Rows}}<tr><th scope="row">{{.Name}}</th><td>{{.Scope}}</td><td>{{.Organizations}}</td><td><time datetime="{{.Expires}}">{{.Expires}}</time></td><td>{{.Status}}</td><td>
{{if .Active}}<form method="post" action="?"><input type="hidden" name="csrf" value="{{$.CSRF}}"><input type="hidden" name="action" value="regenerate"><input type="hidden" name="id" value="{{.ID}}">
<button aria-label="Regenerate {{.Name}}">Regenerate</button></form>
<form method="get" action="?"><input type="hidden" name="revoke" value="{{.ID}}"><button aria-label="Revoke {{.Name}}">Revoke</button></form>{{end}}</td></tr>
{{end}}</tbody></table>{{else}}<p>There are none.</p>{{end}}
<h2>New token</h2>
{{if .Closed}}<p>Your organization does not allow new personal access tokens.</p>{{else}}
<form method="post" action="?" autocomplete="off"><input type="hidden" name="csrf" value="{{.CSRF}}"><input type="hidden" name="action" value="create">
<label for="name">Name</label><input id="name" name="name" type="text" required maxlength="255"{{if .Message}} autofocus aria-describedby="error"{{end}}>
<label for="days">Expires after so many days (at most {{.MaxDays}})</label><input id="days" name="days" type="number" min="1" max="{{.MaxDays}}" value="{{.Days}}" required>
<p><input id="all" name="all" type="checkbox"> <label for="all">For all organizations I can use</label></p>
<fieldset><legend>Access</legend>
<p><input id="custom" name="access" type="radio" value="custom" checked> <label for="custom">Only what is chosen below</label></p>
<p><input id="full" name="access" type="radio" value="full"> <label for="full">Full access</label></p></fieldset>
<fieldset><legend>Scopes</legend>{{range .Choices}}
<p><input id="{{.Scope}}" name="scope" type="checkbox" value="{{.Scope}}"> <label for="{{.Scope}}">{{.Area}}: {{.Label}}</label></p>{{end}}</fieldset>
<button>Create</button></form>{{end}}{{end}}{{template "foot" .}}{{end}}`

// showSettings writes the page.
func (e *Emulator) showSettings(c *settingsCall) {
	f := e.takeFlash(c.session)
	filters := []string{"active", "expired", "revoked", "all"}
	filter := c.r.URL.Query().Get("filter")
	if !slices.Contains(filters, filter) {
		filter = "active"
	}
	view := settingsView{
		pageView: pageView{Title: "Personal Access Tokens", CSRF: c.session.csrf}, Org: c.org.name, User: c.user.upn,
		Filter: filter, Filters: filters, Rows: e.settingsRows(c, filter), Token: f.token, TokenName: f.name, Notice: f.message,
		MaxDays: 365, Days: 30, Choices: scopeChoices(),
	}
	if f.bad {
		view.Message, view.Notice = f.message, ""
	}
	org, tenant := e.policies.org(c.org.name), e.policies.tenant(c.org.tenant)
	view.Closed = org.RestrictPATs && !org.PackagingPATs && !containsFold(org.PATUsers, c.user.upn)
	if tenant.MaxPATDays > 0 && !containsFold(tenant.PATUsers, c.user.upn) {
		view.MaxDays = tenant.MaxPATDays
		view.Notice = joinNotice(view.Notice, fmt.Sprintf("Your administrator limits tokens to %d days.", tenant.MaxPATDays))
	}
	view.Days = min(view.Days, view.MaxDays)
	if p, ok := e.settingsPAT(c, c.r.URL.Query().Get("revoke")); ok && p.status(e.Now()) == "active" {
		view.Confirm = &settingsRow{ID: p.ID, Name: p.Name}
	}
	renderPage(c.w, http.StatusOK, "settings", settingsPage, &view)
}

// joinNotice puts two sentences together.
func joinNotice(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}
