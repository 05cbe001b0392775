package foreign

import (
	"bytes"
	"iter"
	"path/filepath"
	"slices"
	"strings"
)

// lines knows where each line begins.
type lines []int

func newLines(data []byte) lines {
	begins := lines{0}
	for i, c := range data {
		if c == '\n' {
			begins = append(begins, i+1)
		}
	}
	return begins
}

// number is the line, from 1, that holds a byte.
func (l lines) number(at int) int {
	n, found := slices.BinarySearch(l, at)
	if found {
		return n + 1
	}
	return n
}

// eachLine yields where each line is, its end included.
func eachLine(data []byte) iter.Seq[span] {
	return func(yield func(span) bool) {
		for from := 0; from < len(data); {
			to := len(data)
			if n := bytes.IndexByte(data[from:], '\n'); n >= 0 {
				to = from + n + 1
			}
			if !yield(span{from, to}) {
				return
			}
			from = to
		}
	}
}

// setting is a line NAME = VALUE below [SECTION].
type setting struct {
	section, name, value string
	line                 span // with its end
	at                   span // the value, without quotes
	quoted               bool
}

// settings reads the lines of an ini or toml file, whose comments begin with
// one of marks. A value in quotes ends with them; nothing in it is unescaped,
// and one with a backslash is left out: no token has any.
func settings(data []byte, marks string) []setting {
	var found []setting
	section := ""
	for line := range eachLine(data) {
		text := string(data[line.from:line.to])
		trimmed := strings.TrimSpace(text)
		switch {
		case trimmed == "" || strings.ContainsRune(marks, rune(trimmed[0])):
			continue
		case trimmed[0] == '[':
			section = strings.TrimSpace(strings.Trim(trimmed, "[]"))
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			continue
		}
		from := line.from + len(name) + 1 + len(value) - len(strings.TrimLeft(value, " \t"))
		s := setting{section: section, name: unquote(strings.TrimSpace(name)), value: strings.TrimSpace(value), line: line}
		if n := len(s.value); n > 0 && (s.value[0] == '"' || s.value[0] == '\'') {
			end := strings.IndexByte(s.value[1:], s.value[0])
			if end < 0 || strings.Contains(s.value, `\`) {
				continue
			}
			s.value, s.quoted, from = s.value[1:end+1], true, from+1
		}
		s.at = span{from, from + len(s.value)}
		found = append(found, s)
	}
	return found
}

func unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// isReference says that a value names a variable or a command and holds no
// secret itself.
func isReference(value string) bool {
	return strings.Contains(value, "${") || strings.HasPrefix(value, "$") ||
		len(value) > 2 && value[0] == '%' && value[len(value)-1] == '%'
}

func (p Places) home(parts ...string) string {
	if p.Home == "" {
		return ""
	}
	return filepath.Join(append([]string{p.Home}, parts...)...)
}

// inHome makes places of paths below a directory, all of which must stay in the
// home directory.
func (p Places) inHome(paths ...string) []Place {
	var places []Place
	for _, path := range paths {
		if path != "" && p.Home != "" && !slices.ContainsFunc(places, func(o Place) bool { return o.Path == path }) {
			places = append(places, Place{path, p.Home})
		}
	}
	return places
}

// inRepo makes places of files of the work tree.
func (p Places) inRepo(names ...string) []Place {
	var places []Place
	if p.Repo == "" || p.Repo == p.Home {
		return nil
	}
	for _, name := range names {
		places = append(places, Place{filepath.Join(p.Repo, filepath.FromSlash(name)), p.Repo})
	}
	return places
}
