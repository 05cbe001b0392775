package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	homepage   = "https://github.com/gitpatrol/patrol"
	maintainer = "The patrol maintainers <gitpatrol@users.noreply.github.com>"
	summary    = "keeps the tokens that Git uses for Azure Repos safe"
	// minimumGit is what README.md asks for.
	minimumGit = "2.26"
)

// about describes the package, in lines of less than 80 characters.
func about() []string {
	return []string{
		"patrol makes, keeps and revokes the tokens that Git uses for Azure Repos:",
		"short-lived, narrow, sealed on disk, and there when Git needs one. It is a",
		"command, patrol, and the Git credential helper that it configures,",
		"git-credential-patrol.",
	}
}

// programs are what is installed. The helper finds patrol beside itself.
func programs() []string { return []string{"git-credential-patrol", "patrol"} }

// file is one that is installed, by its path below the prefix.
type file struct {
	path string
	body []byte
}

// mode is 0755 for programs: nobody but root may write what all run.
func (f file) mode() int64 {
	if path.Base(path.Dir(f.path)) == "bin" {
		return 0o755
	}
	return 0o644
}

type contents struct {
	files []file // by path
	sbom  []byte
}

// docs is where documents lie.
const docs = "share/doc/patrol/"

// contents builds the programs in work and collects everything that belongs to
// them.
func (r *release) contents(ctx context.Context, arch, work string) (c contents, err error) {
	if err := r.build(ctx, "linux", arch, work); err != nil {
		return c, err
	}
	for _, name := range programs() {
		if err := c.add("bin/"+name, filepath.Join(work, name)); err != nil {
			return c, err
		}
	}
	pages, err := filepath.Glob(filepath.Join(r.source, "docs", "man", "*.1"))
	if err != nil || len(pages) == 0 {
		return c, fmt.Errorf("%s has no manual pages\nhint: make man", r.source)
	}
	for _, page := range pages {
		if err := c.add("share/man/man1/"+filepath.Base(page), page); err != nil {
			return c, err
		}
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		if err := c.add(docs+name, filepath.Join(r.source, name)); err != nil {
			return c, err
		}
	}
	if err := r.completions(ctx, arch, work, &c); err != nil {
		return c, err
	}
	parts, err := r.parts(ctx, work)
	if err != nil {
		return c, err
	}
	if c.sbom, err = r.sbom(parts, c.files, arch); err != nil {
		return c, err
	}
	c.files = append(c.files, file{docs + "THIRD-PARTY-LICENSES", thirdParty(parts)}, file{docs + "sbom.cdx.json", c.sbom})
	sorted(c.files)
	return c, nil
}

func (c *contents) add(to, from string) error {
	body, err := os.ReadFile(from)
	c.files = append(c.files, file{to, body})
	return err
}

// build links the programs without cgo, so that they need no library, and
// without anything of this machine.
func (r *release) build(ctx context.Context, goos, arch, to string) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X github.com/gitpatrol/patrol/internal/cli.version=" + r.version, "-o", to + "/"}
	for _, name := range programs() {
		args = append(args, "./cmd/"+name)
	}
	_, err := r.output(ctx, []string{"GOOS=" + goos, "GOARCH=" + arch}, "go", args...)
	return err
}

// completions asks patrol for them: the one just built, where this machine can
// run it.
func (r *release) completions(ctx context.Context, arch, work string, c *contents) error {
	patrol := filepath.Join(work, "patrol")
	if runtime.GOOS != "linux" || runtime.GOARCH != arch {
		patrol = filepath.Join(work, "here", "patrol")
		if err := r.build(ctx, runtime.GOOS, runtime.GOARCH, filepath.Dir(patrol)); err != nil {
			return err
		}
	}
	for _, shell := range []struct{ name, path string }{
		{"bash", "share/bash-completion/completions/patrol"},
		{"zsh", "share/zsh/site-functions/_patrol"},
		{"fish", "share/fish/vendor_completions.d/patrol.fish"},
	} {
		script, err := r.output(ctx, nil, patrol, "completion", shell.name)
		if err != nil {
			return err
		}
		c.files = append(c.files, file{shell.path, script})
	}
	return nil
}

// output runs a program in the checkout, with settings that would change what
// go builds taken back to their defaults.
func (r *release) output(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOEXPERIMENT=")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), args[0], err, exit.Stderr)
	}
	return out, err
}

// installed is where files lie under /usr: manual pages compressed, as both
// Debian and RPM want them.
func installed(files []file, moved map[string]string) (all []file, err error) {
	for _, f := range files {
		if to, ok := moved[f.path]; ok {
			if to == "" {
				continue
			}
			f.path = to
		}
		if strings.HasPrefix(f.path, "share/man/") {
			f.path += ".gz"
			if f.body, err = compress(f.body); err != nil {
				return nil, err
			}
		}
		f.path = "usr/" + f.path
		all = append(all, f)
	}
	return sorted(all), nil
}

// compress is gzip --best --no-name.
func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
