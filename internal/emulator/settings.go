package emulator

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// isSettings recognizes {org}/_usersSettings/tokens, where the service's own
// page of tokens is, and .../keys, its page of SSH keys.
func isSettings(t target) bool {
	return t.plane == planeCore && len(t.segments) == 2 && strings.EqualFold(t.segments[0], "_usersSettings") &&
		(strings.EqualFold(t.segments[1], "tokens") || isKeysPage(t))
}

// isKeysPage tells the page of keys from the page of tokens.
func isKeysPage(t target) bool { return strings.EqualFold(t.segments[1], "keys") }

// settingsCall is one request for the page.
type settingsCall struct {
	w       http.ResponseWriter
	r       *http.Request
	org     *organization
	user    *user
	session *webSession
	page    string // "tokens" or "keys"
}

// serveSettings shows the page of tokens to whoever is signed in, and sends
// others to sign in.
func (e *Emulator) serveSettings(rec *recorder, r *http.Request, t target) {
	x := e.webSession(r)
	if x == nil {
		e.beginWebSignIn(rec, t.org, r.URL.RequestURI())
		return
	}
	rec.entry.Credential = CredentialCookie
	c := &settingsCall{w: rec, r: r, org: t.org, user: e.world.user(x.upn), session: x, page: "tokens"}
	show := e.showSettings
	if isKeysPage(t) {
		c.page, show = "keys", e.showKeys
	}
	if c.user == nil || !e.isMember(c.user, t.org) {
		writePage(rec, http.StatusUnauthorized, "Access Denied", "TF400813: The user '"+x.upn+"' is not authorized to access this resource.")
		return
	}
	setUserData(rec, c.user)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		show(c)
	case http.MethodPost:
		e.changeSettings(c)
	default:
		writePage(rec, http.StatusMethodNotAllowed, "Personal Access Tokens", "This page can be read and filled in.")
	}
}

// changeSettings does what a button says, then shows the page again by a
// redirect, so that reloading it does nothing. Only the page's own forms have
// the session's token.
func (e *Emulator) changeSettings(c *settingsCall) {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxControlBody)
	origin := c.r.Header.Get("Origin")
	if c.r.ParseForm() != nil || origin != "" && origin != "https://"+domainCore && origin != "null" ||
		subtle.ConstantTimeCompare([]byte(c.r.PostForm.Get("csrf")), []byte(c.session.csrf)) != 1 {
		writePage(c.w, http.StatusForbidden, "Personal Access Tokens", "This form did not come from the page of "+c.page+". Open the page again.")
		return
	}
	var f flash
	switch c.r.PostForm.Get("action") {
	case "create":
		f = e.settingsCreate(c)
	case "regenerate":
		f = e.settingsRegenerate(c)
	case "revoke":
		f = e.settingsRevoke(c)
	case "addkey":
		f = e.settingsAddKey(c)
	case "deletekey":
		f = e.settingsDeleteKey(c)
	default:
		f = flash{message: "Nothing was done.", bad: true}
	}
	e.leaveFlash(c.session, f)
	c.w.Header().Set("Location", "https://"+domainCore+"/"+url.PathEscape(c.org.name)+"/_usersSettings/"+c.page)
	writePage(c.w, http.StatusSeeOther, "Object moved", "Back to the page of "+c.page+".")
}

// settingsCreate makes a token from the form.
func (e *Emulator) settingsCreate(c *settingsCall) flash {
	form := c.r.PostForm
	days, err := strconv.Atoi(form.Get("days"))
	if err != nil || days < 1 || days > 365 {
		return flash{message: "Choose an expiration of 1 to 365 days.", bad: true}
	}
	name, scope := form.Get("name"), strings.Join(form["scope"], " ")
	until, all := e.Now().AddDate(0, 0, days), form.Get("all") == "on"
	if form.Get("access") == "full" {
		scope = scopeFull
	}
	token, p, reason := e.newUserPAT(c.org, c.user, patRequest{DisplayName: &name, Scope: &scope, ValidTo: &until, AllOrgs: &all})
	if reason != patNone {
		return flash{message: patMessage(reason), bad: true}
	}
	return flash{token: token, name: p.Name, message: fmt.Sprintf("The token %s was created.", p.Name)}
}

// settingsPAT finds the token that a button is for.
func (e *Emulator) settingsPAT(c *settingsCall, id string) (PAT, bool) {
	all := e.patsOf(c.org, c.user)
	at := slices.IndexFunc(all, func(p PAT) bool { return p.ID == id })
	if at < 0 {
		return PAT{}, false
	}
	return all[at], true
}

// settingsRegenerate makes a successor with the same length of life and
// revokes the old one; only an active one can be regenerated:
// https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate
func (e *Emulator) settingsRegenerate(c *settingsCall) flash {
	old, ok := e.settingsPAT(c, c.r.PostForm.Get("id"))
	if !ok || old.status(e.Now()) != "active" {
		return flash{message: "Only an active token can be regenerated.", bad: true}
	}
	until, all := e.Now().Add(old.ValidTo.Sub(old.ValidFrom)), old.Organizations == nil
	token, p, reason := e.newUserPAT(c.org, c.user, patRequest{DisplayName: &old.Name, Scope: &old.Scope, ValidTo: &until, AllOrgs: &all})
	if reason != patNone {
		return flash{message: patMessage(reason), bad: true}
	}
	e.pats.revoke(e.Now(), func(x *PAT) bool { return x.ID == old.ID })
	return flash{token: token, name: p.Name, message: fmt.Sprintf("The token %s was regenerated. The old one no longer works.", p.Name)}
}

// settingsRevoke revokes a token.
func (e *Emulator) settingsRevoke(c *settingsCall) flash {
	p, ok := e.settingsPAT(c, c.r.PostForm.Get("id"))
	if !ok {
		return flash{message: "There is no such token.", bad: true}
	}
	e.pats.revoke(e.Now(), func(x *PAT) bool { return x.ID == p.ID })
	return flash{message: fmt.Sprintf("The token %s was revoked.", p.Name)}
}

// settingsRow is a token on the page.
type settingsRow struct {
	ID, Name, Scope, Organizations, Expires, Status string
	Active                                          bool
}

// settingsRows lists the tokens that a filter shows.
func (e *Emulator) settingsRows(c *settingsCall, filter string) []settingsRow {
	now := e.Now()
	var rows []settingsRow
	for _, p := range slices.Backward(e.patsOf(c.org, c.user)) {
		status := p.status(now)
		if filter != "all" && status != filter {
			continue
		}
		row := settingsRow{ID: p.ID, Name: p.Name, Scope: p.Scope, Organizations: strings.Join(p.Organizations, ", "), Expires: p.ValidTo.Format(time.DateOnly), Status: status, Active: status == "active"}
		if p.Organizations == nil {
			row.Organizations = "all"
		}
		if p.Scope == scopeFull {
			row.Scope = "full access"
		}
		rows = append(rows, row)
	}
	return rows
}
