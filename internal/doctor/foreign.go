package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/helper"
)

// ForeignChecks are about secrets in the files of other programs, a check for
// each format.
func ForeignChecks() []Check {
	var checks []Check
	for _, f := range foreign.Formats() {
		c := Check{
			ID:       "file-" + f.Name,
			Title:    "a secret in clear in " + f.Title,
			Why:      "It lies in clear on disk and in each backup, for every program that you run; most such tokens can do more than is needed, for a year.",
			Remedy:   "take it out of that file, and revoke it in the portal (patrol doctor --fix --org ORG does both where it can)",
			Severity: High,
			Find:     func(_ context.Context, m *Machine) ([]Finding, error) { return m.findForeign(f) },
		}
		if f.Needs != "" && !isMention(f) {
			c.Remedy = needed(f)
		}
		checks = append(checks, c)
	}
	return checks
}

// isMention says that a format is no program's store of credentials.
func isMention(f foreign.Format) bool { return f.Name == "settings" }

// needed says what to do where a program stops working without the secret.
func needed(f foreign.Format) string {
	return f.Needs + " needs it there: patrol has no package feeds yet. Give it a token of its own, with the one scope it needs and a short life, " +
		"and revoke this one in the portal; --fix --also-needed takes it out, and " + f.Needs + " cannot sign in until it has another"
}

// findForeign reads the files of one format.
func (m *Machine) findForeign(f foreign.Format) (found []Finding, failed error) {
	seen := map[string]bool{}
	for _, repo := range append([]string{""}, m.Trees()...) {
		places := m.Places
		places.Repo = repo
		for _, place := range f.Files(places) {
			if seen[place.Path] {
				continue
			}
			seen[place.Path] = true
			file, err := foreign.Read(f, place)
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				failed = errors.Join(failed, err)
			default:
				found = append(found, m.inFile(file)...)
			}
		}
	}
	return found, failed
}

// Trees are the work trees of the repositories that are looked at.
func (m *Machine) Trees() []string {
	m.repositoryFiles()
	return m.trees
}

// inFile makes the findings of one file.
func (m *Machine) inFile(file *foreign.File) (found []Finding) {
	for _, e := range file.Entries {
		n, hasSecret := len(found), e.Secret.IsSet() && !e.Secret.Equal(cred.NewSecret(""))
		where := fmt.Sprintf("%s:%d", m.Short(file.Place.Path), e.Line)
		switch {
		case !e.Secret.IsSet() && e.Organisation() != "":
			found = append(found, Finding{
				Where: where, What: "a password for " + e.Organisation() + ", encrypted for one user of one Windows machine", Severity: Low,
				Reason: "It is not in clear, but it is one more token that lives somewhere.",
				Remedy: "see how long it lives, in the portal",
			})
		case e.Token:
			found = append(found, m.tokenIn(file, e, where))
		case file.Format.Needs == "" && hasSecret && (e.Organisation() != "" || file.Format.Name != "netrc") && e.Protocol == "https":
			found = append(found, m.passwordIn(file, e, where))
		}
		for ; n < len(found); n++ {
			found[n].Org, found[n].Host = cmp.Or(e.Organisation(), m.Org), e.Host
		}
	}
	return found
}

// tokenIn is a finding of a token that its checksum proves.
func (m *Machine) tokenIn(file *foreign.File, e foreign.Entry, where string) Finding {
	l := m.leakIn(file, e, where)
	l.Proven = true
	f := Finding{Where: where, What: l.Kind()}
	switch program := file.Format.Needs; {
	case program == "":
		f.Fix = m.Move(l)
	case isMention(file.Format):
		if f.Fix = m.Move(l); f.Fix != nil {
			f.Fix.Says += "\nwhatever reads it there has none any more"
		}
	case m.AlsoNeeded:
		f.Fix = m.takeOut(l, program)
	default:
		f.Remedy = needed(file.Format)
	}
	return f
}

// passwordIn is a finding of what Git reads as a password, whatever it looks
// like.
func (m *Machine) passwordIn(file *foreign.File, e foreign.Entry, where string) Finding {
	l := m.leakIn(file, e, where)
	f := Finding{Where: where, What: l.Kind() + " for " + e.Host, Severity: Medium}
	if e.Organisation() != "" {
		f.Fix = m.Move(l)
	}
	if f.Fix == nil {
		f.Remedy = "patrol import " + file.Format.Name + " --delete-original"
	}
	return f
}

func (m *Machine) leakIn(file *foreign.File, e foreign.Entry, where string) Leak {
	l := Leak{Secret: e.Secret, Org: e.Organisation(), Place: where, Becomes: "the entry is taken out, and every other byte stays"}
	if l.Org == "" && e.Token {
		l.Org = m.Org
	}
	l.Remove = func() error { return file.Remove(e) }
	return l
}

// takeOut offers to take a token out of where a program needs it. It is not
// moved: what was made for a package feed is of no use to Git.
func (m *Machine) takeOut(l Leak, program string) *Fix {
	return &Fix{
		Says: fmt.Sprintf("%s: %s\n%s cannot sign in there until you give it another token\noffer to revoke it", m.Short(l.Place), l.Becomes, program),
		Do: func(ctx context.Context) (*Fix, error) {
			if err := l.Remove(); err != nil {
				return nil, err
			}
			if l.Org == "" || m.Offline {
				m.Say("revoke it in the portal, as it lay in clear")
				return nil, nil
			}
			page := "https://" + helper.AzureHost + "/" + l.Org + "/_usersSettings/tokens"
			who, err := m.Server.Connection(ctx, l.Org, azdo.PAT(l.Secret))
			if errors.Is(err, azdo.ErrRefused) || errors.Is(err, azdo.ErrNoCredential) {
				m.Say("%s does not accept it (any more), so there is nothing to revoke", l.Org)
				return nil, nil
			}
			if err != nil {
				m.Say("whose it is could not be asked (%v), so revoke it yourself: %s", err, page)
				return nil, nil
			}
			if m.Records == nil {
				m.Say("it is a token of %s; revoke it: %s", who.Account, page)
				return nil, nil
			}
			_, k, err := m.Unlock(ctx)
			if err != nil {
				return nil, err
			}
			may, err := m.onServer(ctx, k, l, who.Account)
			return m.offerRevocation(k, l, who.Account, may, err)
		},
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
