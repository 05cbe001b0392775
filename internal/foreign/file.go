package foreign

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/gitpatrol/patrol/internal/azdo"
)

// The reasons for leaving a file alone.
var (
	ErrUnsafe  = errors.New("it is not safe to touch")
	ErrChanged = errors.New("it was changed meanwhile")
	ErrLocked  = errors.New("another program is changing it")
	ErrTooBig  = errors.New("it is too large for a file of its kind")
)

// File is a file as it was read.
type File struct {
	Format  Format
	Place   Place
	Entries []Entry

	real string // Path without links
	data []byte
	info os.FileInfo
	wide bool // it is UTF-16, and the entries tell where they are in UTF-8
}

// Read reads the file of a format. A file that is not there is fs.ErrNotExist.
func Read(format Format, place Place) (*File, error) {
	real, err := filepath.EvalSymlinks(place.Path)
	if err != nil {
		return nil, err
	}
	data, info, err := readOwn(real, format.Limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place.Path, err)
	}
	f := &File{Format: format, Place: place, real: real, data: data, info: info}
	text, wide := narrow(data)
	f.Entries, f.wide = parse(format, text), wide
	return f, nil
}

// ReadOwn reads a regular file of one's own, through links.
func ReadOwn(path string, limit int64) ([]byte, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	data, _, err := readOwn(real, limit)
	return data, err
}

// Edit changes a file without entries, such as Git's configuration, wherever
// links lead to: change is given what is in it now.
func Edit(path string, limit int64, change func(old []byte) ([]byte, error)) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	data, info, err := readOwn(real, limit)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	changed, err := change(data)
	if err != nil || bytes.Equal(changed, data) {
		return err
	}
	f := &File{Format: Format{Limit: limit}, Place: Place{real, filepath.Dir(real)}, real: real, data: data, info: info}
	if err := f.write(changed); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// narrow makes UTF-8 of UTF-16 with a byte order mark, as editors and .NET write
// it.
func narrow(data []byte) (text []byte, wide bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return data, false
	}
	var units []uint16
	for at := 2; at+1 < len(data); at += 2 {
		units = append(units, order.Uint16(data[at:]))
	}
	return []byte(string(utf16.Decode(units))), true
}

// parse reads the entries, and beside them the tokens that stand where the
// format has no credentials, such as in a comment.
func parse(format Format, data []byte) []Entry {
	entries := format.Parse(data)
	for i := range entries {
		e := &entries[i]
		if info, ok := azdo.InspectPAT(e.Secret); e.Secret.IsSet() && ok && info.Checksum {
			e.Token = true
		}
	}
	known := entries
	for _, found := range tokens(data) {
		// A value that is more than the token, such as one with a comment behind
		// it, is another entry.
		inside := func(e Entry) bool {
			return e.Token && e.value.from < found.value.to && found.value.from < e.value.to
		}
		if !slices.ContainsFunc(known, inside) {
			entries = append(entries, found)
		}
	}
	lines := newLines(data)
	for i := range entries {
		entries[i].Line = lines.number(entries[i].value.from)
	}
	return entries
}

// Remove takes an entry out of the file: all of its bytes, and no others. A file
// that holds nothing else is deleted. What another program does to the file
// meanwhile stays; that it took out the entry is no error.
func (f *File) Remove(e Entry) error {
	const tries = 5 // another one may be doing the same, entry by entry
	for n := 1; ; n++ {
		err := f.remove(e)
		if !errors.Is(err, ErrChanged) || n == tries {
			return err
		}
		again, readErr := Read(f.Format, f.Place)
		if readErr != nil || again.real != f.real {
			return err
		}
		*f = *again
		if !slices.ContainsFunc(f.Entries, func(now Entry) bool { return now.Secret.Equal(e.Secret) }) {
			return nil
		}
	}
}

func (f *File) remove(e Entry) error {
	now, err := f.find(e)
	if err != nil {
		return err
	}
	if f.Format.Alone {
		if err := errors.Join(f.checkPlace(), f.unchanged()); err != nil {
			return fmt.Errorf("%s: %w", f.Place.Path, err)
		}
		f.Entries = nil
		return os.Remove(f.real)
	}
	return f.cut(now.cut)
}

// find is where an entry is now: those above it may have been removed.
func (f *File) find(e Entry) (Entry, error) {
	for _, now := range f.Entries {
		if now.Protocol == e.Protocol && now.Host == e.Host && now.Path == e.Path && now.User == e.User && now.Secret.Equal(e.Secret) {
			return now, nil
		}
	}
	return e, fmt.Errorf("%s: %w", f.Place.Path, ErrChanged)
}

// cut changes the file to what it is without some bytes, and reads it anew.
func (f *File) cut(at span) error {
	data := slices.Concat(f.data[:at.from], f.data[at.to:])
	if err := f.write(data); err != nil {
		return fmt.Errorf("%s: %w", f.Place.Path, err)
	}
	again, err := Read(f.Format, f.Place)
	if err != nil {
		return err
	}
	*f = *again
	return nil
}

// write replaces the file. The new one is written under the name that Git uses
// as a lock for its own files, so that neither loses what the other writes, and
// it never holds what is taken out.
func (f *File) write(data []byte) (err error) {
	if err := f.checkPlace(); err != nil {
		return err
	}
	temp := f.real + ".lock"
	out, err := createLock(temp)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w (if none is, remove %s)", ErrLocked, temp)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(temp)
		}
	}()
	if _, err := out.Write(data); err != nil {
		return err
	}
	if err := keepOwner(out, f.info); err != nil {
		return err
	}
	if err := out.Chmod(f.info.Mode().Perm()); err != nil {
		return err
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := f.unchanged(); err != nil {
		return err
	}
	return os.Rename(temp, f.real)
}

// createLock waits for another writer as long as git-credential-store does.
// See https://git-scm.com/docs/git-config#Documentation/git-config.txt-credentialStorelockTimeoutMS.
func createLock(path string) (f *os.File, err error) {
	const tries, pause = 20, 50 * time.Millisecond
	for range tries {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		time.Sleep(pause)
	}
	return f, err
}

// unchanged is an error when the file is no longer the one that was read.
func (f *File) unchanged() error {
	now, info, err := readOwn(f.real, f.Format.Limit)
	if err == nil && (!os.SameFile(info, f.info) || !bytes.Equal(now, f.data)) {
		err = ErrChanged
	}
	return err
}

// checkPlace refuses to write where a link leads out of the home or the
// repository, where another name would keep the old content, and where others
// could put another file in its place.
func (f *File) checkPlace() error {
	if f.wide {
		return fmt.Errorf("%w: it is written in UTF-16", ErrUnsafe)
	}
	real, err := filepath.EvalSymlinks(f.Place.Path)
	if err != nil {
		return err
	}
	if real != f.real {
		return ErrChanged
	}
	root, err := filepath.EvalSymlinks(f.Place.Root)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(real, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator)) {
		return fmt.Errorf("%w: it is a link to %s, outside of %s", ErrUnsafe, real, f.Place.Root)
	}
	if links(f.info) > 1 {
		return fmt.Errorf("%w: it has a second name (a hard link), which would keep the secret", ErrUnsafe)
	}
	return checkDir(filepath.Dir(real))
}
