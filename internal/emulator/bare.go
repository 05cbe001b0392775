package emulator

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// bareConfig is the configuration of a bare repository: partial clones as the
// service has them, every push through the hook, and no background work that
// would outlive a request.
const bareConfig = `[core]
	repositoryformatversion = 0
	bare = true
[http]
	receivepack = true
[receive]
	procReceiveRefs = refs
	autogc = false
	unpackLimit = 1
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[gc]
	auto = 0
[maintenance]
	auto = false
`

// repositoryRoot is where the bare repositories are.
func (e *Emulator) repositoryRoot() string { return filepath.Join(e.config.Dir, "repositories") }

// repositoryDir is the bare repository of repo.
func (e *Emulator) repositoryDir(repo *repository) string {
	return filepath.Join(e.repositoryRoot(), repo.id+".git")
}

// createRepository makes a bare repository by hand, which is quicker than
// "git init" and needs no templates, and commits files if there are any. One
// that is there already, from an earlier run with the same directory, keeps
// its commits.
func (e *Emulator) createRepository(repo *repository, files map[string]string) error {
	dir := e.repositoryDir(repo)
	_, err := os.Stat(filepath.Join(dir, "HEAD"))
	isNew := err != nil
	for _, sub := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags", "hooks"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(sub)), 0o700); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"HEAD":   "ref: refs/heads/" + repo.defaultBranch + "\n",
		"config": bareConfig,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "hooks", "proc-receive"), []byte(receiveHook), 0o700); err != nil {
		return err
	}
	if len(files) == 0 || !isNew {
		return nil
	}
	return e.commitFiles(repo, files)
}

// commitFiles makes the first commit through one "git fast-import".
func (e *Emulator) commitFiles(repo *repository, files map[string]string) error {
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter azdo-emulator <emulator@example.com> %d +0000\ndata 12\nFirst commit\n",
		repo.defaultBranch, e.Now().Unix())
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !plainPath(name) {
			return fmt.Errorf("file %q: use a relative path with /", name)
		}
		fmt.Fprintf(&in, "M 100644 inline %q\ndata %d\n%s\n", name, len(files[name]), files[name])
	}
	cmd := exec.CommandContext(context.Background(), e.config.GitPath, "--git-dir="+e.repositoryDir(repo), "fast-import", "--quiet", "--done")
	in.WriteString("done\n")
	cmd.Env, cmd.Dir, cmd.Stdin = e.gitEnv(), e.config.Dir, &in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git fast-import: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// plainPath accepts what can be the path of a file in a commit.
func plainPath(name string) bool {
	return name != "" && path.Clean(name) == name && !path.IsAbs(name) && !strings.HasPrefix(name, "..") &&
		!strings.ContainsAny(name, "\\\"\x00\r\n")
}

// hasCommits reports whether the default branch exists, from the files alone:
// refs are loose here, since nothing packs them.
func (e *Emulator) hasCommits(repo *repository) bool {
	_, err := os.Stat(filepath.Join(e.repositoryDir(repo), "refs", "heads", filepath.FromSlash(repo.defaultBranch)))
	return err == nil
}
