package emulator

import (
	"html/template"
	"net/http"
	"strings"
)

// pageView is what a page shows.
type pageView struct {
	Banner, Title, Nonce string
	Action               string // of the form; none: no form
	Flow, CSRF           string
	Step                 step
	Message              string // what is wrong
	Email, App           string
	Sessions, Scopes     []string
	Hidden               [][2]string // of a form that goes to the application
	Detail               []string
	Back                 bool
}

// frame is what every page shows.
func (v *pageView) frame() *pageView { return v }

// pageStyle keeps to what every browser has: system fonts and colours, a
// visible focus, nothing loaded from anywhere.
const pageStyle = `:root{color-scheme:light dark;--line:#767676;--bad:#a80000;--link:#0a4a9a}
@media (prefers-color-scheme:dark){:root{--bad:#ff9a8a;--link:#9cc8ff}}
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:40rem;padding:1rem}body:has(nav){max-width:64rem}
.banner{border:2px solid var(--bad);padding:.5rem;font-weight:bold}
label{display:block;font-weight:bold;margin:1rem 0 .25rem}[type=checkbox]+label,[type=radio]+label{display:inline;font-weight:normal}
fieldset{border:1px solid var(--line);margin:1rem 0}fieldset p{margin:.25rem 0}
nav a{margin-right:1rem}[aria-current]{color:inherit;font-weight:bold;text-decoration:none}nav,caption{margin:1rem 0;text-align:left}
input[type=email],input[type=password],input[type=text],input[type=number]{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid var(--line)}
button{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0;border:1px solid var(--line)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.5rem 1rem .5rem 0;border-bottom:1px solid var(--line)}th[scope=row]{overflow-wrap:anywhere}
time{white-space:nowrap}td form{display:inline}td button{margin:.25rem .5rem .25rem 0}
code{overflow-wrap:anywhere}a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.error{color:var(--bad);font-weight:bold}.list button{display:block;width:100%;text-align:left}`

// pageHead and pageFoot stand around every page with something to fill in.
const pageHead = `{{define "head"}}<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{if .Message}}Error: {{end}}{{.Title}}</title><style nonce="{{.Nonce}}">` + pageStyle + `</style></head>
<body><p class="banner" role="note">{{.Banner}}</p><main><h1>{{.Title}}</h1>
<div aria-live="assertive">{{with .Message}}<p class="error" id="error" role="alert">{{.}}</p>{{end}}</div>{{end}}`

const pageFoot = `{{define "foot"}}</main></body></html>
{{end}}`

const signInPage = `{{define "signin"}}{{template "head" .}}
<form method="post" action="{{.Action}}" novalidate>
<input type="hidden" name="flow" value="{{.Flow}}"><input type="hidden" name="csrf" value="{{.CSRF}}"><input type="hidden" name="step" value="{{.Step}}">
{{if eq .Step "pick"}}<p>Pick an account to go on to {{.App}}.</p><div class="list">
{{range $i, $e := .Sessions}}<button name="account" value="{{$e}}"{{if eq $i 0}} autofocus{{end}}>{{$e}}</button>{{end}}
<button name="account" value="">Use another account</button></div>
{{else if eq .Step "email"}}<p>to go on to {{.App}}</p>
<label for="loginfmt">Email</label>
<input id="loginfmt" name="loginfmt" type="email" value="{{.Email}}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus{{if .Message}} aria-invalid="true" aria-describedby="error"{{end}}>
<button name="action" value="next">Next</button>
{{else if eq .Step "password"}}<p>{{.Email}}</p>
<input type="hidden" name="username" value="{{.Email}}" autocomplete="username">
<label for="passwd">Password</label>
<input id="passwd" name="passwd" type="password" autocomplete="current-password" required autofocus{{if .Message}} aria-invalid="true" aria-describedby="error"{{end}}>
<button name="action" value="next">Sign in</button>
<button name="action" value="other">Use another account</button>
{{else if eq .Step "code"}}<p>{{.Email}}</p><p id="codehelp">Enter the code that your authenticator app shows.</p>
<label for="otc">Six-digit code</label>
<input id="otc" name="otc" type="text" inputmode="numeric" pattern="[0-9 ]*" maxlength="7" autocomplete="one-time-code" required autofocus{{if .Message}} aria-invalid="true" aria-describedby="error codehelp"{{else}} aria-describedby="codehelp"{{end}}>
<button name="action" value="next">Verify</button>
{{else if eq .Step "consent"}}<p>{{.Email}}</p><p>{{.App}} would like to use Azure DevOps in your name:</p>
<ul>{{range .Scopes}}<li>{{.}}</li>{{end}}</ul>
<button name="action" value="accept" autofocus>Accept</button>
{{else if eq .Step "stay"}}<p>{{.Email}}</p><p>Do this to be asked less often.</p>
<button name="action" value="yes" autofocus>Yes</button>
<button name="action" value="no">No</button>
{{end}}<button name="action" value="cancel" formnovalidate>Cancel</button>
</form>{{template "foot" .}}{{end}}`

const errorPageText = `{{define "error"}}{{template "head" .}}
{{range .Detail}}<p>{{.}}</p>{{end}}
{{if .Back}}<form method="post" action="{{.Action}}">
<input type="hidden" name="flow" value="{{.Flow}}"><input type="hidden" name="csrf" value="{{.CSRF}}"><input type="hidden" name="step" value="blocked">
<button name="action" value="cancel" autofocus>Back to {{.App}}</button></form>{{end}}{{template "foot" .}}{{end}}`

// formPostPage sends itself where scripts run, as Entra's does.
const formPostPage = `{{define "post"}}{{template "head" .}}
<form method="post" action="{{.Action}}">
{{range .Hidden}}<input type="hidden" name="{{index . 0}}" value="{{index . 1}}">{{end}}
<button autofocus>Continue to {{.App}}</button></form>
<script nonce="{{.Nonce}}">document.forms[0].submit()</script>{{template "foot" .}}{{end}}`

// renderPage writes one of the templates, with headers that let it load
// nothing and run nothing but its own.
func renderPage(w http.ResponseWriter, status int, name, text string, view interface{ frame() *pageView }) {
	nonce := newSecret("", 12)
	view.frame().Banner, view.frame().Nonce = banner, nonce
	t, err := template.New(name).Parse(pageHead + pageFoot + text)
	var b strings.Builder
	if err == nil {
		err = t.ExecuteTemplate(&b, name, view)
	}
	if err != nil {
		http.Error(w, "azdo-emulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}

// titles are the headings of the steps.
func titles() map[step]string {
	return map[step]string{
		stepPick: "Pick an account", stepEmail: "Sign in", stepPassword: "Enter password", stepCode: "Enter code",
		stepConsent: "Permissions requested", stepStay: "Stay signed in?",
	}
}

// show writes the page of a step, with a token of its own.
func (s *entra) show(w http.ResponseWriter, _ *http.Request, f *flow, due step, message string) {
	f.csrf = newSecret("", 18)
	view := pageView{
		Title: titles()[due], Action: "/" + f.req.realm.path + "/login", Flow: f.id, CSRF: f.csrf, Step: due,
		Message: message, Email: f.email, App: f.req.app.name, Scopes: f.req.scopes.names,
	}
	if f.account != nil {
		view.Email = f.account.upn
	}
	for _, x := range s.live(f.browser) {
		view.Sessions = append(view.Sessions, x.account.upn)
	}
	renderPage(w, http.StatusOK, "signin", signInPage, &view)
}

// errorPage shows an error to the person. With a flow there is a way back to
// the application.
func (s *entra) errorPage(w http.ResponseWriter, r *http.Request, problem *stsError, f *flow) {
	reply := problem.reply(r, s.now())
	view := pageView{Title: "Sorry, but we’re having trouble signing you in", Message: problem.Error(), Detail: []string{
		"Request Id: " + reply.TraceID, "Correlation Id: " + reply.CorrelationID, "Timestamp: " + reply.Timestamp,
	}}
	status := http.StatusBadRequest
	if f != nil {
		f.csrf = newSecret("", 18)
		view.Back, view.Action, view.Flow, view.CSRF, view.App = true, "/"+f.req.realm.path+"/login", f.id, f.csrf, f.req.app.name
		status = http.StatusOK
	}
	renderPage(w, status, "error", errorPageText, &view)
}
