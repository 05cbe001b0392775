//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/rpmpack"
)

// scratch is a root directory that packages are installed into. For who is not
// root, a user namespace makes the tools believe it.
type scratch struct {
	dir    string
	prefix []string
}

func newScratch(t *testing.T) scratch {
	t.Helper()
	s := scratch{dir: filepath.Join(t.TempDir(), "root")}
	if os.Getuid() != 0 {
		s.prefix = []string{"unshare", "--user", "--map-root-user"}
		if out, err := exec.Command(s.prefix[0], append(s.prefix[1:], "true")...).CombinedOutput(); err != nil {
			t.Fatalf("packages are installed by root, or in a user namespace, which this system does not allow: %v, %s", err, out)
		}
	}
	for _, dir := range []string{"var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log", "etc", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(s.dir, "var/lib/dpkg", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s scratch) try(args ...string) (string, error) {
	argv := slices.Concat(s.prefix, args)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s scratch) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.try(args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

func (s scratch) dpkg(args ...string) []string {
	return append([]string{"dpkg", "--root=" + s.dir, "--log=/dev/null"}, args...)
}

func (s scratch) rpm(args ...string) []string {
	return append([]string{"rpm", "--root", s.dir, "--dbpath", "/var/lib/rpm", "--nosignature"}, args...)
}

// checkOwners: X07 again, of what was really installed.
func (s scratch) checkOwners(t *testing.T) {
	t.Helper()
	if bad := s.run(t, "find", filepath.Join(s.dir, "usr"), "(", "!", "-uid", "0", "-o", "!", "-gid", "0", "-o", "-perm", "/7022", ")", "-ls"); bad != "" {
		t.Errorf("installed with other owners or modes: %s", bad)
	}
}

// debLife installs a Debian package, uses it, upgrades it, and takes it away.
func debLife(t *testing.T, source string, one, two dist) {
	s := newScratch(t)
	before := tree(t, s.dir, "/var/lib/dpkg")
	if out, err := s.try(s.dpkg("--install", one.deb(runtime.GOARCH))...); err == nil || !strings.Contains(out, "depends on git (>= 1:"+minimumGit+")") {
		t.Errorf("without Git: %v, %s", err, out)
	}
	s.run(t, s.dpkg("--install", gitDeb(t, "1:2.25.1-1"))...)
	if out, err := s.try(s.dpkg("--configure", "patrol")...); err == nil {
		t.Errorf("with an old Git: %s", out)
	}
	s.run(t, s.dpkg("--install", gitDeb(t, "1:2.39.5-1"))...)
	s.run(t, s.dpkg("--configure", "patrol")...)
	s.checkOwners(t)
	verify := func() {
		t.Helper()
		if out := s.run(t, s.dpkg("--verify", "patrol")...); out != "" {
			t.Errorf("dpkg --verify: %s", out)
		}
		if out := s.run(t, s.dpkg("--audit")...); out != "" {
			t.Errorf("dpkg --audit: %s", out)
		}
	}
	verify()
	u := newUser(t, source, filepath.Join(s.dir, "usr", "bin"))
	u.begin(first)
	s.run(t, s.dpkg("--install", two.deb(runtime.GOARCH))...)
	s.checkOwners(t)
	verify()
	u.goOn(second)
	u.leave()
	damaged := filepath.Join(s.dir, "usr/share/doc/patrol/copyright")
	s.run(t, "sh", "-c", `echo changed >"$1"`, "sh", damaged)
	if out, _ := s.try(s.dpkg("--verify", "patrol")...); !strings.Contains(out, "usr/share/doc/patrol/copyright") {
		t.Errorf("dpkg --verify says nothing of a changed file: %q", out)
	}
	s.run(t, s.dpkg("--remove", "patrol")...)
	left(t, before, tree(t, s.dir, "/var/lib/dpkg"))
	if out, err := s.try(s.dpkg("--status", "patrol")...); err == nil {
		t.Errorf("after --remove there are configuration files: %s", out)
	}
	s.run(t, s.dpkg("--purge", "patrol")...)
	if bad, err := filepath.Glob(filepath.Join(s.dir, "var/lib/dpkg/info/patrol*")); err != nil || len(bad) > 0 {
		t.Errorf("dpkg still knows %v, %v", bad, err)
	}
}

// left compares what there was before with what there is after.
func left(t *testing.T, before, after []string) {
	t.Helper()
	for _, path := range after {
		if !slices.Contains(before, path) {
			t.Errorf("left behind: %s", path)
		}
	}
}

// gitDeb is an empty package of that name: only patrol's dependency looks at it.
func gitDeb(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "git")
	if err := os.MkdirAll(filepath.Join(dir, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	control := "Package: git\nVersion: " + version + "\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: stands for Git\n"
	if err := os.WriteFile(filepath.Join(dir, "DEBIAN", "control"), []byte(control), 0o644); err != nil {
		t.Fatal(err)
	}
	output(t, "dpkg-deb", "--root-owner-group", "--build", dir, dir+".deb")
	return dir + ".deb"
}

// rpmLife does the same with the other kind.
func rpmLife(t *testing.T, source string, one, two dist) {
	s := newScratch(t)
	before := tree(t, s.dir, "/var/lib/rpm")
	s.run(t, s.rpm("--initdb")...)
	if out, err := s.try(s.rpm("--install", one.rpm(runtime.GOARCH))...); err == nil || !strings.Contains(out, "git >= "+minimumGit+" is needed by patrol") {
		t.Errorf("without Git: %v, %s", err, out)
	}
	s.run(t, s.rpm("--install", gitRPM(t, "2.39.5"))...)
	s.run(t, s.rpm("--install", one.rpm(runtime.GOARCH))...)
	s.checkOwners(t)
	if out := s.run(t, s.rpm("--verify", "patrol")...); out != "" {
		t.Errorf("rpm --verify: %s", out)
	}
	u := newUser(t, source, filepath.Join(s.dir, "usr", "bin"))
	u.begin(first)
	s.run(t, s.rpm("--upgrade", two.rpm(runtime.GOARCH))...)
	if out := s.run(t, s.rpm("--verify", "patrol")...); out != "" {
		t.Errorf("rpm --verify: %s", out)
	}
	if got := s.run(t, s.rpm("--query", "patrol")...); strings.TrimSpace(got) != strings.TrimSuffix(filepath.Base(two.rpm(runtime.GOARCH)), ".rpm") {
		t.Errorf("after the upgrade there is %s", got)
	}
	u.goOn(second)
	u.leave()
	s.run(t, s.rpm("--erase", "patrol")...)
	shared := []string{ // other packages' and filesystem's directories
		"/usr/share", "/usr/share/bash-completion", "/usr/share/bash-completion/completions", "/usr/share/doc", "/usr/share/fish",
		"/usr/share/fish/vendor_completions.d", "/usr/share/licenses", "/usr/share/man", "/usr/share/man/man1", "/usr/share/zsh", "/usr/share/zsh/site-functions",
	}
	left(t, append(before, shared...), tree(t, s.dir, "/var/lib/rpm"))
}

func gitRPM(t *testing.T, version string) string {
	t.Helper()
	p, err := rpmpack.NewRPM(rpmpack.RPMMetaData{Name: "git", Version: version, Release: "1", Epoch: rpmpack.NoEpoch, Summary: "stands for Git", Licence: "none"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "git.rpm")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// user is somebody who uses what is installed, with an Azure DevOps of their own.
type user struct {
	*testing.T
	bin      string // where the packages put the programs
	emulator string
	env      []string
	token    string
}

func newUser(t *testing.T, source, bin string) *user {
	t.Helper()
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	u := &user{T: t, bin: bin, emulator: filepath.Join(dir, "azdo-emulator"), env: []string{
		"HOME=" + home, "PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
		"GIT_CONFIG_SYSTEM=" + filepath.Join(dir, "gitconfig"), "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false",
	}}
	build := exec.Command("go", "build", "-trimpath", "-o", u.emulator, "./cmd/azdo-emulator")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	settings := filepath.Join(dir, "env")
	serve := exec.Command(u.emulator, "serve", "--dir", filepath.Join(dir, "emulator"), "--env-file", settings)
	serve.Env = u.env
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
	})
	eventually(t, "azdo-emulator serves", func() bool { _, err := os.Stat(settings); return err == nil })
	for line := range strings.Lines(string(read(t, settings))) {
		if assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			u.env = append(u.env, name+"="+strings.Trim(value, "'"))
		}
	}
	return u
}

// do runs a program as that user and returns what it says.
func (u *user) do(stdin, name string, args ...string) string {
	u.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdin = u.env, strings.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		u.Fatalf("%s %v: %v\n%s%s", filepath.Base(name), args, err, out, &said)
	}
	return string(out)
}

func (u *user) patrol(stdin string, args ...string) string {
	u.Helper()
	return u.do(stdin, filepath.Join(u.bin, "patrol"), args...)
}

const url = "https://contoso@dev.azure.com/contoso/shop/_git/web"

// begin configures Git for all users, makes a vault and brings a token.
func (u *user) begin(version string) {
	u.Helper()
	u.patrol("", "setup", "--system")
	const passphrase = "correct horse battery staple"
	u.patrol(passphrase+"\n", "setup", "--key", "age", "--passphrase-fd", "0")
	u.Cleanup(func() { // where the story ended early
		cmd := exec.Command(filepath.Join(u.bin, "patrol"), "lock")
		cmd.Env = u.env
		_ = cmd.Run()
	})
	u.token = strings.TrimSpace(u.do("", u.emulator, "mint", "--user", "ada@contoso.com", "--org", "contoso", "--scope", "vso.code_write"))
	u.patrol(u.token+"\n", "login", "--pat", "--stdin", "contoso")
	u.goOn(version)
}

// goOn lets Git ask the installed helper.
func (u *user) goOn(version string) {
	u.Helper()
	if got := u.patrol("", "version"); !strings.HasPrefix(got, "patrol "+version+" (") {
		u.Errorf("the installed patrol says %s", got)
	}
	if got := u.do("url="+url+"\n", "git", "credential", "fill"); !strings.Contains(got, "\npassword="+u.token+"\n") {
		u.Errorf("git credential fill does not get the token")
	}
	if got := u.do("", "git", "ls-remote", url); !strings.Contains(got, "\tHEAD\n") {
		u.Errorf("git ls-remote: %s", got)
	}
	want := fmt.Sprintf("helper = %s\n", filepath.Join(u.bin, "git-credential-patrol"))
	for _, arg := range u.env {
		if path, ok := strings.CutPrefix(arg, "GIT_CONFIG_SYSTEM="); ok && !strings.Contains(string(read(u.T, path)), want) {
			u.Errorf("the system's configuration does not name the installed helper:\n%s", read(u.T, path))
		}
	}
}

// leave takes the helper out of Git's configuration, as one does before the
// package goes.
func (u *user) leave() {
	u.Helper()
	u.patrol("", "setup", "--remove")
	u.patrol("", "setup", "--system", "--remove")
	u.patrol("", "lock")
}
