package git

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Scope says whose word a configuration value is.
type Scope string

// The scopes that count. Local and worktree values belong to the repository we
// happen to stand in, which may be a stranger's, and are never kept.
const (
	System  Scope = "system"
	Global  Scope = "global"
	Command Scope = "command" // git -c, GIT_CONFIG_COUNT, GIT_CONFIG_PARAMETERS
)

// Entry is one value of the configuration.
type Entry struct {
	// Key is as Git prints it: section and name in lower case, the
	// subsection between them as written.
	Key string
	// Value may hold a secret (a proxy's password, an extra header); String
	// leaves it out.
	Value string
	// HasValue is false for a key written without "=", which as a boolean
	// means true and as anything else is an error of the file.
	HasValue bool
	Scope    Scope
	// Origin is "file:<path>", "command line:", "blob:<id>" or "standard input:".
	Origin string
}

// File returns the path of the file the entry was written in, "" if none. It
// may be an included file. Where a scope has no entry yet, let
// `git config --global` choose the file.
func (e Entry) File() string {
	file, ok := strings.CutPrefix(e.Origin, "file:")
	if !ok {
		return ""
	}
	return file
}

// String names the entry and its origin, without the value.
func (e Entry) String() string { return e.Key + " (" + string(e.Scope) + ", " + e.Origin + ")" }

// GoString keeps %#v from printing the value.
func (e Entry) GoString() string { return e.String() }

// Config is Git's configuration as far as it counts for us, in Git's order:
// a later entry overrides an earlier one.
type Config struct{ entries []Entry }

// Entries returns all entries, in Git's order.
func (c *Config) Entries() []Entry { return append([]Entry(nil), c.entries...) }

// String says how much there is, and no value.
func (c *Config) String() string {
	return fmt.Sprintf("git configuration (%d entries)", len(c.entries))
}

// GoString keeps %#v from printing values.
func (c *Config) GoString() string { return c.String() }

// parse reads the output of git config --list --show-scope --show-origin -z:
// scope NUL origin NUL key [LF value] NUL, over and over.
func parse(out []byte) (*Config, error) {
	c := &Config{}
	for len(out) > 0 {
		var fields [3]string
		for i := range fields {
			field, rest, ok := bytes.Cut(out, []byte{0})
			if !ok {
				return nil, errors.New("the output of git config ends in the middle of an entry")
			}
			fields[i], out = string(field), rest
		}
		e := Entry{Scope: Scope(fields[0]), Origin: fields[1]}
		e.Key, e.Value, e.HasValue = strings.Cut(fields[2], "\n")
		switch e.Scope {
		case System, Global, Command:
			c.entries = append(c.entries, e)
		}
	}
	return c, nil
}

// Get returns the last value of key. ok is false when there is none.
func (c *Config) Get(key string) (e Entry, ok bool) {
	all := c.GetAll(key)
	if len(all) == 0 {
		return Entry{}, false
	}
	return all[len(all)-1], true
}

// GetAll returns every value of key, in Git's order.
func (c *Config) GetAll(key string) []Entry {
	key = canonical(key)
	var found []Entry
	for _, e := range c.entries {
		if e.Key == key {
			found = append(found, e)
		}
	}
	return found
}

// Bool returns the last value of key as a boolean, or def when there is none.
func (c *Config) Bool(key string, def bool) (bool, error) {
	e, ok := c.Get(key)
	if !ok {
		return def, nil
	}
	return e.Bool()
}

// canonical folds the case of section and name, which Git ignores, and leaves
// the subsection between them alone.
func canonical(key string) string {
	first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	if first < 0 {
		return strings.ToLower(key)
	}
	return strings.ToLower(key[:first]) + key[first:last] + strings.ToLower(key[last:])
}
