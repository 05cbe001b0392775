package git

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gitpatrol/patrol/internal/harden"
)

// ErrNotFound is returned when PATH names no program of that name that may be run.
var ErrNotFound = errors.New("not found in PATH")

// Find returns the absolute path of git, looked up in the PATH of env and
// nowhere else. Empty and relative entries of PATH are skipped, and so are
// entries inside the current directory or work tree: a clone must not be able
// to bring its own git along (CVE-2020-26233, CVE-2020-27955). Nor may another
// user of the machine: what anybody may write is skipped too (CVE-2019-15752).
// The error wraps ErrNotFound and names what was skipped.
func Find(env []string) (string, error) {
	return FindProgram("git", env)
}

// FindProgram is Find for another program. An absolute name is taken as it is;
// on Windows a name without extension is that of an .exe.
func FindProgram(name string, env []string) (string, error) {
	if filepath.IsAbs(name) {
		if err := harden.OnShare(name); err != nil {
			return "", fmt.Errorf("%w: %q: %w", ErrNotFound, name, err)
		}
		return name, nil
	}
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "" // a deleted directory contains no program
	}
	return find(name, env, cwd)
}

func find(name string, env []string, cwd string) (string, error) {
	if name != filepath.Base(name) {
		return "", fmt.Errorf("%w: %q is neither absolute nor a name", ErrNotFound, name)
	}
	if runtime.GOOS == "windows" && filepath.Ext(name) == "" {
		name += ".exe" // never a script of the same name
	}
	path, _ := lookupEnv(env, "PATH")
	forbidden := untrusted(env, cwd)
	var skipped []string
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) || harden.OnShare(dir) != nil {
			continue
		}
		exe := filepath.Join(dir, name)
		if !executable(exe) {
			continue
		}
		if within(exe, forbidden) || openToAll(env, exe) {
			skipped = append(skipped, exe)
			continue
		}
		return exe, nil
	}
	if len(skipped) > 0 {
		return "", fmt.Errorf("%s: %w, except inside the current directory, or where anybody may write: %q", name, ErrNotFound, skipped)
	}
	return "", fmt.Errorf("%s: %w", name, ErrNotFound)
}

func executable(name string) bool {
	st, err := os.Stat(name)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	return runtime.GOOS == "windows" || st.Mode().Perm()&0o111 != 0
}

// openToAll reports whether any user may replace the program. Windows' drives,
// as its subsystem for Linux shows them, have no modes: all of them say so.
func openToAll(env []string, exe string) bool {
	if runtime.GOOS == "windows" {
		return false
	}
	if _, wsl := lookupEnv(env, "WSL_DISTRO_NAME"); wsl && strings.HasPrefix(exe, "/mnt/") {
		return false
	}
	real := realPath(exe)
	for _, path := range []string{real, filepath.Dir(real), filepath.Dir(exe)} {
		if st, err := os.Stat(path); err == nil && st.Mode().Perm()&0o002 != 0 {
			return true
		}
	}
	return false
}

// untrusted lists the directories whose content may be somebody else's: where
// we stand and the work tree around it. The home directory and whatever holds
// it are left out, because a git that the user installed below it is the
// user's own, and standing in / must not hide every program there is.
func untrusted(env []string, cwd string) []string {
	home := realPath(homeDir(env))
	var dirs []string
	for _, d := range []string{cwd, workTree(env, cwd)} {
		d = realPath(d)
		if d == "" || filepath.Dir(d) == d || home != "" && inside(home, d) {
			continue
		}
		dirs = append(dirs, d)
	}
	return dirs
}

// workTree returns the directory that holds the repository we stand in, or "".
func workTree(env []string, cwd string) string {
	if wt, _ := lookupEnv(env, "GIT_WORK_TREE"); wt != "" {
		if !filepath.IsAbs(wt) {
			wt = filepath.Join(cwd, wt)
		}
		return wt
	}
	for d := cwd; d != ""; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		if filepath.Dir(d) == d {
			break
		}
	}
	return ""
}

// within reports whether exe lies in one of dirs, by its name or by what its
// name and directory link to.
func within(exe string, dirs []string) bool {
	for _, p := range []string{exe, realPath(filepath.Dir(exe)) + string(filepath.Separator), realPath(exe)} {
		for _, d := range dirs {
			if inside(filepath.Clean(p), d) {
				return true
			}
		}
	}
	return false
}

// inside reports whether path is dir or lies below it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// realPath resolves links. A path that cannot be resolved stays as it is.
func realPath(p string) string {
	if p == "" {
		return ""
	}
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	return filepath.Clean(p)
}
