package doctor

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/azdo"
)

// Pseudonyms puts other names in the place of those that say who somebody is
// or works for, the same ones each time. The zero value knows no name yet.
type Pseudonyms struct {
	names []name
	made  map[string]int
}

// name is one that is known, and what is written for it.
type name struct {
	real, shown string
	pattern     *regexp.Regexp
}

// Know replaces a name from now on, as KIND-1, KIND-2 and so on, whole and in
// any case. Names of one or two characters are left alone: they are everywhere.
func (p *Pseudonyms) Know(kind, real string) string {
	real = strings.TrimSpace(real)
	if slices.Contains(public(), strings.ToLower(real)) || strings.HasSuffix(strings.ToLower(real), ".visualstudio.com") {
		return real // its organisation is hidden by itself
	}
	for _, n := range p.names {
		if strings.EqualFold(n.real, real) {
			return n.shown
		}
	}
	if len(real) < 3 {
		return real
	}
	if p.made == nil {
		p.made = map[string]int{}
	}
	p.made[kind]++
	n := name{real: real, shown: fmt.Sprintf("%s-%d", kind, p.made[kind])}
	n.pattern = regexp.MustCompile(`(?i)(^|[^0-9A-Za-z])` + regexp.QuoteMeta(real) + `($|[^0-9A-Za-z])`)
	p.names = append(p.names, n)
	slices.SortStableFunc(p.names, func(a, b name) int { return cmp.Compare(len(b.real), len(a.real)) }) // a longer one may hold a shorter
	return n.shown
}

// KnowAs replaces a name by one that is given.
func (p *Pseudonyms) KnowAs(shown, real string) {
	if len(real) < 3 {
		return
	}
	p.names = append([]name{{real: real, shown: shown, pattern: regexp.MustCompile(`()` + regexp.QuoteMeta(real) + `($|[^0-9A-Za-z])`)}}, p.names...)
	slices.SortStableFunc(p.names, func(a, b name) int { return cmp.Compare(len(b.real), len(a.real)) })
}

// kinds are names that show themselves by their form, whether they are known or
// not. In each, the second group is the name, and the third is dropped.
func kinds() []struct{ kind, pattern string } {
	return []struct{ kind, pattern string }{
		{"ORG", `(?i)(dev\.azure\.com/)([0-9A-Za-z-]+)((?:/[^\s"',;)\]]*[^\s"',;:.)\]])?)`},
		{"ORG", `(?i)((?:^|[^0-9A-Za-z.-]))([0-9A-Za-z-]+)()\.visualstudio\.com`},
		{"ACCOUNT", `()([^\s"'<>(),;:=/@]+@[^\s"'<>(),;:=/@]+)()`},
		{"ID", `()\b([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\b()`},
		{"ID", `()\b([0-9a-f]{16}(?:-[0-9a-f]{16})?)\b()`},
		{"HOST", `((?:https?|ssh|socks5h?)://)([^\s/"',;:)\]]+(?::[0-9]+)?)((?:/[^\s"',;)\]]*[^\s"',;:.)\]])?)`},
		{"HOST", `()\b((?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9]+)?)\b()`},
		{"NAME", `(")([^"\n]+)()"`},
	}
}

// public are hosts that say nothing about anybody.
func public() []string {
	return []string{"dev.azure.com", "login.microsoftonline.com", "*.visualstudio.com", "learn.microsoft.com", "github.com", "git-scm.com", "127.0.0.1"}
}

// Hide returns text without any name that is known or shows itself, and without
// tokens and the user parts of URLs, should any have come so far.
func (p *Pseudonyms) Hide(text string) string {
	for _, found := range slices.Backward(azdo.FindPATs([]byte(text))) {
		text = text[:found.Start] + "[token]" + text[found.End:]
	}
	text = regexp.MustCompile(`://\S*@`).ReplaceAllString(text, "://")
	for _, n := range p.names {
		text = n.pattern.ReplaceAllString(text, "${1}"+strings.ReplaceAll(n.shown, "$", "$$")+"${2}")
	}
	already := regexp.MustCompile(`^[A-Z]+-[0-9]+$`)
	for _, k := range kinds() {
		pattern := regexp.MustCompile(k.pattern)
		text = replaceGroups(pattern, text, func(real string) (string, bool) {
			if slices.Contains(public(), strings.ToLower(real)) {
				return real, true
			}
			if already.MatchString(real) || strings.HasSuffix(real, ".visualstudio.com") {
				return real, false
			}
			return p.Know(k.kind, real), false
		})
	}
	return text
}

// replaceGroups puts another name in the place of the second group, and drops
// the third unless all may stay.
func replaceGroups(pattern *regexp.Regexp, text string, name func(string) (shown string, stays bool)) string {
	var b strings.Builder
	last := 0
	for _, at := range pattern.FindAllStringSubmatchIndex(text, -1) {
		shown, stays := name(text[at[4]:at[5]])
		b.WriteString(text[last:at[4]] + shown)
		if last = at[5]; !stays && at[7] >= 0 {
			last = at[7]
		}
	}
	return b.String() + text[last:]
}
