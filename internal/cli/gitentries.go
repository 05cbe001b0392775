package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// marker notes in which sections setup added useHttpPath, so that remove takes
// out only that.
const marker = "patrolSetup"

// add writes our entries behind those that are there.
func (e *configEdit) add(ctx context.Context, allHosts bool) error {
	sections := []string{}
	if allHosts {
		sections = append(sections, "credential")
	}
	for _, url := range azureURLs() {
		sections = append(sections, "credential."+url)
	}
	for _, section := range sections {
		if err := e.addHelper(ctx, section+".helper"); err != nil {
			return err
		}
		if section == "credential" {
			continue
		}
		if err := e.addHTTPPath(ctx, section); err != nil {
			return err
		}
	}
	return nil
}

func (e *configEdit) addHelper(ctx context.Context, key string) error {
	values, err := e.values(ctx, key)
	if err != nil {
		return err
	}
	if n := len(values); n >= 2 && values[n-2] == "" && values[n-1] == e.own && len(withoutOurs(values)) == n-2 {
		return nil
	}
	if err := e.cut(func(s, name string) bool { return s+"."+name == key }); err != nil {
		return err
	}
	if err := e.dropOurs(ctx, key); err != nil {
		return err
	}
	if err := e.addValue(ctx, key, ""); err != nil {
		return err
	}
	return e.addValue(ctx, key, e.own)
}

func (e *configEdit) addHTTPPath(ctx context.Context, section string) error {
	values, err := e.values(ctx, section+".useHttpPath")
	if err != nil || len(values) > 0 && values[len(values)-1] == "true" {
		return err
	}
	if err := e.addValue(ctx, section+".useHttpPath", "true"); err != nil {
		return err
	}
	return e.addValue(ctx, section+"."+marker, "useHttpPath")
}

// remove takes out what add put in, in every section there may be: first the
// lines as they were written, then what somebody has written anew.
func (e *configEdit) remove(ctx context.Context) error {
	sections := []string{"credential"}
	for _, url := range azureURLs() {
		sections = append(sections, "credential."+url)
	}
	if err := e.cut(func(section, _ string) bool { return slices.Contains(sections, section) }); err != nil {
		return err
	}
	for _, section := range sections {
		if err := e.dropOurs(ctx, section+".helper"); err != nil {
			return err
		}
		marks, err := e.values(ctx, section+"."+marker)
		if err != nil {
			return err
		}
		if !slices.Contains(marks, "useHttpPath") {
			continue
		}
		if err := e.unset(ctx, section+"."+marker, "useHttpPath"); err != nil {
			return err
		}
		if err := e.unset(ctx, section+".useHttpPath", "true"); err != nil {
			return err
		}
	}
	return nil
}

// dropOurs removes every helper value that names git-credential-patrol, with
// the empty one before it.
func (e *configEdit) dropOurs(ctx context.Context, key string) error {
	values, err := e.values(ctx, key)
	if err != nil {
		return err
	}
	kept := withoutOurs(values)
	var left []string
	for _, v := range values {
		if slices.Contains(kept, v) {
			left = append(left, v)
		} else if err := e.unset(ctx, key, v); err != nil {
			return err
		}
	}
	if slices.Equal(left, kept) {
		return nil
	}
	// An empty value of the person's own stays while ours goes: write the list anew.
	e.changes = append(e.changes, "- "+key+" = ")
	if _, err := e.run(ctx, "config", "--file", e.copy, "--unset-all", key); err != nil {
		return err
	}
	for _, v := range kept {
		if _, err := e.run(ctx, "config", "--file", e.copy, "--add", key, v); err != nil {
			return err
		}
	}
	return nil
}

// withoutOurs leaves out our helpers, wherever they were installed, and the
// reset before each.
func withoutOurs(values []string) []string {
	var kept []string
	for _, v := range values {
		if isOurs(v) {
			if n := len(kept); n > 0 && kept[n-1] == "" {
				kept = kept[:n-1]
			}
			continue
		}
		kept = append(kept, v)
	}
	return kept
}

func isOurs(value string) bool {
	name := value[strings.LastIndexAny(value, "/\\")+1:]
	return filepath.IsAbs(value) && (name == "git-credential-patrol" || name == "git-credential-patrol.exe")
}

// cut takes out the lines that setup wrote for the keys that which names, and
// no other byte. Git would take more: of equal values all, and blank lines
// before a section that ends.
func (e *configEdit) cut(which func(section, name string) bool) error {
	text, err := os.ReadFile(e.copy)
	if err != nil {
		return err
	}
	left, cut := cutLines(string(text), which)
	e.changes = append(e.changes, cut...)
	if len(cut) == 0 {
		return nil
	}
	return os.WriteFile(e.copy, []byte(left), 0o600)
}

// cutLines removes from a configuration file, in the form in which Git writes
// them, patrol and the reset before it, and useHttpPath and the marker behind
// it; then the heads of sections that have become empty.
func cutLines(text string, which func(section, name string) bool) (left string, cut []string) {
	var kept []string
	section, head, isEmpty := "", -1, false // head is where the section begins in kept
	end := func() {
		if isEmpty && head == len(kept)-1 {
			kept = kept[:head]
		}
	}
	for line := range strings.SplitAfterSeq(text, "\n") {
		if s, ok := sectionOf(line); ok {
			end()
			section, head, isEmpty = s, len(kept), false
		}
		above, first := "", lastWritten(kept)
		if len(kept) > 0 {
			above = kept[len(kept)-1]
		}
		name, other := pairOf(line)
		paired := first > head && kept[first] == other
		switch {
		case name == "" || strings.HasSuffix(above, "\\\n") || !which(section, name) || name != "helper" && !paired:
			kept = append(kept, line)
			continue
		case paired:
			cut = append(cut, "- "+section+"."+strings.TrimSpace(other))
			kept = slices.Delete(kept, first, first+1)
		}
		cut, isEmpty = append(cut, "- "+section+"."+strings.TrimSpace(line)), true
	}
	if n := len(kept); n > 0 && kept[n-1] == "" { // behind the last line's end
		kept = kept[:n-1]
	}
	end()
	return strings.Join(kept, ""), cut
}

// lastWritten is the last line that is not blank: Git may put the second of a pair
// behind a blank line, where it ends in CR LF. -1: there is none.
func lastWritten(lines []string) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.TrimSpace(lines[i]) != "" {
			return i
		}
	}
	return -1
}

// pairOf reports whether a line is the second of a pair that setup writes: its
// name, and what the first is.
func pairOf(line string) (name, other string) {
	value, isHelper := strings.CutPrefix(line, "\thelper = ")
	switch value = strings.Trim(strings.TrimSuffix(value, "\n"), `"`); {
	case isHelper && isOurs(value):
		return "helper", "\thelper = \n"
	case line == "\t"+marker+" = useHttpPath\n":
		return marker, "\tuseHttpPath = true\n"
	}
	return "", ""
}

// sectionOf reads the head of a section, such as [credential "https://host"].
func sectionOf(line string) (section string, ok bool) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "[") {
		return "", false
	}
	head, _, _ := strings.Cut(line[1:], "]")
	name, sub, ok := strings.Cut(head, `"`)
	section = strings.ToLower(strings.TrimSpace(name))
	if ok {
		section += "." + strings.TrimSuffix(strings.TrimSpace(sub), `"`)
	}
	return section, true
}
