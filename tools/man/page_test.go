package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/gitpatrol/patrol/internal/cli"
)

var docs = filepath.Join("..", "..", "docs", "man")

// The pages that are checked in are those of the commands as they are, and
// there is none of a command that is gone.
func TestPagesAreFresh(t *testing.T) {
	t.Parallel()
	want := pages(cli.Root())
	for name, text := range want {
		have, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Errorf("%v\nto make it: make man", err)
		} else if diff := cmp.Diff(text, string(have)); diff != "" {
			t.Errorf("%s is out of date; to renew it: make man\n%s", name, diff)
		}
	}
	files, err := filepath.Glob(filepath.Join(docs, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages in %s: %v", docs, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if _, ok := want[name]; !ok && name != "git-credential-patrol.1" {
			t.Errorf("%s is the page of no command", name)
		}
	}
}

// roff finds nothing to warn of in any page, where there is a roff.
func TestPagesFormat(t *testing.T) {
	t.Parallel()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("no groff on this machine: the pages are not formatted")
		return
	}
	files, err := filepath.Glob(filepath.Join(docs, "*.1"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages in %s: %v", docs, err)
	}
	for _, file := range files {
		out, err := exec.CommandContext(t.Context(), groff, "-man", "-Tascii", "-ww", "-z", file).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, out)
		}
	}
}

// What a command says of itself never becomes a command to roff.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "tool", Short: "be a tool"}
	sub := &cobra.Command{
		Use: "sub-part FILE", Short: "do it", Run: func(*cobra.Command, []string) {},
		Long:    "First line\n.SH not a section\n'quoted\\n\n  indented stays\n  as it is\nback again\n\nSecond paragraph",
		Example: "  tool sub-part --to x",
	}
	sub.Flags().String("to", "", "where `DIR` it goes")
	hidden := &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}}
	root.AddCommand(sub, hidden)
	all := pages(root)
	if len(all) != 2 {
		t.Fatalf("%d pages, want 2: a hidden command has none", len(all))
	}
	got := all["tool-sub-part.1"]
	for _, want := range []string{
		"tool\\-sub\\-part \\- do it\n", ".B tool sub\\-part\nFILE [FLAG]...\n",
		"First line\n\\&.SH not a section\n\\&'quoted\\en\n", ".RS 4\n.nf\nindented stays\nas it is\n.fi\n.RE\nback again\n.PP\nSecond paragraph\n",
		".TP\n\\fB\\-\\-to\\fR \\fIDIR\\fR\nWhere DIR it goes.\n", "tool sub\\-part \\-\\-to x\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
