package emulator

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// serveFault answers a request with what goes wrong.
func (e *Emulator) serveFault(rec *recorder, r *http.Request, f Fault) {
	t, ok := e.resolve(rec.entry.Host, r.URL)
	if !ok || t.org == nil {
		t.org = &organization{name: t.orgName, tenant: zeroGUID, instanceID: zeroGUID}
	}
	switch f.Kind {
	case FaultDropBefore:
		panic(http.ErrAbortHandler)
	case FaultDropAfter:
		rec.ResponseWriter = &discarded{ResponseWriter: rec.ResponseWriter, header: http.Header{}}
		e.serveService(rec, r)
		rec.entry.Status = 0
		panic(http.ErrAbortHandler)
	case FaultSlow:
		if !pause(r, time.Duration(f.Delay)) {
			panic(http.ErrAbortHandler)
		}
		e.serveService(rec, r)
		return
	case FaultSlowDown:
		setRateLimit(rec.Header(), max(f.RetryAfter, 1))
		e.serveService(rec, r)
		return
	}
	e.setCommonHeaders(rec, r)
	if f.RetryAfter > 0 {
		rec.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	switch f.Kind {
	case FaultThrottled:
		writeThrottled(rec, f)
	case FaultUnavailable:
		stopped := *t.org
		stopped.stopped = "a fault of the emulator"
		writeStopped(rec, &stopped)
	case FaultUnauthorized:
		e.refuse401(rec, r, t.org, caller{verdict: rejected})
	case FaultSignInPage:
		writePage(rec, statusOfFault(f.Kind), "Sign In", "This page stands where the service shows its sign-in page.")
	case FaultRedirect:
		redirectToSignIn(rec, r, t.org)
	case FaultWrongContent:
		writeJSON(rec, http.StatusOK, "", map[string]any{"value": []string{}, "unexpected": true})
	case FaultGarbage:
		rec.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = rec.Write([]byte("\x00\xff{]garbage\r\n\x1b[2J"))
	case FaultEndless:
		endless(rec, r, time.Duration(f.Delay))
	}
}

// writeThrottled answers 429. Headers:
// https://learn.microsoft.com/en-us/azure/devops/integrate/concepts/rate-limits#api-client-experience
func writeThrottled(w http.ResponseWriter, f Fault) {
	text := "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource 'Concurrency' in namespace 'User'."
	setRateLimit(w.Header(), f.RetryAfter)
	w.Header().Set("X-TFS-ServiceError", url.PathEscape(text))
	writeException(w, http.StatusTooManyRequests, exceptionIn("Microsoft.TeamFoundation.Framework.Server", "RequestBlockedException"), text)
}

// setRateLimit tells a client to wait, also together with a good answer.
func setRateLimit(h http.Header, seconds int) {
	h.Set("X-RateLimit-Resource", "Concurrency")
	h.Set("X-RateLimit-Limit", "200")
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Delay", strconv.Itoa(seconds))
	if seconds > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
}

// endless sends a JSON text that goes on until the client has enough.
func endless(w http.ResponseWriter, r *http.Request, every time.Duration) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	flusher := http.NewResponseController(w)
	if _, err := w.Write([]byte(`{"value":[0`)); err != nil {
		return
	}
	for flusher.Flush() == nil && pause(r, every) {
		if _, err := w.Write([]byte(",0")); err != nil {
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// pause waits, and reports false if the client or the emulator went away.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// discarded is an http.ResponseWriter that throws the reply away, for work
// that is done although its answer is lost.
type discarded struct {
	http.ResponseWriter
	header http.Header
}

// Header implements http.ResponseWriter.
func (d *discarded) Header() http.Header { return d.header }

// WriteHeader implements http.ResponseWriter.
func (d *discarded) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }

// Flush keeps a flush from sending the header of the real reply.
func (d *discarded) Flush() {}

// EnableFullDuplex passes on what matters to reading.
func (d *discarded) EnableFullDuplex() error {
	return http.NewResponseController(d.ResponseWriter).EnableFullDuplex()
}
