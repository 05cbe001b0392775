//go:build linux

package demo_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cli"
)

// documents are those that speak of the whole project.
func documents() []string {
	return []string{
		"../README.md", "../SECURITY.md", "../CONTRIBUTING.md", "../CHANGELOG.md",
		"../docs/architecture.md", "../docs/threat-model.md", "../docs/threats.md",
	}
}

// Every command and flag that a document names exists.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	root := cli.Root()
	root.InitDefaultCompletionCmd("completion")
	for _, document := range documents() {
		for _, line := range commandLines(read(t, document)) {
			if problem := checkCommand(root, strings.Fields(line)[1:]); problem != "" {
				t.Errorf("%s: %q: %s", filepath.Base(document), line, problem)
			}
		}
	}
}

// commandLines finds what is typed to patrol: in a line's `code`, and in blocks.
func commandLines(text string) []string {
	inline, inBlock := regexp.MustCompile("`(patrol [^`]+)`"), regexp.MustCompile(`^(?:\$ )?(patrol .+)$`)
	var found []string
	fenced := false
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		pattern := inline
		if fenced {
			pattern = inBlock
		}
		for _, match := range pattern.FindAllStringSubmatch(line, -1) {
			found = append(found, match[1])
		}
	}
	return found
}

func checkCommand(root *cobra.Command, words []string) string {
	if strings.ToUpper(words[0]) == words[0] { // "patrol COMMAND --help"
		return ""
	}
	cmd, rest, err := root.Find(words)
	switch {
	case err != nil:
		return err.Error()
	case cmd == root:
		return "there is no such command"
	case len(rest) > 0 && cmd.HasSubCommands() && rest[0] != "--help":
		return "there is no such command below it"
	}
	for _, word := range rest {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if strings.HasPrefix(word, "--") && name != "help" && cmd.Flag(name) == nil {
			return "there is no flag --" + name
		}
	}
	return ""
}

// The README's table has every command.
func TestReadmeHasEveryCommand(t *testing.T) {
	t.Parallel()
	readme := read(t, "../README.md")
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				visit(sub)
			}
		}
		if !c.HasAvailableSubCommands() && !regexp.MustCompile("(?m)^\\| `"+c.CommandPath()+"[ `]").MatchString(readme) {
			t.Errorf("the table of commands lacks %s", c.CommandPath())
		}
	}
	visit(cli.Root())
}

// The keys of the configuration are those that the code reads, in the README
// and in the manual.
func TestDocumentedKeys(t *testing.T) {
	t.Parallel()
	quoted, inText := regexp.MustCompile(`"(patrol\.[a-zA-Z]+)"`), regexp.MustCompile(`\bpatrol\.[a-z]+[A-Za-z]*\b`)
	known := map[string]bool{}
	for _, file := range sources(t) {
		for _, match := range quoted.FindAllStringSubmatch(read(t, file), -1) {
			known[match[1]] = true
		}
	}
	if len(known) == 0 {
		t.Fatal("the code reads no key")
	}
	for _, document := range []string{"../README.md", "../docs/man/patrol.1"} {
		text := read(t, document)
		for key := range known {
			if !strings.Contains(text, key) {
				t.Errorf("%s does not have %s", filepath.Base(document), key)
			}
		}
		for _, key := range inText.FindAllString(text, -1) {
			if !known[key] {
				t.Errorf("%s has %s, which the code does not read", filepath.Base(document), key)
			}
		}
	}
}

// sources lists the Go files of internal, without tests.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("../internal", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Links within the checkout lead somewhere, and so do the paths that the
// architecture names.
func TestDocumentedPaths(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, document := range documents() {
		for _, match := range link.FindAllStringSubmatch(read(t, document), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), match[1])); err != nil {
				t.Errorf("%s: %v", filepath.Base(document), err)
			}
		}
	}
	path := regexp.MustCompile("`((?:cmd|internal|tools|test|testdata|docs|demo|bench)/[A-Za-z0-9_./-]*[A-Za-z0-9_/])`")
	for _, document := range []string{"../docs/architecture.md", "../docs/threat-model.md", "../CONTRIBUTING.md"} {
		for _, match := range path.FindAllStringSubmatch(read(t, document), -1) {
			name := match[1]
			if regexp.MustCompile(`/[A-Z]+\.`).MatchString(name) { // stands for any name
				name = filepath.Dir(name)
			}
			if _, err := os.Stat(filepath.Join("..", name)); err != nil {
				t.Errorf("%s: %v", filepath.Base(document), err)
			}
		}
	}
}

// Every package has its line in the architecture.
func TestArchitectureHasEveryPackage(t *testing.T) {
	t.Parallel()
	text := read(t, "../docs/architecture.md")
	entries, err := os.ReadDir("../internal")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		if files, _ := filepath.Glob("../internal/" + e.Name() + "/*.go"); len(files) > 0 {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !regexp.MustCompile(`(?m)^\s+` + name + `/\s+\S`).MatchString(text) {
			t.Errorf("docs/architecture.md does not say what internal/%s is", name)
		}
	}
}
