package oauth

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxConnections bounds what others on this machine can make us hold open.
	maxConnections = 128
	// readTime and holdTime are how long the head of a request may take to
	// arrive, and all of it to be answered, which waits for the token endpoint. A
	// shorter ReadTimeout would cancel the request while it waits.
	readTime = 5 * time.Second
	holdTime = MaxTimeout + 20*time.Second
)

// receiver is the web server that waits for the browser. It is reachable for
// every program on this machine and, through the browser, for every web page,
// so it believes nobody without the state, and whatever it does not
// understand it turns away and goes on waiting.
type receiver struct {
	t      *transaction
	server *http.Server
	serve  sync.WaitGroup
	open   atomic.Int64 // connections

	answers chan response // the one answer with the right state
	failed  chan error    // a listener that ended by itself

	mu    sync.Mutex
	taken bool

	outcome outcome       // set before done is closed
	done    chan struct{} // the outcome is known
	shown   chan struct{} // and has been sent to the browser
	once    sync.Once     // closes shown
}

// newReceiver starts to serve. The caller closes it.
func newReceiver(t *transaction, listeners []net.Listener) *receiver {
	r := &receiver{
		t: t, answers: make(chan response, 1), failed: make(chan error, len(listeners)),
		done: make(chan struct{}), shown: make(chan struct{}),
	}
	r.server = &http.Server{
		Handler:                      r,
		ReadHeaderTimeout:            readTime,
		ReadTimeout:                  holdTime,
		WriteTimeout:                 holdTime,
		IdleTimeout:                  readTime,
		MaxHeaderBytes:               maxToken,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0), // it would quote what strangers send
		ConnState:                    r.count,
	}
	for _, l := range listeners {
		r.serve.Go(func() { r.failed <- r.server.Serve(l) })
	}
	return r
}

// count turns connections away that are too many.
func (r *receiver) count(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if r.open.Add(1) > maxConnections {
			_ = c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		r.open.Add(-1)
	}
}

// close ends listeners and connections at once.
func (r *receiver) close() {
	_ = r.server.Close()
	r.serve.Wait()
}

// finish tells the browser how it ended, and waits until it knows, but not for
// long: the tab may be gone.
func (r *receiver) finish(ctx context.Context, o outcome, patience time.Duration) {
	r.outcome = o
	close(r.done)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-r.shown:
	case <-ctx.Done():
	}
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	setHeaders(w.Header())
	path := req.URL.Path
	if req.URL.RawPath != "" {
		path = "" // ours needs no escapes, so one with escapes is not ours
	}
	switch {
	// Another name for this address is another web site's (DNS rebinding). The
	// form with a whole URL is for proxies, which this is none.
	case req.Host != r.t.redirect.Host || req.URL.Host != "":
		writePage(w, http.StatusForbidden, stray("This address is not for you."))
	case path != r.t.redirect.Path && path != r.t.page:
		writePage(w, http.StatusNotFound, stray("There is nothing here."))
	case req.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		writePage(w, http.StatusMethodNotAllowed, stray("There is nothing here."))
	case path == r.t.page:
		r.show(w)
	default:
		r.take(w, req)
	}
}

// take hands on the answer of the provider, holds the browser until it is known
// what came of it, and sends it to a page whose address tells nothing.
func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	answer, err := r.t.readResponse(req.URL.RawQuery)
	if err == nil && !r.first() {
		err = errTwice
	}
	if err != nil {
		writePage(w, http.StatusBadRequest, stray(sentence(err.Error()),
			"patrol is waiting for you to finish signing in, in another tab or window."))
		return
	}
	r.answers <- answer
	select {
	case <-r.done:
		w.Header().Set("Location", r.t.page)
		w.WriteHeader(http.StatusFound)
	case <-req.Context().Done():
	}
}

// first reports whether the state is used for the first time.
func (r *receiver) first() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.taken
	r.taken = true
	return first
}

// show sends the result page. Its path is a secret that only the browser with
// the right answer was told, since the page names the account.
func (r *receiver) show(w http.ResponseWriter) {
	select {
	case <-r.done:
	default:
		writePage(w, http.StatusNotFound, stray("There is nothing here."))
		return
	}
	w.Header().Set("Connection", "close")
	writePage(w, r.outcome.status(), r.outcome.page())
	_ = http.NewResponseController(w).Flush()
	r.once.Do(func() { close(r.shown) })
}
