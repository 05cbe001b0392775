package patrol_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// threatRows are the numbers of the attacks that docs/threats.md must answer.
// Some numbers are not given.
func threatRows() []string {
	return strings.Fields("S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11 S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 " +
		"X01 X03 X04 X07 X08 X09 X10 X11 X13 T01 T04")
}

// Every attack has a test that carries its number, or says why there is none.
func TestEveryThreatHasATest(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("docs", "threats.md"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 4 || !regexp.MustCompile(`^ *[SXT]\d\d$`).MatchString(cells[0]) {
			continue
		}
		id, proof := strings.TrimSpace(cells[0]), cells[3]
		ids = append(ids, id)
		found := regexp.MustCompile("`([^`]+\\.(?:txtar|go:\\w+))`").FindAllStringSubmatch(proof, -1)
		if len(found) == 0 && !regexp.MustCompile(`Not here: \w+`).MatchString(proof) {
			t.Errorf("%s has neither a test nor a reason", id)
		}
		for _, ref := range found {
			if err := carries(ref[1], id); err != "" {
				t.Errorf("%s: %s: %s", id, ref[1], err)
			}
		}
	}
	if !slices.Equal(ids, threatRows()) {
		t.Errorf("docs/threats.md has the rows\n%v, not\n%v", ids, threatRows())
	}
}

// carries checks that a test exists and has the number in its name or in a
// comment of its own.
func carries(ref, id string) string {
	file, name, ofGo := strings.Cut(ref, ":")
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	if !ofGo {
		number := regexp.MustCompile(`\b` + id + `\b`)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "-- ") {
				break
			}
			if strings.HasPrefix(line, "#") && number.MatchString(line) {
				return ""
			}
		}
		return "no section has the number"
	}
	tree, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
	if err != nil {
		return err.Error()
	}
	for _, d := range tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != name {
			continue
		}
		if strings.Contains(name, id) || strings.Contains(fn.Doc.Text(), id) {
			return ""
		}
		return "neither its name nor its comment has the number"
	}
	return "there is no such test"
}
