//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	first, second = "1.0.0~rc.1", "1.0.0" // the second replaces the first
	moment        = "1767225600"
)

// dist is what a release made.
type dist struct{ dir, version string }

func (d dist) deb(arch string) string {
	return filepath.Join(d.dir, fmt.Sprintf("patrol_%s_%s.deb", d.version, arch))
}

func (d dist) rpm(arch string) string {
	return filepath.Join(d.dir, fmt.Sprintf("patrol-%s-1.%s.rpm", d.version, rpmArch(arch)))
}

func (d dist) linux(arch, suffix string) string {
	return filepath.Join(d.dir, fmt.Sprintf("patrol_%s_linux_%s%s", d.version, arch, suffix))
}

func released(t *testing.T, source, version string, arches ...string) dist {
	t.Helper()
	d := dist{filepath.Join(t.TempDir(), "dist"), version}
	var said bytes.Buffer
	args := []string{"--version", version, "--time", moment, "--arch", strings.Join(arches, ","), source, d.dir}
	if code := run(args, &said); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, &said)
	}
	return d
}

// TestRelease builds once for all that must hold of a release.
func TestRelease(t *testing.T) {
	if rpmArch(runtime.GOARCH) == "" {
		t.Fatalf("packages are not made for %s, and this test runs what it makes", runtime.GOARCH)
	}
	source := copied(t, "a")
	one := released(t, source, first, "amd64", "arm64")
	t.Run("IsReproducible", func(t *testing.T) { isReproducible(t, one) })
	t.Run("HasChecksums", func(t *testing.T) { hasChecksums(t, one) })
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run("X07PackageContents/"+arch, func(t *testing.T) { packageContents(t, one, arch) })
		t.Run("X13Static/"+arch, func(t *testing.T) { static(t, one, arch) })
		t.Run("HasBill/"+arch, func(t *testing.T) { hasBill(t, one, arch) })
	}
	two := released(t, source, second, runtime.GOARCH)
	t.Run("Deb", func(t *testing.T) { debLife(t, source, one, two) })
	t.Run("Rpm", func(t *testing.T) { rpmLife(t, source, one, two) })
}

// copied is a copy of the checkout without its history, in another place.
func copied(t *testing.T, name string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), name)
	root := filepath.Join("..", "..")
	for _, part := range []string{"cmd", "internal", "docs", "go.mod", "go.sum", "LICENSE", "README.md", "CHANGELOG.md"} {
		from := filepath.Join(root, part)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(filepath.Join(to, part), os.DirFS(from))
		} else {
			var text []byte
			if text, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(filepath.Join(to, part), text, 0o640)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// isReproducible builds again, in another directory and later, for this
// machine's processor from nothing and with another umask.
func isReproducible(t *testing.T, one dist) {
	other := copied(t, "quite another and longer name of a directory")
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			if arch == runtime.GOARCH {
				t.Setenv("GOCACHE", t.TempDir())
			}
			again := released(t, other, first, arch)
			for _, name := range []string{one.deb(arch), one.rpm(arch), one.linux(arch, ".tar.gz"), one.linux(arch, ".cdx.json")} {
				want, got := read(t, name), read(t, filepath.Join(again.dir, filepath.Base(name)))
				if !bytes.Equal(got, want) {
					t.Errorf("%s: two builds differ (%d and %d bytes)", filepath.Base(name), len(want), len(got))
				}
			}
		})
	}
}

func hasChecksums(t *testing.T, d dist) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, e := range entries {
		if e.Name() != "SHA256SUMS" {
			fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(read(t, filepath.Join(d.dir, e.Name()))), e.Name())
		}
	}
	if got := string(read(t, filepath.Join(d.dir, "SHA256SUMS"))); got != want.String() || len(entries) != 9 {
		t.Errorf("%d files, and the sums are\n%s, not\n%s", len(entries), got, &want)
	}
}

// packageContents: X07. Whatever installs the files, they are root's, and
// nobody else may write them; nothing runs at installation.
func packageContents(t *testing.T, d dist, arch string) {
	archive := untar(t, bytes.NewReader(read(t, d.linux(arch, ".tar.gz"))))
	data := untar(t, bytes.NewReader(output(t, "dpkg-deb", "--fsys-tarfile", d.deb(arch))))
	control := untar(t, bytes.NewReader(output(t, "dpkg-deb", "--ctrl-tarfile", d.deb(arch))))
	for _, list := range [][]entry{archive, data, control} {
		for _, e := range list {
			checkEntry(t, e)
		}
	}
	if len(control) != 2 {
		t.Errorf("the Debian package has more than control and md5sums: %d files", len(control))
	}
	for _, want := range []string{
		"./usr/bin/patrol", "./usr/bin/git-credential-patrol", "./usr/share/man/man1/patrol.1.gz",
		"./usr/share/bash-completion/completions/patrol", "./usr/share/zsh/vendor-completions/_patrol", "./usr/share/fish/vendor_completions.d/patrol.fish",
		"./usr/share/doc/patrol/copyright", "./usr/share/doc/patrol/changelog.gz", "./usr/share/doc/patrol/THIRD-PARTY-LICENSES",
	} {
		if !slices.ContainsFunc(data, func(e entry) bool { return e.Name == want && e.Size > 0 }) {
			t.Errorf("the Debian package lacks %s", want)
		}
	}
	if scripts := output(t, "rpm", "--query", "--package", "--scripts", d.rpm(arch)); len(scripts) > 0 {
		t.Errorf("the RPM runs %s", scripts)
	}
	listed := string(output(t, "rpm", "--query", "--package", "--queryformat", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]", d.rpm(arch)))
	for line := range strings.Lines(listed) {
		words := strings.Fields(line)
		want := "-rw-r--r--"
		switch path := words[3]; {
		case strings.HasPrefix(path, "/usr/bin/"):
			want = "-rwxr-xr-x"
		case strings.HasSuffix(path, "/doc/patrol") || strings.HasSuffix(path, "/licenses/patrol"):
			want = "drwxr-xr-x"
		}
		if words[0] != want || words[1] != "root" || words[2] != "root" {
			t.Errorf("in the RPM: %s, want %s of root", strings.TrimSpace(line), want)
		}
	}
	if strings.Count(listed, " /usr/bin/") != 2 || !strings.Contains(listed, " /usr/share/licenses/patrol/LICENSE\n") || !strings.Contains(listed, "/zsh/site-functions/_patrol\n") {
		t.Errorf("the RPM has %s", listed)
	}
}

// entry is a file of an archive, with what it holds.
type entry struct {
	*tar.Header
	body []byte
}

func checkEntry(t *testing.T, e entry) {
	want := int64(0o644)
	switch {
	case e.Typeflag == tar.TypeDir, strings.Contains(e.Name, "/bin/"):
		want = 0o755
	case e.Typeflag != tar.TypeReg:
		t.Errorf("%s is neither a file nor a directory", e.Name)
	}
	if e.Mode != want || e.Uid != 0 || e.Gid != 0 || e.Uname != "root" || e.Gname != "root" {
		t.Errorf("%s has mode %04o and is of %s:%s (%d:%d), want %04o and root", e.Name, e.Mode, e.Uname, e.Gname, e.Uid, e.Gid, want)
	}
	if fmt.Sprint(e.ModTime.Unix()) != moment || strings.Contains(e.Name, "..") || strings.HasPrefix(e.Name, "/") {
		t.Errorf("%s is of %v", e.Name, e.ModTime)
	}
}

// untar lists a tar archive, compressed or not.
func untar(t *testing.T, r io.ReadSeeker) (all []entry) {
	t.Helper()
	in := io.Reader(r)
	if z, err := gzip.NewReader(r); err == nil {
		in = z
	} else if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(in); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{h, body})
	}
}

// static: X13. The programs name no loader and no library, so that neither
// LD_PRELOAD nor a directory brings code into them.
func static(t *testing.T, d dist, arch string) {
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	for name, body := range binaries(t, d, arch) {
		f, err := elf.NewFile(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		libraries, err := f.ImportedLibraries()
		if err != nil || len(libraries) > 0 || f.Machine != want {
			t.Errorf("%s is for %v and wants %v, %v", name, f.Machine, libraries, err)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s has a program header of %v", name, p.Type)
			}
		}
		if arch != runtime.GOARCH {
			continue
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, body, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "capability") // patrol knows no such command, and says so
		cmd.Env = []string{"LD_PRELOAD=/nonexistent/evil.so", "LD_LIBRARY_PATH=.", "HOME=" + t.TempDir()}
		if out, _ := cmd.CombinedOutput(); len(out) == 0 || bytes.Contains(out, []byte("evil.so")) {
			t.Errorf("%s with LD_PRELOAD: %s", name, out)
		}
	}
}

func binaries(t *testing.T, d dist, arch string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, e := range untar(t, bytes.NewReader(read(t, d.linux(arch, ".tar.gz")))) {
		if filepath.Base(filepath.Dir(e.Name)) == "bin" && e.Typeflag == tar.TypeReg {
			found[filepath.Base(e.Name)] = e.body
		}
	}
	if len(found) != 2 {
		t.Fatalf("%d programs in the archive", len(found))
	}
	return found
}

// hasBill compares the list of parts with what go finds in the programs.
func hasBill(t *testing.T, d dist, arch string) {
	var b bom
	text := read(t, d.linux(arch, ".cdx.json"))
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	listed := map[string]component{}
	for _, c := range b.Components {
		listed[c.Name+" "+c.Version] = c
	}
	notices := ""
	for _, e := range untar(t, bytes.NewReader(read(t, d.linux(arch, ".tar.gz")))) {
		switch filepath.Base(e.Name) {
		case "THIRD-PARTY-LICENSES":
			notices = string(e.body)
		case "sbom.cdx.json":
			if !bytes.Equal(e.body, text) {
				t.Error("the archive holds another list than lies beside it")
			}
		}
	}
	needed := map[string]bool{}
	for name, body := range binaries(t, d, arch) {
		info, err := buildinfo.Read(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		needed["stdlib "+strings.TrimPrefix(info.GoVersion, "go")] = true
		for _, m := range info.Deps {
			needed[m.Path+" "+m.Version] = true
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(body))
		if !slices.ContainsFunc(b.Metadata.Component.Components, func(c component) bool { return c.Name == name && c.Hashes[0].Content == sum }) {
			t.Errorf("%s is listed with another checksum", name)
		}
	}
	if len(needed) != len(listed) || len(needed) < 5 {
		t.Errorf("%d modules are linked and %d listed", len(needed), len(listed))
	}
	for what := range needed {
		if c, ok := listed[what]; !ok || len(c.Licences) == 0 || c.Licences[0].License.ID == "" {
			t.Errorf("%s is not listed with its licence", what)
		}
		if strings.Count(notices, "\n"+what+":") < 1 {
			t.Errorf("THIRD-PARTY-LICENSES has no text for %s", what)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, &said)
	}
	return out
}

// The version that Git gives must sort rightly with dpkg and rpm.
func TestDescribe(t *testing.T) {
	t.Parallel()
	origin := filepath.Join(t.TempDir(), "origin")
	git := func(dir string, args ...string) {
		t.Helper()
		t.Logf("git %v", args)
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@contoso.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z", "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	last := ""
	check := func(dir, pattern string, notes int) {
		t.Helper()
		d, err := describe(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if ok, _ := filepath.Match(pattern, d.version); !ok || d.time != moment || len(d.notes) != notes || !validVersion(d.version) {
			t.Errorf("got %+v, want %s and %d notes", d, pattern, notes)
		}
		if last != "" && exec.Command("dpkg", "--compare-versions", last, "lt", d.version).Run() != nil {
			t.Errorf("for dpkg, %s is not lower than %s", last, d.version)
		}
		last = d.version
	}
	git(".", "init", "-q", origin)
	git(origin, "commit", "-q", "--allow-empty", "-m", "one")
	check(origin, "0.0.0~git20260101000000.????????????", 1)
	git(origin, "tag", "v1.0.0-rc.1")
	check(origin, "1.0.0~rc.1", 0)
	git(origin, "commit", "-q", "--allow-empty", "-m", "two")
	git(origin, "tag", "v1.0.0")
	check(origin, "1.0.0", 0)
	git(origin, "commit", "-q", "--allow-empty", "-m", "three")
	check(origin, "1.0.0+1.g????????????", 0)
	if err := os.WriteFile(filepath.Join(origin, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check(origin, "1.0.0+1.g????????????+dirty", 1)
	last = ""
	git(".", "clone", "-q", "--depth=1", "file://"+origin, origin+"-shallow")
	check(origin+"-shallow", "0.0.0~git20260101000000.????????????", 2)
	if _, err := describe(context.Background(), t.TempDir()); err == nil {
		t.Error("a directory without history has a version")
	}
}

// A mistake changes nothing.
func TestMistakes(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..")
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "usage", nil},
		{2, "usage", []string{"--arch", "sparc", root, full}},
		{1, "not an empty directory", []string{"--version", "1.0.0", "--time", moment, root, full}},
		{1, "version of a package", []string{"--version", "1.0 0", "--time", moment, root, full}},
		{1, "version of a package", []string{"--version", "1.0-1", "--time", moment, root, full}},
		{1, "no time", []string{"--version", "1.0", "--time", "today", root, full}},
		{1, "hint: make release VERSION", []string{"--time", moment, full, full}},
	} {
		var said bytes.Buffer
		if code := run(c.args, &said); code != c.code || !strings.Contains(said.String(), c.says) {
			t.Errorf("%v: exit code %d, said %s", c.args, code, &said)
		}
	}
	if entries, err := os.ReadDir(full); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestLicenceOf(t *testing.T) {
	t.Parallel()
	if got := licenceOf("All rights reserved. Ask us."); got != "" {
		t.Errorf("took it for %s", got)
	}
	if got := licenceOf(string(read(t, filepath.Join("..", "..", "LICENSE")))); got != "Apache-2.0" {
		t.Errorf("took ours for %q", got)
	}
}

// tree lists what is in dir, but for what skip names.
func tree(t *testing.T, dir string, skip ...string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = strings.TrimPrefix(path, dir)
		if slices.Contains(skip, path) {
			return filepath.SkipDir
		}
		all = append(all, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// eventually waits for something of another process.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 600 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("does not happen: " + what)
}
