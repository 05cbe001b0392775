// Package doctor finds what is wrong with the machine that Git and patrol run
// on: each check is a value in one list, says why it matters, and may offer a
// fix that is shown before it is made. A check reads and asks; only a Fix changes
// anything.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	High   Severity = "high"   // a secret lies open, or goes where it should not
	Medium Severity = "medium" // something does not work, or makes a theft worse
	Low    Severity = "low"    // worth knowing
)

// rank orders the severities, the worst first.
func (s Severity) rank() int { return slices.Index([]Severity{High, Medium, Low}, s) }

// Check is one thing that can be wrong.
type Check struct {
	ID       string   // stable, for --only and for scripts
	Title    string   // what is wrong, in a few words
	Why      string   // why it matters, in a sentence or two
	Remedy   string   // what to do, where a finding says nothing else
	Severity Severity // of its findings, unless they say otherwise
	Online   bool     // it asks a server
	Find     func(context.Context, *Machine) ([]Finding, error)
}

// Checks lists the checks of this package, in the order they are made.
func Checks() []Check {
	return slices.Concat(gitChecks(), programChecks(), remoteChecks(), tokenChecks(), keyChecks(), fileChecks(), networkChecks())
}

// Finding is something that is wrong. Nothing in it is secret, but it may hold
// foreign text, which is to be escaped where it is shown.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Where    string   `json:"where"`            // a file with a line or key, a host, a variable
	What     string   `json:"what"`             // what is wrong there
	Reason   string   `json:"reason"`           // why that matters; the check's, if left empty
	Remedy   string   `json:"remedy,omitempty"` // what to type or do; the check's, if left empty
	Fix      *Fix     `json:"fix,omitempty"`

	Org, Host string `json:"-"` // whom it speaks of, for a report that is not to say so
}

// Fix is a change that can be made on request.
type Fix struct {
	// Says is exactly what will change, in lines, without a secret.
	Says string `json:"says"`
	// Do makes the change, or fails with nothing changed. It may return a
	// further one that makes sense only now.
	Do func(context.Context) (next *Fix, err error) `json:"-"`
}

// NotMade is a check that could not be made.
type NotMade struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// Report is what a run found.
type Report struct {
	Findings []Finding `json:"findings"` // the worst first
	NotMade  []NotMade `json:"notMade"`
	Made     []string  `json:"made"` // ids of the checks that were made, whatever they found
}

// errLocked is why a check cannot be made that has to look into the vault.
var errLocked = errors.New("the vault is locked; patrol unlock opens it")

// Run makes the checks, one after the other.
func Run(ctx context.Context, m *Machine, checks []Check) Report {
	r := Report{Findings: []Finding{}, NotMade: []NotMade{}, Made: []string{}}
	for _, c := range checks {
		if c.Online && m.Offline {
			r.NotMade = append(r.NotMade, NotMade{c.ID, "it asks a server (--offline)"})
			continue
		}
		stop := m.Progress(c.ID + " ...")
		found, err := c.Find(ctx, m)
		stop()
		for _, f := range found {
			f.Check = c.ID
			f.Severity, f.Reason = cmp.Or(f.Severity, c.Severity), cmp.Or(f.Reason, c.Why)
			if f.Fix == nil {
				f.Remedy = cmp.Or(f.Remedy, c.Remedy)
			}
			r.Findings = append(r.Findings, f)
		}
		if err != nil {
			r.NotMade = append(r.NotMade, NotMade{c.ID, err.Error()})
			continue
		}
		r.Made = append(r.Made, c.ID)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Severity.rank(), b.Severity.rank()) })
	return r
}
