package doctor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/git"
)

// remoteChecks are about secrets in URLs of Git's configuration.
func remoteChecks() []Check {
	return []Check{{
		ID:    "remote-token",
		Title: "a secret in the URL of a remote, submodule or branch",
		Why: "It lies in clear on disk, in every backup of the repository, in the arguments of Git's processes, " +
			"and Git hands it to every helper to store.",
		Remedy:   "git remote set-url NAME URL, without it; then revoke it in the portal (patrol doctor --fix --org ORG does both where it can)",
		Severity: High,
		Find:     findRemoteTokens,
	}, {
		ID:    "config-token",
		Title: "a secret in a URL of your Git configuration (url.*.insteadOf, http.*, credential.*)",
		Why: "It lies in clear in a file that people copy to other machines and publish with their dotfiles, " +
			"and it is sent for every repository below that URL.",
		Remedy:   "take it out of that file, and revoke it in the portal (patrol doctor --fix --org ORG does both where it can)",
		Severity: High,
		Find:     findConfigTokens,
	}}
}

func findRemoteTokens(ctx context.Context, m *Machine) ([]Finding, error) {
	var found []Finding
	var failed error
	for _, file := range m.repositoryFiles() {
		entries, err := git.LoadFile(ctx, m.Git, m.Environ, file)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		found = append(found, m.leaks(entries)...)
	}
	return found, failed
}

func findConfigTokens(_ context.Context, m *Machine) ([]Finding, error) {
	return m.leaks(m.Config.Entries()), nil
}

// leaks makes one finding of all places in a file that hold the same secret in
// the same way: one change takes it out of them.
func (m *Machine) leaks(entries []git.Entry) []Finding {
	type place struct{ origin, text string }
	var order []place
	keys, first := map[place][]string{}, map[place]func() Finding{}
	for _, e := range entries {
		l, u, ok := inEntry(e)
		if !ok {
			continue
		}
		at := place{e.Origin, u.text}
		if keys[at] == nil {
			order = append(order, at)
			first[at] = func() Finding { return m.leakFinding(e, l, u, keys[at]) }
		}
		if key := safeKey(e.Key); !slices.Contains(keys[at], key) {
			keys[at] = append(keys[at], key)
		}
	}
	var found []Finding
	for _, at := range order {
		found = append(found, first[at]())
	}
	return found
}

func (m *Machine) leakFinding(e git.Entry, l Leak, u userinfo, keys []string) Finding {
	l.Org = cmp.Or(l.Org, m.Org)
	f := Finding{
		Where:    m.origin(e),
		What:     strings.Join(keys, ", ") + ": " + l.Kind(),
		Severity: l.Severity(),
	}
	file := e.File()
	if file == "" {
		return f
	}
	if text, _, err := ReadOwn(file); err == nil {
		if i := bytes.Index(text, []byte(u.text+"@")); i >= 0 {
			f.Where += fmt.Sprintf(":%d", 1+bytes.Count(text[:i], []byte("\n")))
		}
	}
	kept, clean := u.without()
	l.Place = file
	l.Becomes = fmt.Sprintf("the URL becomes %s", clean)
	l.Remove = func() error {
		return Rewrite(file, func(old []byte) ([]byte, error) {
			before := []byte("://" + u.text + "@")
			if !bytes.Contains(old, before) {
				return nil, fmt.Errorf("%s does not have it as it was found; take it out by hand", m.Short(file))
			}
			return bytes.ReplaceAll(old, before, []byte("://"+kept)), nil
		})
	}
	f.Fix = m.Move(l)
	return f
}
