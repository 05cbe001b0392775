//go:build unix

package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var errWouldBlock = unix.EWOULDBLOCK

func tryLock(f *os.File) error {
	_, err := again(func() (int, error) { return 0, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	return err
}

// openFlags never follow a symbolic link and never wait for a FIFO's far end.
const openFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|openFlags, 0o600)
	if err != nil {
		return nil, explainOpen(path, err)
	}
	err = checkFile(f)
	if err == nil {
		err = restoreOwner(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// restoreOwner gives the owner's bits back, which the umask of the process that
// made the file may have taken: without them the next process cannot open it.
func restoreOwner(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Mode().Perm() == 0o600 {
		return err
	}
	return f.Chmod(0o600)
}

// private is a file of ours that is open for reading. An os.File would start
// the runtime's poller and a thread for it, at every get, for a file that never
// keeps anyone waiting.
type private struct {
	fd   int
	path string
	size int64
}

func openPrivate(path string) (private, error) {
	fd, err := again(func() (int, error) { return unix.Open(path, unix.O_RDONLY|openFlags, 0) })
	if err != nil {
		return private{}, explainOpen(path, &fs.PathError{Op: "open", Path: path, Err: err})
	}
	st, err := checkFd(fd, path)
	if err != nil {
		_ = unix.Close(fd)
	}
	return private{fd, path, st.Size}, err
}

func (f private) close() { _ = unix.Close(f.fd) }

// readAt fills buf from the file's bytes at offset.
func (f private) readAt(buf []byte, offset int64) error {
	for len(buf) > 0 {
		n, err := again(func() (int, error) { return unix.Pread(f.fd, buf, offset) })
		if err == nil && n <= 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.path, err)
		}
		buf, offset = buf[n:], offset+int64(n)
	}
	return nil
}

// again repeats a call as long as signals interrupt it.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// explainOpen turns what O_NOFOLLOW and O_NONBLOCK answer into ErrUnsafe.
func explainOpen(path string, err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EISDIR) {
		return fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, path)
	}
	return err
}

// checkFile refuses a file another user owns, can read, or has linked.
func checkFile(f *os.File) error {
	_, err := checkFd(int(f.Fd()), f.Name())
	return err
}

func checkFd(fd int, path string) (st unix.Stat_t, err error) {
	if err := unix.Fstat(fd, &st); err != nil {
		return st, fmt.Errorf("stat %s: %w", path, err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return st, fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, path)
	case int(st.Uid) != os.Geteuid():
		return st, fmt.Errorf("%w: %s belongs to user %d, not to you", ErrForeign, path, st.Uid)
	case st.Mode&0o077 != 0:
		return st, fmt.Errorf("%w: %s is open to other users (mode %04o, want 0600)", ErrUnsafe, path, st.Mode&0o777)
	case st.Nlink > 1:
		return st, fmt.Errorf("%w: %s has a second hard link", ErrUnsafe, path)
	}
	return st, nil
}

// checkDir refuses a directory another user owns or can enter.
func checkDir(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%w: %s is not a directory", ErrUnsafe, dir)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to user %d, not to you", ErrForeign, dir, st.Uid)
	case st.Mode&0o077 != 0:
		return fmt.Errorf("%w: %s is open to other users (mode %04o, want 0700)", ErrUnsafe, dir, st.Mode&0o777)
	}
	return nil
}

// makeDir makes the directory and its missing parents, private and usable
// whatever the umask takes away.
func makeDir(dir string) error {
	err := checkDir(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := checkParents(dir); err != nil {
		return err
	}
	if err := mkdirPrivate(dir); err != nil {
		return err
	}
	return checkDir(dir)
}

func mkdirPrivate(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := mkdirPrivate(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// checkParents refuses to make a directory under one that another user owns:
// root with a user's HOME would leave files there that the user cannot use.
func checkParents(dir string) error {
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		var st unix.Stat_t
		err := unix.Stat(parent, &st)
		if errors.Is(err, unix.ENOENT) && parent != filepath.Dir(parent) {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "stat", Path: parent, Err: err}
		}
		if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return fmt.Errorf("%w: %s belongs to user %d, not to you", ErrForeign, parent, st.Uid)
		}
		return nil
	}
}

// replaceFile writes data to temp in dir and renames it to name. The caller
// holds the lock, so a temp that exists is what a killed writer left.
func replaceFile(dir, temp, name string, data []byte) (err error) {
	path := filepath.Join(dir, temp)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openFlags, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(path)
		}
	}()
	if err := restoreOwner(f); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the rename of a file in dir durable, where the file system has
// such a thing.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
