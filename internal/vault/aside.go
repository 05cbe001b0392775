package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const asideSuffix = ".aside-"

// Aside is a vault that was set aside.
type Aside struct {
	Path string
	*File
}

// Asides returns the vaults that SetAside put away, the latest first. One that
// is too damaged to say whose it is is left out.
func (v *Vault) Asides() ([]Aside, error) {
	if err := checkDir(v.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return nil, err
	}
	numbered := map[int]Aside{}
	highest := 0
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), fileName+asideSuffix)
		n, err := strconv.Atoi(number)
		if !ok || err != nil {
			continue
		}
		path := filepath.Join(v.dir, e.Name())
		raw, err := readFile(path, maxFile)
		if err != nil {
			continue
		}
		if f, err := parseFile(raw); err == nil {
			numbered[n], highest = Aside{path, f}, max(highest, n)
		}
	}
	var list []Aside
	for n := highest; n > 0; n-- {
		if a, ok := numbered[n]; ok {
			list = append(list, a)
		}
	}
	return list, nil
}

// Restore makes the present vault, where there is none, of one that was set
// aside, whose key keep has kept in that source. What was set aside stays. When
// there is a vault, the error is ErrExists.
func (v *Vault) Restore(ctx context.Context, f *File, key Key, source string, keep func() error) error {
	unlock, err := v.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := v.Load(); err == nil {
		return ErrExists
	} else if !errors.Is(err, ErrNone) {
		return err
	}
	r, err := f.Open(key)
	if err != nil {
		return err
	}
	if err := keep(); err != nil {
		return err
	}
	r.Source = source
	return v.write(r)
}

// Remove deletes the vault that sure still wants deleted when it sees it under
// the lock; forget then forgets its key.
func (v *Vault) Remove(ctx context.Context, sure func(*File) error, forget func() error) error {
	unlock, err := v.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := v.Load()
	if err != nil {
		return err
	}
	if err := sure(f); err != nil {
		return err
	}
	if err := os.Remove(v.Path()); err != nil {
		return err
	}
	return forget()
}
