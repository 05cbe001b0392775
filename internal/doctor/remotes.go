package doctor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/foreign"
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
		Title: "a secret in your Git configuration (url.*.insteadOf, http.extraHeader and the like)",
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
		if info, err := os.Stat(file); err == nil && info.Size() > MaxFile {
			failed = errors.Join(failed, fmt.Errorf("%s is larger than %d MiB", file, MaxFile>>20))
			continue
		}
		entries, err := git.LoadFile(ctx, m.Git, m.Environ, file)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		found = append(found, m.leaks(entries)...)
		found = append(found, m.fetched(filepath.Dir(file))...)
	}
	return found, failed
}

// fetched looks at what else of a repository holds URLs that were fetched from.
// Git leaves the user part out there; other programs have not always.
// See https://github.com/libgit2/libgit2/pull/5473.
func (m *Machine) fetched(gitDir string) []Finding {
	var found []Finding
	remedies := map[string]string{
		"FETCH_HEAD": "remove the file: the next fetch writes it anew", "logs/HEAD": "git reflog expire --expire=now --all",
	}
	for _, name := range slices.Sorted(maps.Keys(remedies)) {
		path := filepath.Join(gitDir, filepath.FromSlash(name))
		if text, err := foreign.ReadOwn(path, MaxFile); err == nil && len(azdo.FindPATs(text)) > 0 {
			l := Leak{Proven: true}
			found = append(found, Finding{Where: m.Short(path), What: l.Kind(), Remedy: remedies[name] + "; revoke the token in the portal"})
		}
	}
	return found
}

func findConfigTokens(_ context.Context, m *Machine) ([]Finding, error) {
	return m.leaks(m.Config.Entries()), nil
}

// leaks makes one finding of all places in a file that hold the same secret in
// the same way, for the same organisation: one change takes it out of them.
func (m *Machine) leaks(entries []git.Entry) []Finding {
	type place struct{ origin, text, org string }
	var found []Finding
	index := map[place]int{}
	urls := map[place][]userinfo{}
	for _, e := range entries {
		at := place{origin: e.Origin}
		var f Finding
		if l, u, ok := inEntry(e); ok {
			at.text, at.org = u.text, l.Org
			if !slices.Contains(urls[at], u) {
				urls[at] = append(urls[at], u)
			}
			f = m.urlFinding(e, l, urls[at])
		} else if l, ok := inHeader(e); ok {
			at.text = e.Value
			f = m.headerFinding(e, l)
		} else if len(azdo.FindPATs([]byte(e.Key+"\n"+e.Value))) > 0 {
			at.text = e.Key
			f = Finding{What: (&Leak{Proven: true}).Kind(), Where: m.origin(e), Severity: High}
		} else {
			continue
		}
		key := SafeKey(e.Key)
		if len(azdo.FindPATs([]byte(key))) > 0 {
			key, _, _ = strings.Cut(key, ".")
		}
		i, again := index[at]
		switch {
		case !again:
			index[at] = len(found)
			f.What = key + ": " + f.What
			found = append(found, f)
			continue
		case !strings.Contains(found[i].What, key):
			found[i].What = strings.Replace(found[i].What, ": ", ", "+key+": ", 1)
		}
		found[i].Fix = f.Fix // which says all URLs so far
	}
	return found
}

// urlFinding is about a secret in URLs, which can be taken out of them. It is
// taken out of no others: the same words may be good for another server, too.
func (m *Machine) urlFinding(e git.Entry, l Leak, urls []userinfo) Finding {
	var becomes []string
	for _, u := range urls {
		if _, clean := u.without(); !slices.Contains(becomes, clean) {
			becomes = append(becomes, clean)
		}
	}
	l.Becomes = "the URL becomes " + strings.Join(becomes, "\nanother becomes ")
	return m.leakFinding(e, l, urls[0].url, func(old []byte) []byte {
		changed := old
		for _, u := range urls {
			_, clean := u.without()
			next := replaceURL(changed, u.url, clean)
			if bytes.Equal(next, changed) {
				return old
			}
			changed = next
		}
		return changed
	})
}

// replaceURL replaces a URL where it stands whole, and is not the beginning of
// another.
func replaceURL(text []byte, url, with string) []byte {
	var b []byte
	for {
		n := bytes.Index(text, []byte(url))
		if n < 0 {
			return append(b, text...)
		}
		b, text = append(b, text[:n]...), text[n+len(url):]
		if len(text) > 0 && bytes.IndexByte([]byte(" \t\r\n\"';#\\]"), text[0]) < 0 {
			b = append(b, url...)
			continue
		}
		b = append(b, with...)
	}
}

// headerFinding is about an Authorization header, whose line goes.
func (m *Machine) headerFinding(e git.Entry, l Leak) Finding {
	l.Becomes = "the line with " + SafeKey(e.Key) + " goes"
	return m.leakFinding(e, l, e.Value, func(old []byte) []byte {
		var kept []byte
		for line := range bytes.Lines(old) {
			name, _, _ := bytes.Cut(line, []byte("="))
			if !bytes.EqualFold(bytes.TrimSpace(name), []byte("extraheader")) || !bytes.Contains(line, []byte(e.Value)) {
				kept = append(kept, line...)
			}
		}
		return kept
	})
}

// leakFinding is about a secret in a file, where text is. without returns the
// file without it, or as it was where it cannot.
func (m *Machine) leakFinding(e git.Entry, l Leak, text string, without func([]byte) []byte) Finding {
	l.Org = cmp.Or(l.Org, m.Org)
	f := Finding{Where: m.origin(e), What: l.Kind(), Severity: l.Severity(), Org: l.Org}
	file := e.File()
	if file == "" {
		return f
	}
	if old, err := foreign.ReadOwn(file, MaxFile); err == nil {
		if i := bytes.Index(old, []byte(text)); i >= 0 {
			f.Where += fmt.Sprintf(":%d", 1+bytes.Count(old[:i], []byte("\n")))
		}
	}
	l.Place = file
	if filepath.Base(file) == ".gitmodules" {
		l.Becomes += "\nthat file is committed: commit the change, too; the token stays in the history, so revoke it"
	}
	l.Remove = func() error {
		return foreign.Edit(file, MaxFile, func(old []byte) ([]byte, error) {
			changed := without(old)
			if bytes.Equal(changed, old) {
				return nil, fmt.Errorf("%s does not have it as it was found; take it out by hand", m.Short(file))
			}
			return changed, nil
		})
	}
	f.Fix = m.Move(l)
	return f
}
