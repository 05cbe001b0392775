package git

import (
	"cmp"
	"strings"
)

// HTTP returns the value of http.<name> that Git uses for rawURL: the most
// specific http.<url>.<name> that matches, by host, then path, then user, the
// later of two equals; else the last plain http.<name>. name is in any case.
// See https://git-scm.com/docs/git-config#Documentation/git-config.txt-httplturlgt
func (c *Config) HTTP(rawURL, name string) (e Entry, ok bool) {
	url, valid := normalize(rawURL, false)
	var best specificity
	for _, candidate := range c.entries {
		pattern, is := subsection(candidate.Key, "http", name)
		if !is {
			continue
		}
		var this specificity
		if pattern != nil {
			p, good := normalize(*pattern, true)
			if !valid || !good || !p.matches(url) {
				continue
			}
			this = p.specificity()
		}
		if !ok || this.compare(best) >= 0 {
			e, ok, best = candidate, true, this
		}
	}
	return e, ok
}

// subsection reports whether key is <section>.<name> (nil) or
// <section>.<pattern>.<name>. section is in lower case.
func subsection(key, section, name string) (pattern *string, ok bool) {
	rest, ok := strings.CutPrefix(key, section+".")
	if !ok {
		return nil, false
	}
	i := strings.LastIndexByte(rest, '.')
	if !strings.EqualFold(rest[i+1:], name) {
		return nil, false
	}
	if i < 0 {
		return nil, true
	}
	p := rest[:i]
	return &p, true
}

// specificity orders matches as Git's urlmatch.c (cmp_matches) does.
type specificity struct {
	host, path int // lengths in bytes
	user       bool
}

func (s specificity) compare(t specificity) int {
	return cmp.Or(cmp.Compare(s.host, t.host), cmp.Compare(s.path, t.path), cmp.Compare(b2i(s.user), b2i(t.user)))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// specificity of a pattern that matched. A trailing slash adds nothing.
func (p parts) specificity() specificity {
	return specificity{len(p.host), len(strings.TrimSuffix(p.path, "/")) + 1, p.hasUser}
}

// matches reports whether the pattern p covers url: same scheme and port, host
// label by label where * stands for one label, path as a prefix of whole
// components, and the user if p names one.
func (p parts) matches(url parts) bool {
	return p.scheme == url.scheme && p.port == url.port &&
		(!p.hasUser || url.hasUser && p.user == url.user) &&
		hostMatches(p.host, url.host) && pathMatches(p.path, url.path)
}

func hostMatches(pattern, host string) bool {
	// A trailing dot makes no label: Git takes "example.com." for "example.com".
	patterns := strings.Split(strings.TrimSuffix(pattern, "."), ".")
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(patterns) != len(labels) || (pattern == "") != (host == "") {
		return false
	}
	for i, p := range patterns {
		if p != "*" && p != labels[i] {
			return false
		}
	}
	return true
}

func pathMatches(prefix, path string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(prefix, "/"))
	return ok && (rest == "" || rest[0] == '/')
}
