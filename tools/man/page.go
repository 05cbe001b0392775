package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitpatrol/patrol/internal/cli"
)

// date is the one that the pages bear. It is changed by hand, so that the same
// commands make the same pages at any time.
const date = "2026-11-24"

// more is what patrol(1) says beyond its command line.
//
//go:embed more.roff
var more string

// pages returns the text of every page by its file name, in the macros of man(7).
func pages(root *cobra.Command) map[string]string {
	root.InitDefaultHelpFlag()
	all := map[string]string{}
	addPages(all, root)
	return all
}

func addPages(all map[string]string, c *cobra.Command) {
	all[pageName(c)+".1"] = page(c)
	for _, sub := range available(c) {
		addPages(all, sub)
	}
}

// available lists the commands below c that are not hidden.
func available(c *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(c.Commands()), func(sub *cobra.Command) bool { return !sub.IsAvailableCommand() })
}

// pageName is patrol-setup for "patrol setup".
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func page(c *cobra.Command) string {
	var p roff
	p.line(`.TH %s 1 %s patrol "patrol manual"`, strings.ToUpper(escape(pageName(c))), date)
	p.section("NAME")
	p.text(pageName(c) + " - " + c.Short)
	p.section("SYNOPSIS")
	p.line(".B %s", escape(c.CommandPath()))
	p.text(synopsis(c))
	p.section("DESCRIPTION")
	p.paragraphs(c.Long, c.Short)
	if subs := available(c); len(subs) > 0 {
		p.section("COMMANDS")
		for _, sub := range subs {
			p.item(bold(sub.Name()), sub.Short+"; see "+pageName(sub)+"(1).")
		}
	}
	p.options(c)
	if c.Example != "" {
		p.section("EXAMPLES")
		p.example(strings.Split(c.Example, "\n"))
	}
	if head, items, ok := strings.Cut(c.Annotations[cli.Items], "\n"); ok {
		p.section(head)
		for line := range strings.Lines(items) {
			name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			p.item(bold(name), text)
		}
	}
	if !c.HasParent() {
		p.WriteString(more)
	}
	p.section("SEE ALSO")
	p.line("%s", strings.Join(seeAlso(c), ",\n"))
	return p.String()
}

// synopsis is what follows the command's name.
func synopsis(c *cobra.Command) string {
	if len(available(c)) > 0 {
		return "COMMAND [ARGUMENT]..."
	}
	_, rest, _ := strings.Cut(c.Use, " ")
	if c.HasAvailableLocalFlags() {
		rest += " [FLAG]..."
	}
	return strings.TrimSpace(rest)
}

func seeAlso(c *cobra.Command) []string {
	names := []string{"git-credential-patrol", "gitcredentials"}
	if c.HasParent() {
		names = append(names, pageName(c.Root()))
	}
	for _, sub := range available(c) {
		names = append(names, pageName(sub))
	}
	slices.Sort(names)
	for i, name := range names {
		section := "(1)"
		if name == "gitcredentials" {
			section = "(7)"
		}
		names[i] = bold(name) + section
	}
	return names
}

// roff is a page that is being written.
type roff struct{ strings.Builder }

func (p *roff) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *roff) section(name string) { p.line(".SH %s", name) }

// text writes prose, which roff fills.
func (p *roff) text(s string) {
	if s != "" {
		p.line("%s", escape(s))
	}
}

// paragraphs writes a command's long text: blank lines part paragraphs, and
// indented lines stay as they are. Without one, the short text has to do.
func (p *roff) paragraphs(long, short string) {
	if long == "" {
		long = sentence(short)
	}
	for i, paragraph := range strings.Split(strings.TrimSpace(long), "\n\n") {
		if i > 0 {
			p.line(".PP")
		}
		lines := strings.Split(paragraph, "\n")
		for len(lines) > 0 {
			n := 1
			for n < len(lines) && indented(lines[n]) == indented(lines[0]) {
				n++
			}
			if indented(lines[0]) {
				p.example(lines[:n])
			} else {
				p.text(strings.Join(lines[:n], "\n"))
			}
			lines = lines[n:]
		}
	}
}

func indented(line string) bool { return strings.HasPrefix(line, " ") }

// example writes lines as they are, indented by the page alone.
func (p *roff) example(lines []string) {
	p.line(".PP\n.RS 4\n.nf")
	for _, line := range lines {
		p.text(strings.TrimPrefix(line, "  "))
	}
	p.line(".fi\n.RE")
}

// item writes a word and what it means.
func (p *roff) item(head, text string) {
	p.line(".TP\n%s", head)
	p.text(text)
}

func (p *roff) options(c *cobra.Command) {
	shown := false
	each := func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if !shown {
			p.section("OPTIONS")
			shown = true
		}
		value, usage := pflag.UnquoteUsage(f)
		head := bold("--" + f.Name)
		if f.Shorthand != "" {
			head = bold("-"+f.Shorthand) + ", " + head
		}
		if value != "" {
			head += ` \fI` + escape(value) + `\fR`
		}
		p.item(head, sentence(usage))
	}
	c.NonInheritedFlags().VisitAll(each)
	c.InheritedFlags().VisitAll(each)
}

// sentence makes one of the words of a help text.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func bold(s string) string { return `\fB` + escape(s) + `\fR` }

// escape makes text of s in which roff sees no command, no escape, and no dash
// that it may typeset.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
