package patrol_test

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gitpatrol/patrol"

// imports says which of our packages each of them may import; docs/architecture.md
// says why. Tests are free, but for the emulator's: it shares nothing with what
// it imitates. A package that is not here yet needs a line.
func imports() map[string]string {
	return map[string]string{
		"cmd/git-credential-patrol": "internal/cred internal/detach internal/harden internal/helper internal/keyring internal/vault",
		"cmd/patrol":                "internal/cli internal/detach internal/git internal/harden internal/term",
		"cmd/azdo-emulator":         "internal/emulator/command",

		"internal/harden":  "",
		"internal/capped":  "",
		"internal/cred":    "internal/harden",
		"internal/detach":  "",
		"internal/git":     "internal/capped internal/harden",
		"internal/term":    "internal/cred",
		"internal/vault":   "internal/cred internal/harden",
		"internal/keyring": "internal/vault",
		"internal/sshkey":  "internal/capped internal/cred",

		"internal/secretservice":         "internal/cred",
		"internal/secretservice/bustest": "", // for tests

		"internal/keys":    "internal/capped internal/cred internal/keyring internal/secretservice internal/vault",
		"internal/helper":  "internal/cred internal/vault",
		"internal/azdo":    "internal/cred internal/harden",
		"internal/oauth":   "internal/cred",
		"internal/foreign": "internal/azdo internal/cred",
		"internal/host":    "internal/azdo internal/cred internal/helper internal/oauth internal/vault",
		"internal/lifecycle": "internal/azdo internal/cred internal/helper internal/host internal/keyring internal/keys " +
			"internal/oauth internal/vault",
		"internal/doctor": "internal/azdo internal/cred internal/foreign internal/git internal/helper internal/keyring internal/keys internal/lifecycle internal/vault",
		"internal/cli": "internal/azdo internal/capped internal/cred internal/detach internal/doctor internal/foreign internal/git internal/helper internal/host internal/keyring internal/keys " +
			"internal/lifecycle internal/oauth internal/secretservice internal/sshkey internal/term internal/vault",

		"internal/emulator":         "",
		"internal/emulator/command": "internal/emulator",

		".":            "",
		"bench":        "internal/helper internal/keyring internal/keys internal/vault",
		"demo":         "",
		"demo/browser": "",
		"tools/man":    "internal/cli",
	}
}

func TestDirectionOfImports(t *testing.T) {
	t.Parallel()
	table := imports()
	for _, p := range load(t) {
		allowed, ok := table[p.dir]
		if !ok {
			t.Errorf("%s has no line in the table of imports", p.dir)
			continue
		}
		for _, f := range p.files {
			emulator := strings.HasPrefix(p.dir, "internal/emulator")
			if f.test && !emulator {
				continue
			}
			for _, name := range f.imports() {
				ours, ok := strings.CutPrefix(name, module+"/")
				if ok && !slices.Contains(strings.Fields(allowed), ours) && (!f.test || ours != "internal/emulator") {
					t.Errorf("%s imports %s", f.name, ours)
				}
			}
		}
	}
}

// What Git runs links nothing that costs time at each start, or that could
// talk to a network: the packages it must not link, and those below them.
func TestWhatGitRunsLinksLittle(t *testing.T) {
	t.Parallel()
	forbidden := []string{
		"net", "net/http", "net/url", "crypto/tls", "crypto/x509", "os/exec", "log", "log/slog", "encoding/json", "regexp", "text/template",
		"go/", "filippo.io/", "github.com/spf13/", "github.com/godbus/", "golang.org/x/net/", "golang.org/x/oauth2",
	}
	allowed := append(strings.Fields(imports()["cmd/git-credential-patrol"]), "cmd/git-credential-patrol")
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, name := range deps(t, system, "./cmd/git-credential-patrol") {
			if ours, ok := strings.CutPrefix(name, module+"/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s: git-credential-patrol links %s", system, ours)
			}
			if system == "windows" && (name == "os/exec" || name == "net") {
				continue // it cannot become patrol there, and runs it; x/sys/windows imports net
			}
			for _, f := range forbidden {
				if name == strings.TrimSuffix(f, "/") || strings.HasPrefix(name, strings.TrimSuffix(f, "/")+"/") && f != "net" {
					t.Errorf("%s: git-credential-patrol links %s", system, name)
				}
			}
		}
	}
}

// The emulator stands on the standard library and, for Git over SSH, on its
// own project's SSH, so that nothing of it is shared with a client but what
// both sides have from the protocol's makers; no release program links a part of it.
func TestEmulatorStandsAlone(t *testing.T) {
	t.Parallel()
	for _, name := range deps(t, "linux", "./internal/emulator/...") {
		if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") && !strings.HasPrefix(name, module+"/internal/emulator") {
			if !strings.HasPrefix(name, "golang.org/x/crypto/") && !strings.HasPrefix(name, "golang.org/x/sys/") {
				t.Errorf("the emulator links %s", name)
			}
		}
	}
	for _, name := range deps(t, "linux", "./cmd/patrol") {
		if strings.HasPrefix(name, module+"/internal/emulator") || strings.HasPrefix(name, "testing") || strings.HasSuffix(name, "httptest") {
			t.Errorf("patrol links %s", name)
		}
	}
}

// deps lists what a program links.
func deps(t *testing.T, system, pattern string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", pattern)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(out))
}

// The process's own things are used by the programs alone: everything else is
// given streams, environment and clock.
func TestProcessIsUsedByProgramsOnly(t *testing.T) {
	t.Parallel()
	own := map[string]string{
		"os":   "Exit Stdin Stdout Stderr Args Getenv LookupEnv Environ ExpandEnv Setenv Unsetenv Clearenv UserHomeDir UserConfigDir UserCacheDir Chdir",
		"time": "Now Since Until",
		"log":  "Print Printf Println Fatal Fatalf Fatalln Panic Panicf Panicln Default SetOutput Writer",
		"flag": "Parse Args Arg NArg Bool Duration Int String Var CommandLine",
	}
	for f := range sources(t) {
		if top, _, _ := strings.Cut(f.name, "/"); top == "cmd" || top == "tools" || top == "bench" || top == "demo" {
			continue
		}
		for use := range f.selectors() {
			if slices.Contains(strings.Fields(own[use.pkg]), use.name) {
				t.Errorf("%s: %s.%s outside of the programs", f.at(use.pos), use.pkg, use.name)
			}
		}
	}
}

// revealers are the files that may take a secret out of its wrapping.
func revealers() []string {
	return []string{
		"internal/azdo/auth.go",         // into the Authorization header
		"internal/azdo/pat.go",          // its checksum
		"internal/cli/importsources.go", // to git-credential-cache, on a pipe
		"internal/cli/login.go",         // blanks around what was pasted
		"internal/cli/keybackup.go",     // the recovery key, to the terminal
		"internal/cli/keyrecover.go",    // the recovery key, to be read
		"internal/cli/passphrase.go",    // an empty one
		"internal/cred/reply.go",        // to Git
		"internal/cred/request.go",      // to patrol, on a pipe
		"internal/foreign/gcm.go",       // whether it is a JWT
		"internal/foreign/url.go",       // how a URL spells one
		"internal/helper/get.go",        // whether Git could take it
		"internal/helper/store.go",      // an empty password
		"internal/keys/agefile.go",      // the passphrase, to age
		"internal/keys/command.go",      // the key, to the command that keeps it
		"internal/keys/file.go",         // the key, in clear on purpose
		"internal/keys/identity.go",     // the passphrase, to an SSH key
		"internal/keys/plugin.go",       // an answer, to the plugin that asked
		"internal/oauth/client.go",      // into the body of a token request
		"internal/oauth/http.go",        // to keep it out of errors
		"internal/oauth/transaction.go", // PKCE
		"internal/sshkey/key.go",        // the passphrase, to the file of a key
		"internal/vault/record.go",      // the keyed hash of what was issued
		"internal/vault/seal.go",        // sealing

		"internal/keys/secretservice.go",    // the key
		"internal/secretservice/session.go", // to the Secret Service, on the bus
	}
}

func TestRevealIsCalledInFewPlaces(t *testing.T) {
	t.Parallel()
	unused := map[string]bool{}
	for _, name := range revealers() {
		unused[name] = true
	}
	for f := range sources(t) {
		for pos := range f.calls("Reveal") {
			if delete(unused, f.name); !slices.Contains(revealers(), f.name) {
				t.Errorf("%s: Reveal is called in a file that is not listed", f.at(pos))
			}
		}
	}
	for name := range maps.Keys(unused) {
		t.Errorf("%s does not call Reveal: take it off the list", name)
	}
}

// Nothing happens before main, and no state is shared behind anybody's back.
func TestNoInitAndNoMutableVariable(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		for _, complaint := range append(p.inits(), p.mutables()...) {
			t.Error(complaint)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		switch name := path.Base(p.dir); name {
		case "util", "utils", "common", "types", "errors", "helpers", "shared", "misc", "base", "lib":
			t.Errorf("%s: the name %s says nothing", p.dir, name)
		}
	}
}

func TestDocComments(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		if !p.documented() {
			t.Errorf("%s has no package comment", p.dir)
		}
		for f := range p.sources() {
			for _, name := range f.undocumented() {
				t.Errorf("%s has no doc comment", name)
			}
		}
	}
}

// What one feels as a reader is the longest function.
func TestSizes(t *testing.T) {
	t.Parallel()
	const longestFunction, longestFile = 80, 400
	for f := range sources(t) {
		if n := f.lines(); n > longestFile {
			t.Errorf("%s has %d lines, more than %d", f.name, n, longestFile)
		}
		for name, n := range f.functions() {
			if n > longestFunction {
				t.Errorf("%s: %s has %d lines, more than %d", f.name, name, n, longestFunction)
			}
		}
	}
}

// A test that can be skipped is no proof.
func TestNoTestIsSkipped(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		for _, f := range p.files {
			for _, name := range []string{"Skip", "Skipf", "SkipNow"} {
				for pos := range f.calls(name) {
					if f.test {
						t.Errorf("%s: %s", f.at(pos), name)
					}
				}
			}
		}
	}
	// Only root can be another user for a moment.
	exempt := []string{filepath.Join("testdata", "script", "bad-sudo.txtar")}
	for _, name := range scripts(t) {
		if slices.Contains(exempt, name) {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(data), "\n") {
			words := strings.Fields(line)
			if slices.Contains(words[:min(len(words), 3)], "skip") || len(words) > 0 && words[0] == "stop" {
				t.Errorf("%s:%d: %s", name, n+1, line)
			}
		}
	}
}
