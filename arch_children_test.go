package patrol_test

import (
	"debug/elf"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// starters are the packages of the released programs that start other programs,
// and which.
func starters() map[string]string {
	return map[string]string{
		"cmd/git-credential-patrol": "patrol, beside it",
		"internal/cli":              "git, the commands that a person configured, helpers to import from, what copies a public key",
		"internal/detach":           "patrol, in the background",
		"internal/doctor":           "git",
		"internal/git":              "git",
		"internal/keys":             "patrol.keyCommand; age starts its plugins by itself",
		"internal/oauth":            "a browser, or what opens one",
		"internal/sshkey":           "ssh",
	}
}

// X01, S08, S09: programs are started in a few places only, by a path that was
// looked up and never by a name, with an environment that was chosen, and none
// of them is a shell.
func TestChildrenX01S09(t *testing.T) {
	t.Parallel()
	unused := starters()
	for f := range sources(t) {
		if top, _, _ := strings.Cut(f.name, "/"); top != "cmd" && top != "internal" || forTests(f.name) {
			continue
		}
		started, environment := false, false
		for n := range ast.Preorder(f.tree) {
			switch n := n.(type) {
			case *ast.CallExpr:
				program, starts := startedBy(n)
				if !starts {
					continue
				}
				started = true
				if lit, ok := program.(*ast.BasicLit); ok {
					t.Errorf("%s: %s is started by its name", f.at(n.Pos()), lit.Value)
				}
				environment = environment || len(n.Args) == 3 && strings.HasPrefix(f.name, "cmd/")
			case *ast.KeyValueExpr:
				key, ok := n.Key.(*ast.Ident)
				environment = environment || ok && key.Name == "Env"
			case *ast.SelectorExpr:
				environment = environment || n.Sel.Name == "Env"
			case *ast.BasicLit:
				if text, _ := strconv.Unquote(n.Value); n.Kind == token.STRING && slices.Contains(shells(), text) {
					t.Errorf("%s: %s", f.at(n.Pos()), n.Value)
				}
			}
		}
		if _, known := starters()[path.Dir(f.name)]; started && !known {
			t.Errorf("%s starts a program, and its package is not listed", f.name)
		}
		if started && !environment {
			t.Errorf("%s gives a program the environment as it is", f.name)
		}
		if started {
			delete(unused, path.Dir(f.name))
		}
	}
	for name := range unused {
		t.Errorf("%s starts no program: take it off the list", name)
	}
}

// forTests are the packages of no released program.
func forTests(name string) bool {
	return strings.HasPrefix(name, "internal/emulator/") || strings.HasPrefix(name, "internal/secretservice/bustest/") || strings.HasPrefix(name, "cmd/azdo-emulator/")
}

// startedBy returns the program that a call starts.
func startedBy(call *ast.CallExpr) (program ast.Expr, starts bool) {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return nil, false
	}
	of, ok := s.X.(*ast.Ident)
	if !ok {
		return nil, false
	}
	switch of.Name + "." + s.Sel.Name {
	case "exec.CommandContext":
		return call.Args[1], true
	case "exec.Command", "os.StartProcess", "syscall.Exec", "syscall.ForkExec", "syscall.StartProcess", "unix.Exec", "windows.CreateProcess", "windows.ShellExecute":
		return call.Args[0], true
	}
	return nil, false
}

// shells are words of which none stands in a program that starts no shell.
func shells() []string {
	return []string{"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash", "cmd", "cmd.exe", "powershell", "powershell.exe", "/c", "/C"}
}

// X13: no program has a way to load code: neither Go's plugins nor a library of
// C, whose loader obeys LD_PRELOAD.
func TestNothingIsLoadedX13(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"./cmd/patrol", "./cmd/git-credential-patrol"} {
		linked := deps(t, "linux", program)
		for _, name := range []string{"plugin", "runtime/cgo", "github.com/ebitengine/purego"} {
			if slices.Contains(linked, name) {
				t.Errorf("%s links %s", program, name)
			}
		}
		name := filepath.Join(t.TempDir(), "program")
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", name, program)
		build.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		f, err := elf.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s names a loader or a library: %v", program, p.Type)
			}
		}
		_ = f.Close()
	}
}
