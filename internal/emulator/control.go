package emulator

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// controlPrefix begins the paths of the control calls.
const controlPrefix = "/_emulator/"

// maxControlBody bounds the body of a control call.
const maxControlBody = 1 << 20

// State is what the control call "state" answers; it holds no secret.
type State struct {
	Clock         time.Time           `json:"clock"`
	ProxyURL      string              `json:"proxyUrl"`
	CAFile        string              `json:"caFile"`
	Organizations []StateOrganization `json:"organizations"`
	Users         []string            `json:"users"`
	PATs          []PAT               `json:"pats"`
	SSHKeys       []SSHKey            `json:"sshKeys"`
	Faults        []Fault             `json:"faults"`
	Requests      int                 `json:"requests"`
}

// StateOrganization is an organization in State.
type StateOrganization struct {
	Name       string   `json:"name"`
	Tenant     string   `json:"tenant"` // zeros: MSA-backed
	InstanceID string   `json:"instanceId"`
	Stopped    string   `json:"stopped,omitempty"`
	CloneURLs  []string `json:"cloneUrls"`
}

// Minted is the answer to the control call "mint". The secret is not told again.
type Minted struct {
	Token string `json:"token"`
	PAT   PAT    `json:"pat"`
}

// ClockChange is the body of the control call "clock": one of the two.
type ClockChange struct {
	Advance Duration  `json:"advance,omitzero"`
	Set     time.Time `json:"set,omitzero"`
}

// Selection is the body of the control call "revoke".
type Selection struct {
	ID  string `json:"id,omitempty"`
	All bool   `json:"all,omitempty"`
}

// controlCalls maps "METHOD path" to what it does. The path follows controlPrefix.
func controlCalls() map[string]func(*Emulator, *http.Request) (any, error) {
	return map[string]func(*Emulator, *http.Request) (any, error){
		"GET state":     func(e *Emulator, _ *http.Request) (any, error) { return e.State(), nil },
		"GET clock":     func(e *Emulator, _ *http.Request) (any, error) { return ClockChange{Set: e.Now()}, nil },
		"POST clock":    (*Emulator).controlClock,
		"GET log":       func(e *Emulator, _ *http.Request) (any, error) { return e.Requests(), nil },
		"DELETE log":    func(e *Emulator, _ *http.Request) (any, error) { e.ClearRequests(); return []Request{}, nil },
		"POST mint":     (*Emulator).controlMint,
		"POST revoke":   (*Emulator).controlRevoke,
		"POST policy":   (*Emulator).controlPolicy,
		"POST user":     (*Emulator).controlUser,
		"POST totp":     (*Emulator).controlTOTP,
		"POST bearer":   (*Emulator).controlBearer,
		"POST sshkey":   (*Emulator).controlSSHKey,
		"GET faults":    func(e *Emulator, _ *http.Request) (any, error) { return e.Faults(), nil },
		"POST faults":   (*Emulator).controlAddFault,
		"DELETE faults": (*Emulator).controlClearFaults,
	}
}

// serveControl answers a control call in JSON.
func (e *Emulator) serveControl(w http.ResponseWriter, r *http.Request) {
	if reason := e.foreign(r); reason != "" {
		writeControlError(w, http.StatusForbidden, reason)
		return
	}
	handle, ok := controlCalls()[r.Method+" "+strings.TrimPrefix(r.URL.Path, controlPrefix)]
	if !ok {
		writeControlError(w, http.StatusNotFound, "no control call "+r.Method+" "+r.URL.Path)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
	body, err := handle(e, r)
	if err != nil {
		writeControlError(w, http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "", body)
}

// foreign says why a request may come from a web page in somebody's browser.
// A page reaches loopback under a name of its own ("DNS rebinding"), which
// the Host header shows, or across origins, which Origin shows or, for
// requests without a preflight, a content type other than JSON.
func (e *Emulator) foreign(r *http.Request) string {
	host, port, err := net.SplitHostPort(r.Host)
	_, own, _ := net.SplitHostPort(e.listener.Addr().String())
	if err != nil || port != own || host != "localhost" && !isLoopbackIP(host) {
		return "host " + r.Host + " is not this listener"
	}
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		return "control calls are not for browsers"
	}
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json" {
		return "send Content-Type: application/json"
	}
	return ""
}

// isLoopbackIP reports whether host is an address of loopback.
func isLoopbackIP(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// writeControlError answers a refused control call.
func writeControlError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, "", map[string]string{"error": text})
}

// readControl reads a JSON body strictly.
func readControl(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

func (e *Emulator) controlClock(r *http.Request) (any, error) {
	var change ClockChange
	if err := readControl(r, &change); err != nil {
		return nil, err
	}
	if !change.Set.IsZero() {
		e.SetClock(change.Set)
	}
	e.Advance(time.Duration(change.Advance))
	return ClockChange{Set: e.Now()}, nil
}

func (e *Emulator) controlMint(r *http.Request) (any, error) {
	var o MintOptions
	if err := readControl(r, &o); err != nil {
		return nil, err
	}
	token, pat, err := e.Mint(o)
	return Minted{Token: token, PAT: pat}, err
}

func (e *Emulator) controlRevoke(r *http.Request) (any, error) {
	var s Selection
	if err := readControl(r, &s); err != nil {
		return nil, err
	}
	if s.All {
		return map[string]int{"revoked": e.RevokeAll()}, nil
	}
	return map[string]int{"revoked": 1}, e.Revoke(s.ID)
}

func (e *Emulator) controlAddFault(r *http.Request) (any, error) {
	var f Fault
	if err := readControl(r, &f); err != nil {
		return nil, err
	}
	id, err := e.AddFault(f)
	return map[string]string{"id": id}, err
}

func (e *Emulator) controlClearFaults(r *http.Request) (any, error) {
	return map[string]int{"cleared": e.ClearFaults(r.URL.Query()["id"]...)}, nil
}

// SSHKeyChange is the body of the control call "sshkey": a key to add, or the
// id of one to delete.
type SSHKeyChange struct {
	User         string `json:"user,omitempty"`
	Organization string `json:"organization,omitempty"`
	Name         string `json:"name,omitempty"`
	PublicKey    string `json:"publicKey,omitempty"`
	Delete       string `json:"delete,omitempty"`
}

func (e *Emulator) controlSSHKey(r *http.Request) (any, error) {
	var c SSHKeyChange
	if err := readControl(r, &c); err != nil {
		return nil, err
	}
	if c.Delete != "" {
		return map[string]string{"deleted": c.Delete}, e.DeleteSSHKey(c.Delete)
	}
	return e.AddSSHKey(c.User, c.Organization, c.Name, c.PublicKey)
}
