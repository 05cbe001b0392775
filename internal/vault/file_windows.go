package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// Windows keeps the files private by the access list of the profile
// directory, which they inherit; only the kind of file is checked here.

var errWouldBlock = windows.ERROR_LOCK_VIOLATION

func tryLock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
}

func openLock(path string) (*os.File, error) {
	if err := checkRegular(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// private is a file of ours that is open for reading.
type private struct {
	file *os.File
	path string
	size int64
}

func openPrivate(path string) (private, error) {
	if err := checkRegular(path); err != nil {
		return private{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return private{}, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return private{}, err
	}
	return private{f, path, info.Size()}, nil
}

func (f private) close() { _ = f.file.Close() }

// readAt fills buf from the file's bytes at offset.
func (f private) readAt(buf []byte, offset int64) error {
	_, err := f.file.ReadAt(buf, offset)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func checkRegular(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, path)
	}
	return nil
}

func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a directory", ErrUnsafe, dir)
	}
	return nil
}

func checkParents(string) error { return nil }

func makeDir(dir string) error { return os.MkdirAll(dir, 0o700) }

// replaceFile writes data to temp in dir and renames it to name. A reader that
// has the old file open makes the rename fail for a moment, so it is repeated.
func replaceFile(dir, temp, name string, data []byte) error {
	path := filepath.Join(dir, temp)
	err := writeSynced(path, data)
	if err != nil {
		_ = os.Remove(path)
		return err
	}
	for range 50 {
		if err = os.Rename(path, filepath.Join(dir, name)); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = os.Remove(path)
	return err
}

// writeSynced writes a file that is whole on the disk before it is renamed.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
