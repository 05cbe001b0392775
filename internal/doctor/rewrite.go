package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Rewrite replaces the content of a file whole: change is given what is in it
// now. It writes beside it, under the name Git takes for a lock, with the mode
// of the original, and renames: at each moment there is the old content or the
// new. Links are followed. A file or directory of another user is left alone.
func Rewrite(path string, change func(old []byte) ([]byte, error)) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	old, mode, err := ReadOwn(path)
	if err != nil {
		return err
	}
	if err := own(filepath.Dir(path)); err != nil {
		return err
	}
	changed, err := change(old)
	if err != nil || bytes.Equal(changed, old) {
		return err
	}
	lock := path + ".lock"
	f, err := os.OpenFile(lock, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("another program is changing %s; if there is none, remove %s", path, lock)
	}
	if err != nil {
		return err
	}
	defer os.Remove(lock)
	err = f.Chmod(mode)
	if err == nil {
		_, err = f.Write(changed)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, old) {
		return fmt.Errorf("%s was changed meanwhile; nothing was written", path)
	}
	return os.Rename(lock, path)
}

// ReadOwn reads a regular file of one's own that is not larger than MaxFile.
func ReadOwn(path string) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("%s is no regular file", path)
	case info.Size() > MaxFile:
		return nil, 0, fmt.Errorf("%s is larger than %d MiB", path, MaxFile>>20)
	}
	if err := own(path); err != nil {
		return nil, 0, err
	}
	text, err := os.ReadFile(path)
	return text, info.Mode().Perm(), err
}
