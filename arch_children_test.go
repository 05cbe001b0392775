package patrol_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// starters are the files of the released programs that start another program,
// and which. Each gives it an absolute path, from git.FindProgram or our own
// directory, and an environment without secrets.
func starters() map[string]string {
	return map[string]string{
		"cmd/git-credential-patrol/become_unix.go":    "patrol, beside it, in its own place",
		"cmd/git-credential-patrol/become_windows.go": "patrol, beside it; Windows cannot replace a process",
		"internal/cli/gitconfig.go":                   "git",
		"internal/cli/passphrase.go":                  "patrol.passphraseCommand",
		"internal/cli/importpass.go":                  "the helper to import from",
		"internal/detach/start_unix.go":               "patrol",
		"internal/detach/start_windows.go":            "patrol",
		"internal/git/file.go":                        "git",
		"internal/git/load.go":                        "git",
		"internal/keys/command.go":                    "patrol.keyCommand",
		"internal/oauth/browser.go":                   "a browser, or what opens one",
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
		if _, known := starters()[f.name]; started && !known {
			t.Errorf("%s starts a program and is not listed", f.name)
		}
		if started && !environment {
			t.Errorf("%s gives a program the environment as it is", f.name)
		}
		if started {
			delete(unused, f.name)
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
	return []string{"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash", "cmd", "cmd.exe", "powershell", "powershell.exe", "-c", "/c", "/C", "start"}
}
