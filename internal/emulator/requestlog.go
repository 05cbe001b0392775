package emulator

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Request is one entry of the request log. It never holds a secret: no
// header, no query, no body, and no path segment that looks like a token.
type Request struct {
	Time       time.Time  `json:"time"` // the emulator's clock
	Method     string     `json:"method"`
	Host       string     `json:"host"`
	Path       string     `json:"path"`
	Service    string     `json:"service,omitempty"` // of Git, such as git-upload-pack
	Status     int        `json:"status"`            // 0: the connection was dropped
	Credential Credential `json:"credential"`        // none, pat, basic, bearer, cookie, sshkey or other
	PAT        string     `json:"pat,omitempty"`     // id of a known token or SSH key
	Fault      string     `json:"fault,omitempty"`   // id of the fault that answered
}

// maxLogged bounds the log; the oldest entries go first.
const maxLogged = 10000

// requestLog remembers the requests that reached the service.
type requestLog struct {
	mu      sync.Mutex
	entries []Request
	echo    io.Writer
}

// add records a finished request.
func (l *requestLog) add(rec *recorder) { l.record(rec.entry) }

// record adds an entry.
func (l *requestLog) record(entry Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) >= maxLogged {
		l.entries = append(l.entries[:0:0], l.entries[maxLogged/10:]...)
	}
	l.entries = append(l.entries, entry)
	if l.echo != nil {
		fmt.Fprintln(l.echo, entry)
	}
}

// String is the entry on one line.
func (r Request) String() string {
	scheme := "https"
	if r.Method == methodSSH {
		scheme = "ssh"
	}
	s := fmt.Sprintf("%s %3d %-7s %s://%s%s", r.Time.Format(time.RFC3339), r.Status, r.Method, scheme, r.Host, r.Path)
	for _, extra := range []struct{ name, value string }{
		{"service", r.Service}, {"credential", string(r.Credential)}, {"pat", r.PAT}, {"fault", r.Fault},
	} {
		if extra.value != "" {
			s += " " + extra.name + "=" + extra.value
		}
	}
	return s
}

// Requests returns the request log, oldest first.
func (e *Emulator) Requests() []Request {
	e.log.mu.Lock()
	defer e.log.mu.Unlock()
	return append([]Request{}, e.log.entries...)
}

// ClearRequests empties the request log.
func (e *Emulator) ClearRequests() {
	e.log.mu.Lock()
	defer e.log.mu.Unlock()
	e.log.entries = nil
}

// loggedPath is the path of a request with anything like a token taken out,
// and without bytes that could steer a terminal.
func loggedPath(r *http.Request) string {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, s := range segments {
		if len(s) == newLength && s[76:80] == serviceName || ValidToken(s) {
			segments[i] = "[token]"
		}
	}
	return strings.Join(segments, "/")
}

// recorder notes the status of a reply, and who asked, for the log.
type recorder struct {
	http.ResponseWriter
	entry Request
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.entry.Status == 0 {
		r.entry.Status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.entry.Status == 0 {
		r.entry.Status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// identify notes who made the request.
func (r *recorder) identify(c caller) {
	r.entry.Credential, r.entry.PAT = c.credential, c.patID
}
