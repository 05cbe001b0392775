package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind string

// The kinds of fault. All but slow, slowDown, endless and dropAfter answer at once and
// never reach the service.
const (
	FaultThrottled    FaultKind = "429"          // TF400733 with Retry-After
	FaultUnavailable  FaultKind = "503"          // TF24668, the organization is stopped
	FaultUnauthorized FaultKind = "401"          // as for a worthless credential
	FaultSignInPage   FaultKind = "203"          // the sign-in page, as a success
	FaultRedirect     FaultKind = "302"          // to the sign-in page
	FaultGarbage      FaultKind = "garbage"      // 200 and bytes of no format
	FaultWrongContent FaultKind = "wrongContent" // 200 and well-formed JSON of another call
	FaultSlow         FaultKind = "slow"         // the right answer after Delay
	FaultSlowDown     FaultKind = "slowDown"     // the right answer with Retry-After and the rate-limit headers
	FaultEndless      FaultKind = "endless"      // 200 and a body that never ends, a piece each Delay
	FaultDropBefore   FaultKind = "dropBefore"   // the connection is cut, nothing was done
	FaultDropAfter    FaultKind = "dropAfter"    // everything was done, then the connection is cut
)

// FaultKinds lists all kinds.
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultThrottled, FaultUnavailable, FaultUnauthorized, FaultSignInPage, FaultRedirect, FaultGarbage,
		FaultWrongContent, FaultSlow, FaultSlowDown, FaultEndless, FaultDropBefore, FaultDropAfter,
	}
}

// Fault is one line of the fault table. An empty Host, Path or Method matches
// every request; * in Host and Path stands for any characters, slashes too.
type Fault struct {
	ID     string    `json:"id"` // given by AddFault
	Kind   FaultKind `json:"kind"`
	Host   string    `json:"host,omitempty"`
	Path   string    `json:"path,omitempty"`
	Method string    `json:"method,omitempty"`
	// Skip lets so many matching requests through first.
	Skip int `json:"skip,omitempty"`
	// Count is how many requests are hit; 0 means one, -1 all.
	Count int `json:"count,omitempty"`
	// RetryAfter goes into that header, in seconds, for 429 and 503.
	RetryAfter int      `json:"retryAfter,omitempty"`
	Delay      Duration `json:"delay,omitzero"` // of slow and endless; default 1 second
	Hits       int      `json:"hits"`           // requests hit so far
}

// faultTable is the list of faults to come. The first match wins.
type faultTable struct {
	mu     sync.Mutex
	faults []*Fault
	next   int
}

// AddFault adds a line to the fault table and returns its id.
func (e *Emulator) AddFault(f Fault) (string, error) {
	if !slices.Contains(FaultKinds(), f.Kind) {
		return "", fmt.Errorf("unknown kind of fault %q: use one of %v", f.Kind, FaultKinds())
	}
	if f.Count == 0 {
		f.Count = 1
	}
	if f.Delay == 0 {
		f.Delay = Duration(time.Second)
	}
	if f.Skip < 0 || f.Count < -1 || f.RetryAfter < 0 || f.Delay < 0 {
		return "", fmt.Errorf("a fault's skip, count, retry-after and delay cannot be negative, but for count -1")
	}
	t := &e.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	f.ID, f.Hits = "f"+strconv.Itoa(t.next), 0
	t.faults = append(t.faults, &f)
	return f.ID, nil
}

// Faults lists the fault table, also what is used up.
func (e *Emulator) Faults() []Fault {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	out := make([]Fault, len(e.faults.faults))
	for i, f := range e.faults.faults {
		out[i] = *f
	}
	return out
}

// ClearFaults removes the faults with these ids, or all if there are none,
// and returns how many it removed.
func (e *Emulator) ClearFaults(ids ...string) int {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	before := len(e.faults.faults)
	e.faults.faults = slices.DeleteFunc(e.faults.faults, func(f *Fault) bool {
		return len(ids) == 0 || slices.Contains(ids, f.ID)
	})
	return before - len(e.faults.faults)
}

// take returns the fault that hits a request, and counts it.
func (t *faultTable) take(r Request) (Fault, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.faults {
		if !f.matches(r) || f.Count >= 0 && f.Hits >= f.Count {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.Hits++
		return *f, true
	}
	return Fault{}, false
}

// matches compares the request with the patterns.
func (f *Fault) matches(r Request) bool {
	return (f.Method == "" || strings.EqualFold(f.Method, r.Method)) &&
		wildcard(f.Host, r.Host) && wildcard(f.Path, r.Path)
}

// wildcard matches s against a pattern in which * is any text, in any case.
func wildcard(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(strings.ToLower(pattern), "*")
	rest, ok := strings.CutPrefix(strings.ToLower(s), parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// statusOfFault is the status of kinds that are numbers.
func statusOfFault(k FaultKind) int {
	n, err := strconv.Atoi(string(k))
	if err != nil {
		return http.StatusOK
	}
	return n
}
