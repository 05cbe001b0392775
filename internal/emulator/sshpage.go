package emulator

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// keysView is what the page of SSH keys shows.
type keysView struct {
	pageView
	Org, User, Notice string
	Rows              []keyRow
	Closed            bool
}

// keyRow is a key on the page.
type keyRow struct{ ID, Name, MD5, SHA256, Added, Expires, Status string }

const keysPage = `{{define "keys"}}{{template "head" .}}
<p>{{.User}} in {{.Org}}</p>
<div role="status" aria-live="polite">{{with .Notice}}<p>{{.}}</p>{{end}}</div>
{{if .Rows}}<table><caption>Your keys</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Fingerprint</th><th scope="col">Added</th><th scope="col">Expires</th><th scope="col">Status</th><th scope="col">Actions</th></tr></thead>
<tbody>{{range .Rows}}<tr><th scope="row">{{.Name}}</th><td>{{.SHA256}}<br>MD5 {{.MD5}}</td><td><time datetime="{{.Added}}">{{.Added}}</time></td><td><time datetime="{{.Expires}}">{{.Expires}}</time></td><td>{{.Status}}</td><td>
<form method="post" action="?"><input type="hidden" name="csrf" value="{{$.CSRF}}"><input type="hidden" name="action" value="deletekey"><input type="hidden" name="id" value="{{.ID}}">
<button aria-label="Remove {{.Name}}">Remove</button></form></td></tr>
{{end}}</tbody></table>{{else}}<p>There are none.</p>{{end}}
<h2>New key</h2>
{{if .Closed}}<p>Your organization does not allow SSH.</p>{{else}}
<form method="post" action="?" autocomplete="off"><input type="hidden" name="csrf" value="{{.CSRF}}"><input type="hidden" name="action" value="addkey">
<label for="name">Name</label><input id="name" name="name" type="text" required maxlength="255"{{if .Message}} autofocus aria-describedby="error"{{end}}>
<label for="data">Public Key Data</label><textarea id="data" name="data" required rows="6" spellcheck="false"></textarea>
<button>Add</button></form>{{end}}{{template "foot" .}}{{end}}`

// showKeys writes the page. The service shows MD5 fingerprints there, as its
// documentation compares with "ssh-keygen -l -E md5".
func (e *Emulator) showKeys(c *settingsCall) {
	f := e.takeFlash(c.session)
	view := keysView{
		pageView: pageView{Title: "SSH Public Keys", CSRF: c.session.csrf},
		Org:      c.org.name, User: c.user.upn, Notice: f.message, Closed: e.policies.org(c.org.name).SSHOff,
	}
	if f.bad {
		view.Message, view.Notice = f.message, ""
	}
	for _, k := range e.sshKeysOf(c.user) {
		view.Rows = append(view.Rows, keyRow{
			ID: k.ID, Name: k.Name, SHA256: k.Fingerprint, MD5: md5Fingerprint(k.wire), Status: k.status(e.Now()),
			Added: k.ValidFrom.Format(time.DateOnly), Expires: k.ValidTo.Format(time.DateOnly),
		})
	}
	renderPage(c.w, http.StatusOK, "keys", keysPage, &view)
}

// md5Fingerprint is the older form of a fingerprint, in hex with colons.
func md5Fingerprint(wire []byte) string {
	sum := md5.Sum(wire)
	return strings.ReplaceAll(fmt.Sprintf("% x", sum[:]), " ", ":")
}

// settingsAddKey adds a key from the form.
func (e *Emulator) settingsAddKey(c *settingsCall) flash {
	k, reason := e.newSSHKey(c.org, c.user, c.r.PostForm.Get("name"), c.r.PostForm.Get("data"))
	if reason != patNone {
		return flash{message: sshMessage(reason), bad: true}
	}
	return flash{message: fmt.Sprintf("The key %s was added.", k.Name)}
}

// settingsDeleteKey deletes a key.
func (e *Emulator) settingsDeleteKey(c *settingsCall) flash {
	id := c.r.PostForm.Get("id")
	if e.sshKeys.delete(e.Now(), func(k *SSHKey) bool { return k.ID == id && k.User == c.user.upn }) == 0 {
		return flash{message: "There is no such key.", bad: true}
	}
	return flash{message: "The key was removed."}
}
