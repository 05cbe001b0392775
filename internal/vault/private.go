package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gitpatrol/patrol/internal/harden"
)

// ReadPrivate reads a small file that a key source keeps beside the vault,
// under the same rules as the vault itself.
func (v *Vault) ReadPrivate(name string) ([]byte, error) {
	if err := checkDir(v.dir); err != nil {
		return nil, err
	}
	return readFile(filepath.Join(v.dir, name), maxPrivate)
}

const maxPrivate = 1 << 20

// WritePrivate replaces such a file. The caller holds the writer lock: it is in
// the save function of Create, or in Update.
func (v *Vault) WritePrivate(name string, data []byte) error {
	if err := makeDir(v.dir); err != nil {
		return err
	}
	return replaceFile(v.dir, name+".new", name, data)
}

// Try writes, reads and deletes a throw-away file where the vault is, under the
// same rules. Where its directory is not there yet, it tries the nearest one
// above, and makes none.
func (v *Vault) Try() error {
	dir := v.dir
	err := checkDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = checkParents(dir); err == nil {
			dir = nearest(dir)
		}
	}
	if err != nil {
		return err
	}
	name := ".patrol-tries-" + rand.Text()[:16]
	path := filepath.Join(dir, name)
	text := []byte("patrol tries whether it can write here\n")
	if err := replaceFile(dir, name+".new", name, text); err != nil {
		return err
	}
	got, err := readFile(path, int64(len(text)))
	if err == nil && !bytes.Equal(got, text) {
		err = fmt.Errorf("%s: what was written is not what is read", path)
	}
	return errors.Join(err, os.Remove(path))
}

// nearest is the deepest directory of dir's path that is there.
func nearest(dir string) string {
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		if info, err := os.Stat(parent); err == nil && info.IsDir() || parent == filepath.Dir(parent) {
			return parent
		}
	}
}

// ReadSecretFile reads a small file of the person's own that opens the vault,
// such as an SSH key: it must be theirs and closed to others, wherever it is. A
// symbolic link is followed.
func ReadSecretFile(path string) ([]byte, error) {
	if err := harden.OnShare(path); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnsafe, path, err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	return readFile(real, maxPrivate)
}
