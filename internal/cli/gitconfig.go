package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// configEdit changes one file of Git's configuration, by Git itself, on a copy
// that then replaces the file: all of the changes are made or none.
type configEdit struct {
	git     string
	env     []string
	own     string // our value of credential.helper
	copy    string // the file being edited
	changes []string
}

// locate finds the file that git config --global or --system would write.
func (e *configEdit) locate(ctx context.Context, system bool, lookup func(string) (string, bool)) (string, error) {
	getenv := func(name string) string { v, _ := lookup(name); return v }
	if system {
		if path := getenv("GIT_CONFIG_SYSTEM"); path != "" {
			return path, nil
		}
		if out, err := e.run(ctx, "var", "GIT_CONFIG_SYSTEM"); err == nil { // Git 2.41 and later
			first, _, _ := strings.Cut(out, "\n")
			return first, nil
		}
		return "/etc/gitconfig", nil
	}
	if path, set := lookup("GIT_CONFIG_GLOBAL"); path != "" {
		return path, nil
	} else if set {
		return "", failed("unset GIT_CONFIG_GLOBAL", "GIT_CONFIG_GLOBAL is empty, so Git reads no configuration of yours")
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", failed("set HOME to your home directory", "HOME is not set, so there is no configuration of yours to change")
	}
	path := filepath.Join(home, ".gitconfig")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	xdg := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(xdg) {
		xdg = filepath.Join(home, ".config")
	}
	if other := filepath.Join(xdg, "git", "config"); isFile(other) {
		return other, nil
	}
	return path, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// apply runs change on a copy of the file at path, under the name of Git's own
// lock for it, and puts the copy in its place unless dry.
func (e *configEdit) apply(ctx context.Context, path string, dry bool, change func(context.Context) error) ([]string, error) {
	named := path
	path = followLinks(path)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("see who may read and write it: ls -l "+path, "%v", err)
	}
	if err := ownDir(filepath.Dir(path)); err != nil {
		return nil, failed("run patrol setup as that user", "%v", err)
	}
	// Git's lock must not stay behind when the person interrupts.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	e.copy = path + ".lock"
	if dry {
		dir, err := os.MkdirTemp("", "patrol-setup-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		e.copy = filepath.Join(dir, "config")
	}
	if err := writeCopy(e.copy, path, old); err != nil {
		return nil, err
	}
	defer os.Remove(e.copy)
	if err := change(ctx); err != nil {
		return nil, explainGit(err)
	}
	if dry || len(e.changes) == 0 {
		return e.changes, nil
	}
	if info, err := os.Stat(e.copy); err == nil && info.Size() == 0 && len(old) > 0 && path == named {
		return e.changes, os.Remove(path) // nothing is left but what setup had made
	}
	if err := os.Rename(e.copy, path); err != nil {
		return nil, failed("nothing was changed; see who may write it: ls -l "+path, "%v", err)
	}
	return e.changes, nil
}

// followLinks returns the file that Git changes for configuration kept
// elsewhere and linked, which need not be there yet.
func followLinks(path string) string {
	for range 40 { // more than any system follows
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) { // not cleaned: a/.. is not . where a is a link
			target = filepath.Dir(path) + string(filepath.Separator) + target
		}
		path = target
	}
	return path
}

// cannotWrite is git config's exit status for a file it cannot write. See
// https://git-scm.com/docs/git-config#_description.
const cannotWrite = 4

func explainGit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == cannotWrite {
		return failed("nothing was changed; make room on the disk and try again", "%v", err)
	}
	return err
}

// writeCopy makes the copy with the mode of the original, a new file with the
// one the umask leaves, as Git does.
func writeCopy(copyPath, path string, content []byte) error {
	f, err := os.OpenFile(copyPath, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return failed("let the other one end; if there is none, remove "+copyPath, "another program is changing %s", path)
	}
	if err != nil {
		return failed("nothing was changed; see who may write there: ls -ld "+filepath.Dir(path), "%v", err)
	}
	if info, statErr := os.Stat(path); statErr == nil {
		err = f.Chmod(info.Mode().Perm()) // before there is anything to read
	}
	if err == nil {
		_, err = f.Write(content)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(copyPath)
		return failed("nothing was changed; make room on the disk and try again", "%v", err)
	}
	return nil
}

func (e *configEdit) addValue(ctx context.Context, key, value string) error {
	e.changes = append(e.changes, "+ "+key+" = "+value)
	_, err := e.run(ctx, "config", "--file", e.copy, "--add", key, value)
	return err
}

// unset removes a value, every time it stands there; once it is gone, it does
// nothing.
func (e *configEdit) unset(ctx context.Context, key, value string) error {
	now, err := e.values(ctx, key)
	if err != nil || !slices.Contains(now, value) {
		return err
	}
	e.changes = append(e.changes, "- "+key+" = "+value)
	_, err = e.run(ctx, "config", "--file", e.copy, "--unset-all", key, "^"+quoteRegexp(value)+"$")
	return err
}

// quoteRegexp makes an extended regular expression of a literal text.
func quoteRegexp(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// values lists a key's values in order; none when it is absent.
func (e *configEdit) values(ctx context.Context, key string) ([]string, error) {
	out, err := e.run(ctx, "config", "--file", e.copy, "-z", "--get-all", key)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 { // the key is not there
		return nil, nil
	}
	if err != nil || out == "" {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00"), nil
}

func (e *configEdit) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, e.git, args...)
	cmd.Env, cmd.Dir = e.env, os.TempDir()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		first, _, _ := strings.Cut(stderr.String(), "\n")
		return "", fmt.Errorf("git %s: %w %s", args[0], err, first)
	}
	return stdout.String(), nil
}
