package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
)

// gitChecks are about how Git is configured to ask for credentials.
// See https://git-scm.com/docs/gitcredentials.
func gitChecks() []Check {
	return []Check{{
		ID:       "not-asked",
		Title:    "Git does not ask patrol for Azure Repos",
		Why:      "Git then asks another helper or the person, and what patrol keeps is of no use.",
		Remedy:   "patrol setup",
		Severity: Medium,
		Find:     findNotAsked,
	}, {
		ID:       "other-helper",
		Title:    "another credential helper gets each token too",
		Why:      "Git hands each credential that worked to every helper it asks for that host, to keep it.",
		Remedy:   "git config --show-origin --get-all credential.helper shows where it is; put patrol's entries behind it, or take it out",
		Severity: Medium,
		Find:     findOtherHelpers,
	}, {
		ID:       "no-http-path",
		Title:    "Git does not say which organisation it asks for",
		Why:      "Without credential.useHttpPath all organisations of dev.azure.com look the same, so one would get the token of another.",
		Remedy:   "git config --global credential.https://dev.azure.com.useHttpPath true",
		Severity: Medium,
		Find:     findNoHTTPPath,
	}}
}

func findNotAsked(_ context.Context, m *Machine) ([]Finding, error) {
	var where, asked []string
	for _, url := range slices.Sorted(maps.Keys(azureTargets())) {
		helpers := m.Config.Helpers(azureTargets()[url])
		if !slices.ContainsFunc(helpers, m.isOurs) {
			where, asked = append(where, url), append(asked, names(helpers)...)
		}
	}
	if where == nil {
		return nil, nil
	}
	what := "Git asks no helper there"
	if slices.Sort(asked); asked != nil {
		what = "Git asks " + strings.Join(slices.Compact(asked), ", ")
	}
	return []Finding{{
		Where: strings.Join(where, ", "), What: what,
		Fix: &Fix{Says: "patrol setup: write to your Git configuration that patrol is asked for Azure Repos", Do: m.Setup},
	}}, nil
}

func findOtherHelpers(_ context.Context, m *Machine) ([]Finding, error) {
	var found []Finding
	var seen []git.Entry
	for _, where := range m.asked("helper") {
		helpers := m.Config.Helpers(where)
		if !slices.ContainsFunc(helpers, m.isOurs) {
			continue // it gets no token of patrol's
		}
		for _, e := range helpers {
			if m.isOurs(e) || isPatrol(e) || slices.Contains(seen, e) {
				continue
			}
			seen = append(seen, e)
			f := Finding{Where: m.origin(e), What: fmt.Sprintf("%s gets each token for %s, too", HelperWord(e.Value), where.Host), Severity: Medium}
			if keeps := inClear(e.Value); keeps != "" {
				f.Severity, f.Reason = High, keeps
			}
			if e.Scope != git.Command {
				f.Fix = m.appendFix(helperLines(m.Helper))
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// asked lists what Git may ask for in Azure Repos: the two hosts, and each
// place in them that some entry of credential.<url>.<setting> names.
func (m *Machine) asked(setting string) []git.Target {
	list := []git.Target{target(helper.AzureHost), target("org.visualstudio.com")}
	for _, e := range m.Config.Entries() {
		section, rest, _ := strings.Cut(e.Key, ".")
		pattern, ok := strings.CutSuffix(rest, "."+setting)
		rest, https := strings.CutPrefix(pattern, "https://")
		if section != "credential" || !ok || !https {
			continue
		}
		host, path, _ := strings.Cut(rest, "/")
		user, _, hasUser := strings.Cut(host, "@")
		if hasUser {
			_, host, _ = strings.Cut(host, "@")
		} else {
			user = ""
		}
		host = strings.Replace(strings.ToLower(host), "*", "org", 1)
		if host != helper.AzureHost && !strings.HasSuffix(host, ".visualstudio.com") {
			continue
		}
		t := git.Target{Protocol: "https", Host: host, Path: strings.Trim(path, "/"), Username: user}
		if t.Path == "" {
			t.Path = "org/project/_git/repository"
		}
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

func findNoHTTPPath(_ context.Context, m *Machine) ([]Finding, error) {
	var found []Finding
	for _, t := range m.asked("usehttppath") {
		if t.Host != helper.AzureHost || !slices.ContainsFunc(m.Config.Helpers(t), m.isOurs) {
			continue
		}
		e, ok := m.Config.Credential(t, "useHttpPath")
		if on, err := e.Bool(); ok && err == nil && on {
			continue
		}
		f := Finding{Where: "https://" + t.Host, What: "credential.useHttpPath is not set"}
		if ok {
			f.Where, f.What = m.origin(e), "credential.useHttpPath is off for "+t.Host
		}
		if e.Scope != git.Command {
			f.Fix = m.appendFix("[credential \"https://" + helper.AzureHost + "\"]\n\tuseHttpPath = true\n")
		}
		return append(found, f), nil
	}
	return found, nil
}

func (m *Machine) isOurs(e git.Entry) bool { return e.Value == m.Helper }

// origin says where an entry is written.
func (m *Machine) origin(e git.Entry) string {
	if file := e.File(); file != "" {
		return m.Short(file)
	}
	return e.Origin + " " + SafeKey(e.Key)
}

// HelperWord is the helper's name without its arguments, which may hold a
// secret.
func HelperWord(value string) string {
	if strings.HasPrefix(value, "!") {
		return "a shell command (!...)"
	}
	word, _, _ := strings.Cut(value, " ")
	return word
}

func names(helpers []git.Entry) (words []string) {
	for _, e := range helpers {
		words = append(words, HelperWord(e.Value))
	}
	return words
}

// inClear says why a helper's copy is in clear; "" when it is not, or nothing
// is known. See https://git-scm.com/docs/git-credential-store.
func inClear(value string) string {
	if word := HelperWord(value); word == "store" || strings.HasSuffix(word, "git-credential-store") {
		return "git-credential-store writes each token in clear to a file, by default ~/.git-credentials."
	}
	return ""
}

// helperLines are what setup writes, once more.
func helperLines(value string) string {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	var b strings.Builder
	for _, url := range slices.Sorted(maps.Keys(azureTargets())) {
		fmt.Fprintf(&b, "[credential %q]\n\thelper =\n\thelper = %s\n", url, quoted)
	}
	return b.String()
}

// appendFix offers to write lines behind all others of the person's own
// configuration, where they count more than what stands before.
func (m *Machine) appendFix(lines string) *Fix {
	file, err := m.GlobalFile()
	if err != nil {
		return nil
	}
	return &Fix{
		Says: "append to " + m.Short(file) + "\n" + lines,
		Do: func(context.Context) (*Fix, error) {
			if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
				return nil, os.WriteFile(file, []byte(lines), 0o600)
			}
			return nil, foreign.Edit(file, MaxFile, func(old []byte) ([]byte, error) {
				text := string(old)
				if text != "" && !strings.HasSuffix(text, "\n") {
					text += "\n"
				}
				if strings.Contains(text, lines) && strings.HasSuffix(text, lines) {
					return old, nil // the fix of another finding did it
				}
				return []byte(text + lines), nil
			})
		},
	}
}
