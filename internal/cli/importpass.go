package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/capped"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/git"
)

const (
	// helperTime bounds another program's answer. It may ask a person.
	helperTime = 2 * time.Minute
	// maxAnswer bounds what it says, in bytes.
	maxAnswer = 1 << 20
)

// runHelper runs another program by its absolute path, outside of any
// repository, without a shell and without what looks like a secret in its
// environment. Nothing of it keeps patrol waiting for long.
func (s *session) runHelper(ctx context.Context, program string, args []string, input []byte, extra ...string) ([]byte, error) {
	return s.start(ctx, "/", program, args, input, extra...)
}

func (s *session) runIn(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	return s.start(ctx, dir, program, args, nil)
}

func (s *session) start(ctx context.Context, dir, program string, args []string, input []byte, extra ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = append(trustedPath(git.Environ(s.Environ)), extra...), dir, time.Second
	cmd.Stdin = bytes.NewReader(input)
	stdout, stderr := &capped.Buffer{Max: maxAnswer}, &capped.Buffer{Max: maxAnswer}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Run(); err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("%s %s: %w %s", filepath.Base(program), args[0], err, line)
	}
	return stdout.Bytes(), nil
}

// trustedPath leaves out of PATH what is relative: the programs that pass itself
// starts must not come from the directory we stand in.
func trustedPath(env []string) []string {
	for n, kv := range env {
		value, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		var dirs []string
		for _, dir := range filepath.SplitList(value) {
			if filepath.IsAbs(dir) {
				dirs = append(dirs, dir)
			}
		}
		env[n] = "PATH=" + strings.Join(dirs, string(filepath.ListSeparator))
	}
	return env
}

// passRoot is where pass keeps its files, for GCM and by itself.
// See https://git.zx2c4.com/password-store/about/ and
// https://github.com/git-ecosystem/git-credential-manager/blob/main/docs/credstores.md#gpgpass-compatible-files.
func (s *session) passRoot() string {
	root := s.getenv("PASSWORD_STORE_DIR")
	if root == "" {
		root = s.gcmPath("gpgPassStorePath")
	}
	if home := s.getenv("HOME"); root == "" && home != "" {
		root = filepath.Join(home, ".password-store")
	}
	return root
}

// listPass decrypts what Git Credential Manager keeps in pass's store.
func listPass(ctx context.Context, i *importer) (items []*importItem, err error) {
	root := i.passRoot()
	if !filepath.IsAbs(root) {
		return nil, errNotThere
	}
	namespace := i.gcmValue("namespace")
	if namespace == "" {
		namespace = "git"
	}
	files := foreign.GCMFiles(filepath.Join(root, filepath.FromSlash(namespace)), ".gpg")
	if len(files) == 0 {
		return nil, errNotThere
	}
	gpg, err := i.findGPG()
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		text, gpgErr := i.decrypt(ctx, gpg, path)
		if gpgErr != nil {
			err = errors.Join(err, gpgErr)
			break // the next would fail, or ask, the same
		}
		e, ok := foreign.ParseGCM(text)
		clear(text)
		if !ok {
			continue // of another program
		}
		items = append(items, &importItem{
			Place: i.short(path), entry: e,
			remove: func(ctx context.Context) error { return i.removePass(ctx, root, path) },
		})
	}
	return items, err
}

// findGPG finds gpg as Git Credential Manager does.
func (s *session) findGPG() (string, error) {
	if path := s.getenv("GCM_GPG_PATH"); filepath.IsAbs(path) {
		return path, nil
	}
	path, err := git.FindProgram("gpg2", s.Environ)
	if err != nil {
		path, err = git.FindProgram("gpg", s.Environ)
	}
	return path, err
}

// decrypt asks for a passphrase only where somebody is at a terminal or a
// desktop; else gpg fails instead of waiting.
func (i *importer) decrypt(ctx context.Context, gpg, path string) ([]byte, error) {
	args := []string{"--quiet", "--batch", "--no-tty"}
	if !i.canAsk() || i.flags.yes {
		args = append(args, "--pinentry-mode", "error")
	}
	text, err := i.runHelper(ctx, gpg, append(args, "--decrypt", "--", path), nil)
	if err != nil {
		return nil, failed("unlock the key: gpg --decrypt "+i.short(path), "gpg does not decrypt %s: %v", i.short(path), err)
	}
	return text, nil
}

// removePass deletes an entry by pass itself, which also notes it where the store
// is a repository.
func (i *importer) removePass(ctx context.Context, root, path string) error {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	pass, err := git.FindProgram("pass", i.Environ)
	if errors.Is(err, git.ErrNotFound) {
		return os.Remove(path)
	}
	if err != nil {
		return err
	}
	_, err = i.runHelper(ctx, pass, []string{"rm", "--force", strings.TrimSuffix(filepath.ToSlash(rel), ".gpg")}, nil, "PASSWORD_STORE_DIR="+root)
	return err
}
