package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const connection = "https://dev.azure.com/contoso/_apis/connectionData"

// addFault adds a fault or fails the test.
func addFault(t *testing.T, e *Emulator, f Fault) string {
	t.Helper()
	id, err := e.AddFault(f)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestFaultsThatAnswer(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	token := mint(t, e, "ada@contoso.com", "vso.code")
	for _, tt := range []struct {
		fault  Fault
		status int
		header map[string]string
		body   string
	}{
		{Fault{Kind: FaultThrottled, RetryAfter: 3}, 429, map[string]string{"Retry-After": "3", "X-RateLimit-Remaining": "0"}, "TF400733"},
		{Fault{Kind: FaultUnavailable, RetryAfter: 60}, 503, map[string]string{"Retry-After": "60"}, "TF24668"},
		{Fault{Kind: FaultUnauthorized}, 401, map[string]string{"X-VSS-ResourceTenant": "11111111-2222-4333-8444-555555555555"}, "TF400813"},
		{Fault{Kind: FaultSignInPage}, 203, map[string]string{"Content-Type": "text/html; charset=utf-8"}, banner},
		{Fault{Kind: FaultRedirect}, 302, nil, banner},
		{Fault{Kind: FaultGarbage}, 200, map[string]string{"Content-Type": "application/json; charset=utf-8"}, "garbage"},
		{Fault{Kind: FaultWrongContent}, 200, nil, "unexpected"},
		{Fault{Kind: FaultSlow, Delay: Duration(time.Millisecond)}, 200, nil, "authenticatedUser"},
	} {
		id := addFault(t, e, tt.fault)
		r := get(t, c, "GET", connection, token, suppress()...)
		if r.status != tt.status || !strings.Contains(r.body, tt.body) {
			t.Errorf("%s: %d %.200s", tt.fault.Kind, r.status, r.body)
		}
		for name, want := range tt.header {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s %q, want %q", tt.fault.Kind, name, got, want)
			}
		}
		log := e.Requests()
		if last := log[len(log)-1]; last.Fault != id || last.Status != tt.status {
			t.Errorf("%s: logged %v", tt.fault.Kind, last)
		}
		if r := get(t, c, "GET", connection, token); r.status != 200 {
			t.Errorf("%s: hit a second time, %d", tt.fault.Kind, r.status)
		}
	}
}

func TestFaultsThatCutTheConnection(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	for _, kind := range []FaultKind{FaultDropBefore, FaultDropAfter} {
		// POST, because a client repeats a GET by itself on a fresh connection.
		addFault(t, e, Fault{Kind: kind})
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, connection, strings.NewReader("{}"))
		if res, err := c.Do(r); err == nil {
			res.Body.Close()
			t.Errorf("%s: answered %d", kind, res.StatusCode)
		}
	}
	dir := clone(t, e, token, web)
	commit(t, e, dir, "new.txt", "new\n")
	for kind, arrived := range map[FaultKind]bool{FaultDropBefore: false, FaultDropAfter: true} {
		// Each time: curl repeats a POST by itself if a connection that was used
		// before turns out to be dead.
		addFault(t, e, Fault{Kind: kind, Method: http.MethodPost, Path: "*/git-receive-pack", Count: -1})
		if out, err := gitIn(t, e, dir, token, "push", "origin", "main:refs/heads/"+string(kind)); err == nil {
			t.Errorf("%s: push worked\n%s", kind, out)
		}
		e.ClearFaults()
		out := mustGit(t, e, dir, token, "ls-remote", "origin")
		if strings.Contains(out, "refs/heads/"+string(kind)) != arrived {
			t.Errorf("%s: refs\n%s", kind, out)
		}
	}
}

func TestEndlessBody(t *testing.T) {
	t.Parallel()
	e := start(t)
	addFault(t, e, Fault{Kind: FaultEndless, Delay: Duration(time.Millisecond)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, connection, nil)
	res, err := client(t, e).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.CopyN(io.Discard, res.Body, 200); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("after giving up: %v", err)
	}
}

// A slow answer must not hold up Close.
func TestCloseEndsSlowAnswers(t *testing.T) {
	t.Parallel()
	e := start(t)
	addFault(t, e, Fault{Kind: FaultSlow, Delay: Duration(time.Hour)})
	done := make(chan error)
	c := client(t, e)
	go func() {
		r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, connection, nil)
		res, err := c.Do(r)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	for len(e.Faults()) == 0 || e.Faults()[0].Hits == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a request outlived Close")
	}
}

func TestFaultMatching(t *testing.T) {
	t.Parallel()
	request := Request{Method: "GET", Host: "dev.azure.com", Path: "/contoso/_apis/connectionData"}
	for _, tt := range []struct {
		fault Fault
		want  bool
	}{
		{Fault{}, true},
		{Fault{Method: "get"}, true},
		{Fault{Method: "POST"}, false},
		{Fault{Host: "dev.azure.com"}, true},
		{Fault{Host: "*.azure.com"}, true},
		{Fault{Host: "*.dev.azure.com"}, false},
		{Fault{Path: "/contoso/*"}, true},
		{Fault{Path: "*connectiondata"}, true},
		{Fault{Path: "/*/_apis/*Data"}, true},
		{Fault{Path: "/contoso"}, false},
		{Fault{Path: "*_apis"}, false},
		{Fault{Path: "/contoso*_apis*_apis*"}, false},
	} {
		if got := tt.fault.matches(request); got != tt.want {
			t.Errorf("%+v: %v", tt.fault, got)
		}
	}
}

func TestFaultCounting(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	id := addFault(t, e, Fault{Kind: FaultUnavailable, Skip: 1, Count: 2})
	var got []int
	for range 5 {
		got = append(got, get(t, c, "GET", connection, "", suppress()...).status)
	}
	if want := []int{401, 503, 503, 401, 401}; !equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if f := e.Faults(); len(f) != 1 || f[0].ID != id || f[0].Hits != 2 {
		t.Errorf("%+v", f)
	}
	addFault(t, e, Fault{Kind: FaultUnavailable, Count: -1})
	for range 3 {
		if r := get(t, c, "GET", connection, ""); r.status != 503 {
			t.Errorf("count -1: %d", r.status)
		}
	}
	if n := e.ClearFaults(id); n != 1 || len(e.Faults()) != 1 {
		t.Errorf("cleared %d", n)
	}
	if n := e.ClearFaults(); n != 1 {
		t.Errorf("cleared %d", n)
	}
	for _, bad := range []Fault{{Kind: "500"}, {Kind: FaultSlow, Delay: -1}, {Kind: FaultGarbage, Count: -2}, {Kind: FaultGarbage, Skip: -1}} {
		if _, err := e.AddFault(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
