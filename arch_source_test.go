package patrol_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is one Go file, whatever the system it is for.
type source struct {
	name string // with slashes, from the root
	test bool
	fset *token.FileSet
	tree *ast.File
}

// pack is what lies in one directory.
type pack struct {
	dir   string
	files []*source
}

var loadOnce = sync.OnceValues(loadAll)

// load parses every Go file of the module.
func load(t *testing.T) []*pack {
	t.Helper()
	packs, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return packs
}

func loadAll() ([]*pack, error) {
	var packs []*pack
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(name, "go.mod")); name != "." && (err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		tree, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		i := slices.IndexFunc(packs, func(p *pack) bool { return p.dir == dir })
		if i < 0 {
			packs, i = append(packs, &pack{dir: dir}), len(packs)
		}
		packs[i].files = append(packs[i].files, &source{filepath.ToSlash(name), strings.HasSuffix(name, "_test.go"), fset, tree})
		return nil
	})
	return packs, err
}

// sources are the files that are no tests.
func sources(t *testing.T) iter.Seq[*source] {
	t.Helper()
	packs := load(t)
	return func(yield func(*source) bool) {
		for _, p := range packs {
			for f := range p.sources() {
				if !yield(f) {
					return
				}
			}
		}
	}
}

func (p *pack) sources() iter.Seq[*source] {
	return func(yield func(*source) bool) {
		for _, f := range p.files {
			if !f.test && !yield(f) {
				return
			}
		}
	}
}

// scripts lists the scripts of testdata.
func scripts(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "*", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	return names
}

func (f *source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.name, f.fset.Position(pos).Line)
}

func (f *source) lines() int { return f.fset.File(f.tree.Pos()).LineCount() }

func (f *source) imports() []string {
	var names []string
	for _, i := range f.tree.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		names = append(names, name)
	}
	return names
}

// use is a name of another package.
type use struct {
	pkg, name string
	pos       token.Pos
}

// selectors lists the names of other packages that the file uses.
func (f *source) selectors() iter.Seq[use] {
	local := map[string]string{}
	for _, i := range f.tree.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		as := path.Base(name)
		if i.Name != nil {
			as = i.Name.Name
		}
		local[as] = name
	}
	return func(yield func(use) bool) {
		for n := range ast.Preorder(f.tree) {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				continue
			}
			if x, ok := s.X.(*ast.Ident); ok && local[x.Name] != "" && !yield(use{local[x.Name], s.Sel.Name, s.Pos()}) {
				return
			}
		}
	}
}

// calls lists the calls of a method or function by that name.
func (f *source) calls(name string) iter.Seq[token.Pos] {
	return func(yield func(token.Pos) bool) {
		for n := range ast.Preorder(f.tree) {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == name && !yield(s.Pos()) {
				return
			}
		}
	}
}

// functions lists the functions and their lines, the literals among them too.
func (f *source) functions() map[string]int {
	found := map[string]int{}
	for n := range ast.Preorder(f.tree) {
		name := ""
		switch n := n.(type) {
		case *ast.FuncDecl:
			name = n.Name.Name
		case *ast.FuncLit:
			name = "the function at line " + strconv.Itoa(f.fset.Position(n.Pos()).Line)
		default:
			continue
		}
		found[name] = max(found[name], f.fset.Position(n.End()).Line-f.fset.Position(n.Pos()).Line+1)
	}
	return found
}

// documented reports whether the package has a comment.
func (p *pack) documented() bool {
	return slices.ContainsFunc(p.files, func(f *source) bool { return f.tree.Doc.Text() != "" })
}

// undocumented lists what is exported without a doc comment.
func (f *source) undocumented() []string {
	var names []string
	miss := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if name.IsExported() && !slices.ContainsFunc(docs, func(d *ast.CommentGroup) bool { return d.Text() != "" }) {
			names = append(names, f.at(name.Pos())+": "+name.Name)
		}
	}
	for _, d := range f.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d)) {
				miss(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					miss(s.Name, d.Doc, s.Doc)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						miss(name, d.Doc, s.Doc, s.Comment)
					}
				}
			}
		}
	}
	return names
}

func receiver(d *ast.FuncDecl) string {
	x := d.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if i, ok := x.(*ast.IndexExpr); ok {
		x = i.X
	}
	if id, ok := x.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// inits lists the functions that run before main.
func (p *pack) inits() []string {
	var found []string
	for f := range p.sources() {
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, f.at(fn.Pos())+": init")
			}
		}
	}
	return found
}

// mutables lists package variables that are changed, or that are made to be:
// maps, slices and pointers to what is written. Errors are values.
func (p *pack) mutables() []string {
	var trees []*ast.File
	for f := range p.sources() {
		trees = append(trees, f.tree)
	}
	if len(trees) == 0 {
		return nil
	}
	// Nothing outside of the package needs to be known, and what is declared
	// once for each system is an error to no effect.
	config := types.Config{Error: func(error) {}, Importer: nothing{}, FakeImportC: true}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	pkg, _ := config.Check(p.dir, p.files[0].fset, trees, info)
	ofPackage := func(x ast.Expr) *ast.Ident {
		id := root(x)
		if id == nil {
			return nil
		}
		if v, ok := info.Uses[id].(*types.Var); ok && pkg != nil && v.Parent() == pkg.Scope() {
			return id
		}
		return nil
	}
	var found []string
	for f := range p.sources() {
		for n := range ast.Preorder(f.tree) {
			for _, x := range written(n) {
				if id := ofPackage(x); id != nil {
					found = append(found, f.at(id.Pos())+": the package variable "+id.Name+" is changed")
				}
			}
		}
		found = append(found, f.containers()...)
	}
	return found
}

// nothing imports empty packages.
type nothing struct{}

// Import implements types.Importer.
func (nothing) Import(name string) (*types.Package, error) {
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p, nil
}

// root is the variable of an expression such as v.f[i].
func root(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.SelectorExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		default:
			return nil
		}
	}
}

// written lists what a statement or expression may change.
func written(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	}
	return nil
}

// containers lists package variables that hold a map, a slice or a new thing.
func (f *source) containers() []string {
	var found []string
	for _, d := range f.tree.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			v, _ := s.(*ast.ValueSpec)
			for _, x := range append(slices.Clone(v.Values), v.Type) {
				if isContainer(x) && !(len(v.Names) == 1 && v.Names[0].Name == "_") {
					found = append(found, f.at(v.Pos())+": the package variable "+v.Names[0].Name+" can be changed: make it a function")
				}
			}
		}
	}
	return found
}

func isContainer(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.CompositeLit:
		return isContainer(x.Type)
	case *ast.MapType, *ast.StarExpr, *ast.ChanType:
		return true
	case *ast.ArrayType:
		return x.Len == nil
	case *ast.UnaryExpr:
		return x.Op == token.AND
	case *ast.CallExpr:
		id, ok := x.Fun.(*ast.Ident)
		return ok && (id.Name == "make" || id.Name == "new")
	}
	return false
}
