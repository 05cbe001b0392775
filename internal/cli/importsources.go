package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
)

// importSource is a place that credentials can be taken from.
type importSource struct {
	name, help string
	list       func(context.Context, *importer) ([]*importItem, error)
}

// errNotThere says that a source has nothing to look into. It is no trouble.
var errNotThere = errors.New("there is none")

// importSources lists the places, in the order they are looked at.
func importSources() []importSource {
	return []importSource{
		{"store", "git-credential-store, also with --file in Git's configuration", listFiles("store")},
		{"cache", "git-credential-cache, which cannot be listed: what is known\n                     from remotes, Git's configuration, --host", listCache},
		{"netrc", ".netrc", listFiles("netrc")},
		{"libsecret", "git-credential-libsecret, in the desktop's keyring",
			listSecrets("protocol", []string{"https", "http"}, fromLibsecret)},
		{"gcm-secretservice", "Git Credential Manager's items in the desktop's keyring",
			listSecrets("xdg:schema", []string{schemaGCM}, fromGCM)},
		{"gcm-plaintext", "Git Credential Manager's files", listFiles("gcm-plaintext")},
		{"gcm-gpg", "Git Credential Manager's entries in pass", listPass},
	}
}

func importHelp() string {
	var b strings.Builder
	for _, s := range importSources() {
		fmt.Fprintf(&b, "  %-18s %s\n", s.name, s.help)
	}
	fmt.Fprintf(&b, "  %-18s %s\n", "gcm", "every store of Git Credential Manager; its store cache is cache")
	return b.String()
}

func importNames() []string {
	names := []string{"gcm"}
	for _, s := range importSources() {
		names = append(names, s.name)
	}
	return names
}

// chooseSources finds the named sources, all where none is named.
func chooseSources(names []string) ([]importSource, error) {
	for _, name := range names {
		if !slices.Contains(importNames(), name) {
			return nil, fmt.Errorf("%q is no place to import from; there are: %s", name, strings.Join(importNames(), ", "))
		}
	}
	return slices.DeleteFunc(importSources(), func(s importSource) bool {
		all := len(names) == 0 || slices.Contains(names, "gcm") && strings.HasPrefix(s.name, "gcm-")
		return !all && !slices.Contains(names, s.name)
	}), nil
}

// places says where the files of other programs are.
func (s *session) places() foreign.Places {
	p := foreign.Places{Home: s.getenv("HOME"), Getenv: s.getenv, GCMStore: s.gcmPath("plaintextStorePath")}
	for _, e := range s.config.Entries() {
		if !strings.HasPrefix(e.Key, "credential.") || !strings.HasSuffix(e.Key, ".helper") {
			continue
		}
		words := strings.Fields(e.Value)
		if len(words) == 0 || words[0] != "store" && !strings.HasSuffix(words[0], "git-credential-store") {
			continue
		}
		if file := option(words[1:], "--file"); file != "" {
			if rest, ok := strings.CutPrefix(file, "~/"); ok {
				file = filepath.Join(p.Home, rest)
			}
			p.Stores = append(p.Stores, file)
		}
	}
	return p
}

// option finds --name VALUE or --name=VALUE among words.
func option(words []string, name string) string {
	for n, word := range words {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			return strings.Trim(value, `"'`)
		}
		if word == name && n+1 < len(words) {
			return strings.Trim(words[n+1], `"'`)
		}
	}
	return ""
}

// listFiles reads the files of a format.
func listFiles(format string) func(context.Context, *importer) ([]*importItem, error) {
	return func(_ context.Context, i *importer) (items []*importItem, err error) {
		f, _ := foreign.Find(format)
		there := false
		for _, place := range f.Files(i.places()) {
			file, readErr := foreign.Read(f, place)
			if errors.Is(readErr, fs.ErrNotExist) {
				continue
			}
			there = true
			if readErr != nil {
				err = errors.Join(err, readErr)
				continue
			}
			for _, e := range file.Entries {
				if e.Guessed {
					continue // a token in a comment: doctor's business
				}
				where := i.short(place.Path)
				if !f.Alone {
					where += fmt.Sprintf(":%d", e.Line)
				}
				items = append(items, &importItem{
					Place: where, entry: e,
					remove: func(context.Context) error { return file.Remove(e) },
				})
			}
		}
		if !there {
			err = errNotThere
		}
		return items, err
	}
}

// short writes a path below the home directory with ~.
func (s *session) short(path string) string {
	home := s.getenv("HOME")
	if rel, err := filepath.Rel(home, path); home != "" && err == nil && filepath.IsLocal(rel) {
		return "~/" + filepath.ToSlash(rel)
	}
	return path
}

// cacheOptions are the options git-credential-cache is configured with.
func (s *session) cacheOptions() (options []string, configured bool) {
	for _, e := range s.config.Entries() {
		words := strings.Fields(e.Value)
		if strings.HasPrefix(e.Key, "credential.") && strings.HasSuffix(e.Key, ".helper") && len(words) > 0 &&
			(words[0] == "cache" || strings.HasSuffix(words[0], "git-credential-cache")) {
			configured = true
			if socket := option(words[1:], "--socket"); socket != "" {
				options = []string{"--socket=" + socket}
			}
		}
	}
	if socket := option(strings.Fields(s.gcmValue("cacheOptions")), "--socket"); socket != "" && options == nil {
		options = []string{"--socket=" + socket}
	}
	return options, configured
}

// listCache asks git-credential-cache for what may be in it: its protocol has
// no way to list. It answers at once when no cache runs.
// See https://git-scm.com/docs/git-credential-cache.
func listCache(ctx context.Context, i *importer) (items []*importItem, err error) {
	exe, err := git.Find(i.Environ)
	if err != nil {
		return nil, err
	}
	options, configured := i.cacheOptions()
	if !configured && len(i.flags.hosts) == 0 && i.gcmValue("credentialStore") != "cache" {
		return nil, errNotThere
	}
	ask := func(operation string, e foreign.Entry) (string, error) {
		out, err := i.runHelper(ctx, exe, slices.Concat([]string{"credential-cache"}, options, []string{operation}), cacheInput(e))
		return string(out), err
	}
	for _, c := range i.candidates(ctx, exe) {
		out, askErr := ask("get", c.query)
		if askErr != nil {
			return items, askErr
		}
		found, ok := cacheAnswer(out, c.query)
		original := found
		if found.Path == "" {
			found.Path = c.org
		}
		same := func(o *importItem) bool {
			known := o.entry.Organisation() == found.Organisation() || found.Organisation() == ""
			return known && o.entry.Host == found.Host && o.entry.User == found.User && o.entry.Secret.Equal(found.Secret)
		}
		if !ok || slices.ContainsFunc(items, same) {
			continue
		}
		items = append(items, &importItem{
			Place: "in memory", entry: found,
			// With its password: since Git 2.41 all else that the cache has for that
			// host and user would go, too. See https://git-scm.com/docs/gitcredentials.
			remove: func(context.Context) error { _, err := ask("erase", original); return err },
		})
	}
	return items, nil
}

// cacheInput is what Git tells a helper.
func cacheInput(e foreign.Entry) []byte {
	text := "protocol=" + e.Protocol + "\nhost=" + e.Host + "\n"
	if e.Path != "" {
		text += "path=" + e.Path + "\n"
	}
	if e.HasUser {
		text += "username=" + e.User + "\n"
	}
	if e.Secret.IsSet() {
		text += "password=" + e.Secret.Reveal() + "\n"
	}
	return []byte(text + "\n")
}

// cacheAnswer reads what the cache says of e.
func cacheAnswer(out string, e foreign.Entry) (foreign.Entry, bool) {
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch key {
		case "username":
			e.User, e.HasUser = value, true
		case "password":
			e.Secret = cred.NewSecret(value)
		}
	}
	return e, e.Secret.IsSet()
}

// cached is a question for the cache.
type cached struct {
	query foreign.Entry
	org   string // of Azure, where the question does not say
}

// candidates are the places that the cache may have something for: those of
// --host, of the remotes of this repository, and of Git's configuration.
func (i *importer) candidates(ctx context.Context, exe string) (list []cached) {
	add := func(host, path, org string) {
		canonical, err := cred.Canonical("https", host)
		c := cached{foreign.Entry{Protocol: "https", Host: canonical, Path: path}, org}
		same := func(o cached) bool { return o.query.Host == canonical && o.query.Path == path && o.org == org }
		if err == nil && !slices.ContainsFunc(list, same) {
			list = append(list, c)
		}
	}
	for _, url := range i.knownURLs(ctx, exe) {
		req, err := cred.FromURL(url)
		if err != nil || req.Protocol != "https" {
			continue
		}
		org := foreign.Entry{Host: req.Host, Path: req.Path}.Organisation()
		if req.Path != "" { // with useHttpPath, what is kept has the whole path
			add(req.Host, req.Path, "")
		}
		if org != "" && org != req.Path {
			add(req.Host, org, "")
		}
		if req.Host == helper.AzureHost {
			add(req.Host, "", org)
		} else {
			add(req.Host, "", "")
		}
	}
	for _, host := range i.flags.hosts {
		if i.flags.org != "" {
			add(host, i.flags.org, "")
		}
		add(host, "", "")
	}
	return list
}

// knownURLs are those of the remotes of this repository and of sections of Git's
// configuration. They are names to ask the cache for, and nothing more.
func (i *importer) knownURLs(ctx context.Context, exe string) (urls []string) {
	here, _ := os.Getwd()
	if out, err := i.runIn(ctx, here, exe, "config", "--get-regexp", `^remote\..*\.url$`); err == nil {
		for line := range strings.Lines(string(out)) {
			_, url, _ := strings.Cut(strings.TrimSpace(line), " ")
			urls = append(urls, url)
		}
	}
	for _, e := range i.config.Entries() {
		if rest, ok := strings.CutPrefix(e.Key, "credential."); ok && !strings.Contains(rest, "*") {
			if dot := strings.LastIndexByte(rest, '.'); dot > 0 {
				urls = append(urls, rest[:dot])
			}
		}
	}
	return urls
}
