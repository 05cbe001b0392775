package sshkey

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is the directory of a person's SSH keys and configuration.
func Dir(home string) string { return filepath.Join(home, ".ssh") }

// MakeDir makes the directory if it is not there. ssh itself refuses one that
// others may write.
func MakeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	return mine(dir, info)
}

// Target is the file to change in the place of path: what it links to, as
// programs that manage such files make it. That has to be in the home directory,
// which is above the directory of path, and no directory on the way there may be
// somebody else's, or written by others.
func Target(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return path, nil // what it is, readOwn judges
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	home, err := filepath.EvalSymlinks(filepath.Dir(filepath.Dir(path)))
	if err != nil {
		return "", err
	}
	within, err := filepath.Rel(home, target)
	if err != nil || !filepath.IsLocal(within) {
		return "", fmt.Errorf("%s is a link that leads out of your home directory, to %s", path, target)
	}
	for dir := filepath.Dir(target); ; dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		if err != nil {
			return "", err
		}
		if err := mine(dir, info); err != nil {
			return "", fmt.Errorf("%s is a link to %s, but %w", path, target, err)
		}
		if dir == home {
			return target, nil
		}
	}
}

// readOwn reads a configuration file; one that is not there is empty. A file of
// somebody else, and what is none, are refused: it would be replaced.
func readOwn(path string) (string, fs.FileMode, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0o600, nil
	}
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("%s is not a plain file", path)
	}
	if err := mine(path, info); err != nil {
		return "", 0, err
	}
	const most = 1 << 20
	if info.Size() > most {
		return "", 0, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	data, err := os.ReadFile(path)
	return string(data), info.Mode().Perm(), err
}

// Replace changes a file as edit says, whole or not at all, and keeps its
// mode; behind a link it changes what that leads to. It reports whether anything
// changed. With dry nothing is written.
func Replace(path string, dry bool, edit func(string) (string, error)) (bool, error) {
	path, err := Target(path)
	if err != nil {
		return false, err
	}
	old, mode, err := readOwn(path)
	if err != nil {
		return false, err
	}
	text, err := edit(old)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if text == old || dry {
		return text != old, nil
	}
	Sweep(path)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newFile)
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return false, err
	}
	// What somebody else wrote meanwhile is not lost.
	if now, _, err := readOwn(path); err != nil || now != old {
		return false, errors.Join(err, fmt.Errorf("%s was changed by another program meanwhile", path))
	}
	return true, os.Rename(f.Name(), path)
}
