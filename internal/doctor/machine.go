package doctor

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Machine is what the checks look at.
type Machine struct {
	Environ    []string
	Home       string      // the person's, "" if there is none
	Dirs       []string    // where to look for repositories
	Here       string      // the directory patrol runs in, "" if there is none
	Executable string      // patrol itself
	Helper     string      // how Git's configuration names git-credential-patrol
	Git        string      // absolute path of git
	Config     *git.Config // system, global and command scope
	Org        string      // which organisation a token is of that does not say it; "" if unknown
	Offline    bool        // no request is made
	AlsoNeeded bool        // a fix may take out what a program needs

	Places  foreign.Places // where files of other programs are
	Vault   *vault.Vault
	Records *vault.Records // nil while the vault cannot be read without a question
	Closed  error          // why Records is nil
	Server  *azdo.Client
	HTTP    *azdo.Transport
	Now     func() time.Time

	Say      func(format string, args ...any)
	Progress func(what string) (stop func())
	// KeyShared reports whether other containers can read a vault's key.
	KeyShared func(vaultID string) bool
	// Setup is patrol setup, as a fix.
	Setup func(context.Context) (*Fix, error)
	// GlobalFile is the file that git config --global writes.
	GlobalFile func() (string, error)
	// Unlock opens the vault for a change, or makes one, and may ask the person.
	Unlock func(context.Context) (*vault.Records, *lifecycle.Keeper, error)
	// Keeper manages the tokens of an open vault, without a question.
	Keeper func() (*lifecycle.Keeper, error)

	listing *listing // see listed
	files   []string // of Git's configuration in repositories; see repositoryFiles
	trees   []string // the work trees of those repositories
}

// Getenv returns a variable of the environment, "" if it is not set.
func (m *Machine) Getenv(name string) string {
	for _, kv := range slices.Backward(m.Environ) {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

// Short writes a path below the home directory with ~.
func (m *Machine) Short(path string) string {
	if rel, err := filepath.Rel(m.Home, path); m.Home != "" && err == nil && filepath.IsLocal(rel) {
		return filepath.Join("~", rel)
	}
	return path
}

// target is the request that Git makes for a repository of an organisation.
func target(host string) git.Target {
	return git.Target{Protocol: "https", Host: host, Path: "org/project/_git/repository"}
}

// azureTargets are the two forms of Azure Repos URLs, as setup configures them.
func azureTargets() map[string]git.Target {
	return map[string]git.Target{
		"https://" + helper.AzureHost: target(helper.AzureHost),
		"https://*.visualstudio.com":  target("org.visualstudio.com"),
	}
}

const (
	maxDepth = 6      // how far below a named directory repositories are looked for
	maxSeen  = 50_000 // directories
	// MaxFile is how much of a file is read, in bytes: configuration is smaller.
	MaxFile = 4 << 20
)

// repositoryFiles lists the files of configuration of the repository we stand
// in and of those in and below the named directories, submodules included.
func (m *Machine) repositoryFiles() []string {
	if m.files != nil {
		return m.files
	}
	m.files = []string{}
	if m.Here != "" {
		for d := m.Here; ; d = filepath.Dir(d) {
			if m.addRepository(d) || filepath.Dir(d) == d {
				break
			}
		}
	}
	for _, dir := range m.Dirs {
		m.search(dir)
	}
	slices.Sort(m.files)
	m.files = slices.Compact(m.files)
	return m.files
}

func (m *Machine) search(top string) {
	seen := 0
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if seen++; seen > maxSeen {
			return filepath.SkipAll
		}
		if err != nil || !d.IsDir() {
			return nil
		}
		rel, _ := filepath.Rel(top, path)
		if d.Name() == ".git" || d.Name() == "node_modules" || strings.Count(rel, string(filepath.Separator)) >= maxDepth {
			return filepath.SkipDir
		}
		if m.addRepository(path) && isBare(path) {
			return filepath.SkipDir
		}
		return nil
	})
}

// addRepository notes the files of the repository in dir and reports whether
// there is one.
func (m *Machine) addRepository(dir string) bool {
	gitDir := filepath.Join(dir, ".git")
	info, err := os.Stat(gitDir)
	switch {
	case err == nil && info.IsDir():
	case err == nil: // a work tree beside, or a submodule
		link, ok := strings.CutPrefix(readName(gitDir), "gitdir: ")
		if !ok {
			return false
		}
		if gitDir = link; !filepath.IsAbs(link) {
			gitDir = filepath.Join(dir, link)
		}
	case isBare(dir):
		gitDir = dir
	default:
		return false
	}
	if gitDir != dir && !slices.Contains(m.trees, dir) {
		m.trees = append(m.trees, dir)
	}
	common := gitDir
	if name := readName(filepath.Join(gitDir, "commondir")); name != "" {
		if common = name; !filepath.IsAbs(common) {
			common = filepath.Join(gitDir, common)
		}
	}
	m.addFile(filepath.Join(common, "config"), filepath.Join(gitDir, "config.worktree"), filepath.Join(dir, ".gitmodules"))
	m.addModules(filepath.Join(common, "modules"), 0)
	return true
}

// readName reads a small file that names a directory; "" if it is none, such as
// a FIFO, which would be waited for.
func readName(path string) string {
	const most = 4096
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// addModules notes the configuration of submodules, which may have slashes in
// their names.
func (m *Machine) addModules(dir string, depth int) {
	entries, err := os.ReadDir(dir)
	if err != nil || depth > maxDepth {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case !e.IsDir():
		case isBare(path):
			m.addFile(filepath.Join(path, "config"))
			m.addModules(filepath.Join(path, "modules"), depth+1)
		default:
			m.addModules(path, depth+1)
		}
	}
}

func (m *Machine) addFile(paths ...string) {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			m.files = append(m.files, path)
		}
	}
}

// isBare reports whether dir is what Git takes for a repository.
// See https://git-scm.com/docs/gitrepository-layout.
func isBare(dir string) bool {
	for _, name := range []string{"HEAD", "config", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}
