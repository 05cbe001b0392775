//go:build linux

// Package patrol_test runs the stories of testdata/script: the real programs,
// real Git, and an emulator in the place of Azure DevOps.
package patrol_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if main, ok := clockedMains()[filepath.Base(os.Args[0])]; ok {
		os.Exit(main())
	}
	if os.Args[0] == announcer {
		os.Exit(announce())
	}
	leaveTerminal()
	os.Exit(m.Run())
}

// leaveTerminal gives the controlling terminal up, so that nothing a script
// starts can open /dev/tty. The process group stays, and with it Ctrl-C.
func leaveTerminal() {
	if tty, err := os.Open("/dev/tty"); err == nil {
		_ = unix.IoctlSetInt(int(tty.Fd()), unix.TIOCNOTTY, 0)
		_ = tty.Close()
	}
}

// TestScript runs every script, with all of Git's traces on (X11): see
// testdata/script/README.md.
func TestScript(t *testing.T) { runScripts(t, filepath.Join("testdata", "script")) }

// runScripts runs the scripts of a directory in parallel.
func runScripts(t *testing.T, dir string) {
	bin := build(t)
	outside := watchOutside(t)
	w := watch(t)
	t.Run("in", func(t *testing.T) {
		testscript.RunT(&scriptT{T: t}, testscript.Params{
			Dir:                dir,
			Setup:              func(env *testscript.Env) error { return setup(env, bin, w) },
			Cmds:               commands(),
			Condition:          condition,
			RequireUniqueNames: true,
		})
	})
	w.noneLeft(t)
	outside()
}

// programs is where the programs of the scripts are.
type programs struct {
	real    string // as released
	clocked string // the same mains in this test binary, with a clock that can be moved
	traces  string // a directory for each script
}

// build makes the programs, once for all scripts.
func build(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	p := programs{filepath.Join(dir, "bin"), filepath.Join(dir, "clocked"), filepath.Join(dir, "traces")}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X github.com/gitpatrol/patrol/internal/cli.version=v0.0.0-script", "-o", p.real+"/", "./cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.Mkdir(p.clocked, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range clockedMains() {
		if err := linkOrCopy(self, filepath.Join(p.clocked, name)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o700)
}

// setup prepares the environment of one script: a home of its own, no
// configuration of the machine's, no terminal.
func setup(env *testscript.Env, bin programs, w *watcher) error {
	t, _ := env.T().(*scriptT)
	s := newScript(env.WorkDir, bin)
	t.script = s
	env.Values[scriptKey{}] = s
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	traces, err := traceEnv(s.traces)
	if err != nil {
		return err
	}
	for _, kv := range append(traces, [][2]string{
		{"HOME", home},
		{"PATH", bin.real + string(filepath.ListSeparator) + env.Getenv("PATH")},
		{"BIN", bin.real},
		{"GIT_CONFIG_NOSYSTEM", "1"},
		{"GIT_AUTHOR_NAME", "Ada"}, {"GIT_AUTHOR_EMAIL", "ada@contoso.com"},
		{"GIT_COMMITTER_NAME", "Ada"}, {"GIT_COMMITTER_EMAIL", "ada@contoso.com"},
		{"LC_ALL", "C"}, {"TERM", "dumb"},
		{"GORACE", cmp.Or(os.Getenv("GORACE"), "atexit_sleep_ms=10")},
	}...) {
		env.Setenv(kv[0], kv[1])
	}
	w.add(s)
	env.Defer(func() { s.finish(t.T, w) })
	return nil
}

// condition adds [root]: root may read and write what modes forbid.
func condition(name string) (bool, error) {
	return name == "root" && os.Geteuid() == 0, nil
}

// scriptT is the testing.T of one script. It keeps the whole log, which holds
// all that programs printed, and searches it.
type scriptT struct {
	*testing.T
	script *script
}

// Verbose keeps testscript from forgetting the output of earlier phases.
func (t *scriptT) Verbose() bool { return true }

// Run runs one script.
func (t *scriptT) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { f(&scriptT{T: t}) })
}

// Log searches the log of a script and prints it without secrets.
func (t *scriptT) Log(args ...any) {
	for i, arg := range args {
		text, ok := arg.(string)
		if !ok || t.script == nil {
			continue
		}
		for _, c := range t.script.searchLog(text) {
			t.Error(c)
		}
		args[i] = t.script.canaries.redact(text)
	}
	t.T.Log(args...)
}

// scriptKey is where a script's state is among its values.
type scriptKey struct{}

// of returns the state of the script that runs.
func of(ts *testscript.TestScript) *script {
	s, _ := ts.Value(scriptKey{}).(*script)
	return s
}
