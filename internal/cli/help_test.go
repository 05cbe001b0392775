package cli

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/term"
)

// everyCommand calls f for each command of ours.
func everyCommand(f func(*cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		f(c)
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(Root())
}

// Whoever types a command wrongly looks for an example first.
func TestEveryCommandIsExplained(t *testing.T) {
	t.Parallel()
	everyCommand(func(c *cobra.Command) {
		name := c.CommandPath()
		if c.Short == "" || c.Short != strings.TrimRight(c.Short, ".") || c.Short[0] < 'a' || c.Short[0] > 'z' {
			t.Errorf("%s: the short text is %q: one clause, in lower case, without a stop", name, c.Short)
		}
		if c.Hidden {
			return
		}
		if takesArguments(c) && c.Example == "" {
			t.Errorf("%s takes arguments and has no example", name)
		}
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 85 {
				t.Errorf("%s: a line of the help has %d characters: %s", name, n, line)
			}
		}
		for line := range strings.Lines(c.Example) {
			if line = strings.TrimSpace(line); line != "" && !regexp.MustCompile(`(^|\| |sudo )(patrol|git) `).MatchString(line) {
				t.Errorf("%s: an example is no command: %s", name, line)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || f.Usage[0] >= 'A' && f.Usage[0] <= 'Z' || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: the text is %q", name, f.Name, f.Usage)
			}
		})
	})
}

// takesArguments reports whether the usage line has a word in capitals.
func takesArguments(c *cobra.Command) bool {
	return regexp.MustCompile(`\b[A-Z]{2,}\b`).MatchString(c.Use)
}

// Every command's examples name commands and flags that exist.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	everyCommand(func(c *cobra.Command) {
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(line, " #")
			_, line, ok := strings.Cut(strings.TrimSpace(line)+" ", "patrol ")
			if !ok {
				continue
			}
			words := strings.Fields(line)
			found, rest, err := Root().Find(words)
			if err != nil || !found.HasParent() {
				t.Errorf("%s: %v", line, err)
				continue
			}
			var args []string
			for i, word := range rest {
				if strings.HasPrefix(word, "--") {
					name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
					flag := found.Flag(name)
					if flag == nil {
						t.Errorf("%s: no flag %s", line, word)
					}
				} else if !strings.ContainsAny(word, "<") && (i == 0 || !needsValue(found, rest[i-1])) {
					args = append(args, word)
				}
			}
			if n := len(args); takesArguments(found) && n > 1 {
				t.Errorf("%s: the arguments are %q", line, args)
			}
		}
	})
}

func needsValue(c *cobra.Command, word string) bool {
	name, ok := strings.CutPrefix(word, "--")
	flag := c.Flag(name)
	return ok && flag != nil && flag.NoOptDefVal == ""
}

// try runs patrol with nothing of the machine.
func try(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(context.Background(), Env{
		Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Environ: []string{"PATH=/nonexistent"},
		Executable: "/nonexistent/patrol", Now: time.Now, Terminal: func() (*term.Terminal, error) { return nil, term.ErrNoTerminal },
	})
	return code, out.String(), errs.String()
}

// Wrong usage is two lines and exit code 2, for every command and flag.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	two := regexp.MustCompile(`\Apatrol: [^\n]+\nhint: patrol[^\n]* --help\n\z`)
	everyCommand(func(c *cobra.Command) {
		if c.Name() == "help" || c.Parent() != nil && c.Parent().Name() == "completion" || c.Name() == "completion" {
			return
		}
		path := strings.Fields(c.CommandPath())[1:]
		for _, wrong := range []string{"--no-such-flag", "-z", "--passphrase-fd=three"} {
			code, stdout, stderr := try(append(path, wrong)...)
			if code != helper.Usage || stdout != "" || !two.MatchString(stderr) {
				t.Errorf("%s %s: %d, %q, %q", c.CommandPath(), wrong, code, stdout, stderr)
			}
		}
		many := append(path, "a", "b", "c", "d")
		if code, stdout, stderr := try(many...); code != helper.Usage || stdout != "" || !two.MatchString(stderr) {
			t.Errorf("%s: %d, %q, %q", many, code, stdout, stderr)
		}
	})
}

// Without git, or without HOME, every command says so, and how to go on.
func TestBareMachine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"setup"}, {"login", "--pat", "contoso"}, {"logout"}, {"status"}, {"why", "https://dev.azure.com/contoso/p/_git/r"}, {"lock"}, {"unlock"},
	} {
		code, stdout, stderr := try(args...)
		if lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n"); code != helper.Failed || stdout != "" || len(lines) != 2 ||
			!strings.HasPrefix(lines[0], "patrol: ") || !strings.HasPrefix(lines[1], "hint: ") {
			t.Errorf("%q: %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// Help and version need nothing of the machine.
func TestHelpNeedsNothing(t *testing.T) {
	t.Parallel()
	everyCommand(func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		code, stdout, stderr := try(append(path, "--help")...)
		if code != helper.Done || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%s --help: %d, %q, %q", c.CommandPath(), code, stdout, stderr)
		}
	})
	if code, stdout, _ := try("version"); code != helper.Done || !strings.HasPrefix(stdout, "patrol ") {
		t.Errorf("version: %d %q", code, stdout)
	}
}
