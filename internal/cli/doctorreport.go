package cli

import (
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/doctor"
)

// findings is the exit code of a run that found something.
const findings = 3

// doctorJSON is what --json prints.
type doctorJSON struct {
	Version  string           `json:"version"`
	Findings []findingJSON    `json:"findings"`
	NotMade  []doctor.NotMade `json:"notMade"`
	Made     []string         `json:"made"`
}

// findingJSON is a finding, and with --fix what became of it.
type findingJSON struct {
	doctor.Finding
	Outcome *outcome `json:"outcome,omitempty"`
}

// reportDoctor prints what was found and sets the exit code.
func (s *session) reportDoctor(r doctor.Report, outcomes []outcome, f doctorFlags) error {
	for _, o := range outcomes {
		switch {
		case o.Error != "":
			s.code = 1
		case !o.Fixed && s.code == 0:
			s.code = findings
		}
	}
	if s.json {
		out := doctorJSON{Version: buildVersion(), Findings: []findingJSON{}, NotMade: r.NotMade, Made: r.Made}
		for i, finding := range r.Findings {
			row := findingJSON{Finding: finding}
			if f.fix {
				row.Outcome = &outcomes[i]
			}
			out.Findings = append(out.Findings, row)
		}
		return s.printJSON(out)
	}
	if f.fix {
		s.showLeft(r, outcomes)
		return nil
	}
	s.showFindings(r)
	s.showNotMade(r)
	s.showSum(r)
	return nil
}

// showFindings prints the findings of each check together, the worst first.
func (a *app) showFindings(r doctor.Report) {
	checks := doctorChecks()
	shown, why := "", ""
	for _, f := range r.Findings {
		if head := string(f.Severity) + f.Check; head != shown {
			title := f.Check
			if i := slices.IndexFunc(checks, func(c doctor.Check) bool { return c.ID == f.Check }); i >= 0 {
				title = checks[i].Title
			}
			a.print("%s: %s [%s]\n", strings.ToUpper(string(f.Severity)), title, f.Check)
			shown, why = head, ""
		}
		a.print("  %s: %s\n", cred.Escape(f.Where), cred.Escape(f.What))
		if why != f.Reason {
			why = f.Reason
			a.print("    why: %s\n", cred.Escape(why))
		}
		switch {
		case f.Fix != nil:
			a.print("    fix: patrol doctor --fix would\n")
			for line := range strings.Lines(f.Fix.Says) { // each by itself: Escape cuts what is long
				a.print("         %s\n", cred.Escape(strings.TrimSuffix(line, "\n")))
			}
		case f.Remedy != "":
			a.print("    do:  %s\n", cred.Escape(f.Remedy))
		}
	}
}

func (a *app) showNotMade(r doctor.Report) {
	for _, n := range r.NotMade {
		a.print("not checked: %s: %s\n", n.Check, cred.Escape(n.Reason))
	}
}

func (a *app) showSum(r doctor.Report) {
	if len(r.Findings) == 0 {
		a.print("Nothing found; %s made.\n", count(len(r.Made), "check", "checks"))
		return
	}
	fixable := 0
	for _, f := range r.Findings {
		if f.Fix != nil {
			fixable++
		}
	}
	a.print("\n%s; patrol doctor --fix can fix %d. %s made.\n", count(len(r.Findings), "finding", "findings"), fixable, count(len(r.Made), "check", "checks"))
}

// showLeft prints after --fix what is still to be done.
func (a *app) showLeft(r doctor.Report, outcomes []outcome) {
	left := doctor.Report{NotMade: []doctor.NotMade{}}
	for i, f := range r.Findings {
		if !outcomes[i].Fixed {
			left.Findings = append(left.Findings, f)
		}
	}
	a.print("Fixed %d of %s.\n", len(r.Findings)-len(left.Findings), count(len(r.Findings), "finding", "findings"))
	a.showFindings(left)
}
