package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The errors a caller can act on.
var (
	ErrNone     = errors.New("there is no vault yet")
	ErrExists   = errors.New("there is a vault already")
	ErrCorrupt  = errors.New("the vault is damaged")
	ErrNewer    = errors.New("the vault was written by a newer patrol")
	ErrWrongKey = errors.New("the key does not open this vault")
	ErrUnsafe   = errors.New("unsafe")
	ErrForeign  = errors.Join(ErrUnsafe) // of another user's, as with sudo
	ErrBusy     = errors.New("the vault is locked by another process")

	// What a key source answers besides a key.
	ErrNoKey    = errors.New("the key is not there")
	ErrLocked   = errors.New("the key needs a person to unlock it")
	ErrNoSource = errors.New("this key source does not work here")
)

const (
	format   = 1
	magic    = "patrol-vault"
	fileName = "vault"
	newName  = "vault.new" // written under the lock, then renamed
	lockName = "vault.lock"

	maxHeader = 256
	maxFile   = 64 << 20
)

// Header is the first line of the file, in clear and authenticated.
type Header struct {
	ID         string // random; names the key in key sources and tokens on servers
	KeyID      string // Key.ID of the key that opens it
	Source     string // where the key is kept: a name of keys.Sources
	Generation uint64 // counts writes
}

func (h Header) line() string {
	return fmt.Sprintf("%s %d %s %s %s %d\n", magic, format, h.ID, h.KeyID, h.Source, h.Generation)
}

// Vault is a vault in a directory, which need not exist yet.
type Vault struct{ dir string }

// In returns the vault of a directory. It touches no file.
func In(dir string) *Vault { return &Vault{dir} }

// Dir returns the directory of the vault.
func (v *Vault) Dir() string { return v.dir }

// Path returns the path of the vault file.
func (v *Vault) Path() string { return filepath.Join(v.dir, fileName) }

// File is a vault as read from disk, still sealed.
type File struct {
	Header
	line string // the header as written: associated data of the index
	body []byte
}

// Load reads the vault without waiting for writers. Errors: ErrNone,
// ErrCorrupt, ErrNewer, ErrUnsafe.
func (v *Vault) Load() (*File, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	raw, err := readFile(v.Path(), maxFile)
	if err != nil {
		return nil, orNone(err)
	}
	return parseFile(raw)
}

func (v *Vault) check() error { return orNone(checkDir(v.dir)) }

func orNone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNone
	}
	return err
}

func parseFile(raw []byte) (*File, error) {
	first, _, whole := bytes.Cut(raw[:min(len(raw), maxHeader)], []byte("\n"))
	head := string(first)
	words := strings.Split(head, " ")
	if len(words) < 2 || words[0] != magic {
		return nil, fmt.Errorf("%w: it does not begin as a vault does", ErrCorrupt)
	}
	n, err := strconv.ParseUint(words[1], 10, 64)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%w: it does not begin as a vault does", ErrCorrupt)
	}
	if n > format { // whatever else its first line may hold
		return nil, ErrNewer
	}
	if !whole || len(words) != 6 {
		return nil, fmt.Errorf("%w: its first line is incomplete", ErrCorrupt)
	}
	generation, err := strconv.ParseUint(words[5], 10, 64)
	if err != nil || !isHex(words[2]) || !isHex(words[3]) || !isWord(words[4]) {
		return nil, fmt.Errorf("%w: its first line is incomplete", ErrCorrupt)
	}
	end := len(head) + 1
	return &File{Header{words[2], words[3], words[4], generation}, string(raw[:end]), raw[end:]}, nil
}

// isHex holds ids to what randomHex and Key.ID make: they become part of key
// descriptions and messages.
func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// isWord holds the name of a key source to printable ASCII: it is shown before
// anything proves where the file comes from.
func isWord(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// Find reads the vault for what concerns one host: the records of others are
// not decoded, and their secrets not read. It asks for the key by the vault's id. Errors: those of Load, of
// key and of Open.
func (v *Vault) Find(host string, key func(vaultID string) (Key, error)) (*Records, Key, error) {
	if err := v.check(); err != nil {
		return nil, Key{}, err
	}
	file, err := openPrivate(v.Path())
	if err != nil {
		return nil, Key{}, orNone(err)
	}
	defer file.close()
	raw, err := file.readIndex()
	if err != nil {
		return nil, Key{}, err
	}
	f, err := parseFile(raw)
	if err != nil {
		return nil, Key{}, err
	}
	k, err := key(f.ID)
	if err != nil {
		return nil, Key{}, err
	}
	r, err := f.open(k, host)
	if err == nil {
		err = file.readSecrets(r, int64(len(raw)))
	}
	return r, k, err
}

// Open decrypts the index. Errors: ErrWrongKey, ErrCorrupt.
func (f *File) Open(key Key) (*Records, error) {
	once := *f
	once.body = bytes.Clone(f.body)
	return once.open(key, "")
}

// open uses f up: it decrypts the index in its place.
func (f *File) open(key Key, host string) (*Records, error) {
	if key.ID() != f.KeyID {
		return nil, ErrWrongKey
	}
	return f.decrypt(key.subkeys(f.ID), host)
}

func (f *File) decrypt(keys func() *subkeys, host string) (*Records, error) {
	r := &Records{Header: f.Header, keys: keys}
	if len(f.body) < nonceSize+4 {
		return nil, fmt.Errorf("%w: it ends early", ErrCorrupt)
	}
	nonce, rest := f.body[:nonceSize], f.body[nonceSize:]
	length := uint64(binary.BigEndian.Uint32(rest))
	if rest = rest[4:]; uint64(len(rest)) < length {
		return nil, fmt.Errorf("%w: it ends early", ErrCorrupt)
	}
	sealed := rest[:length:length]
	index, err := r.keys().index.Open(sealed[:0], nonce, sealed, []byte(f.line))
	if err != nil {
		return nil, fmt.Errorf("%w: its index was changed", ErrCorrupt)
	}
	r.blobs = rest[length:]
	if err := decodeIndex(r, index, host); err != nil {
		return nil, fmt.Errorf("%w: its index cannot be read", err)
	}
	return r, nil
}

// encode seals r as the next generation of the file.
func (r *Records) encode() ([]byte, error) {
	r.Generation++
	var blobs []byte
	for i := range r.List {
		rec := &r.List[i]
		if s, stale := r.unsealed(rec); stale {
			blobs = r.seal(rec, s, blobs)
			continue
		}
		// Unchanged secrets are copied as they are: only their place moves,
		// and one that is damaged stays so without harm to the others.
		at := rec.sealed
		if at.offset < 0 || at.offset > len(r.blobs)-at.length {
			at.length, at.offset = 0, 0
		}
		rec.sealed.offset, rec.sealed.length = len(blobs), at.length
		blobs = append(blobs, r.blobs[at.offset:at.offset+at.length]...)
	}
	line := r.line()
	nonce := randomBytes(nonceSize)
	index := r.keys().index.Seal(nil, nonce, encodeIndex(r), []byte(line))
	out := append([]byte(line), nonce...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(index)))
	out = append(append(out, index...), blobs...)
	if len(out) > maxFile {
		return nil, fmt.Errorf("the vault would be larger than %d MiB", maxFile>>20)
	}
	return out, nil
}

// ErrUnchanged is what a change function returns to leave the vault as it is.
var ErrUnchanged = errors.New("nothing to change")

// Update runs change on the opened records under the writer lock and replaces
// the file, or does neither. It waits for the lock until ctx is done (ErrBusy).
func (v *Vault) Update(ctx context.Context, key Key, change func(*Records) error) error {
	unlock, err := v.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := v.Load()
	if err != nil {
		return err
	}
	r, err := f.Open(key)
	if err != nil {
		return err
	}
	if err := change(r); errors.Is(err, ErrUnchanged) {
		return nil
	} else if err != nil {
		return err
	}
	if err := v.unchangedSince(f); err != nil {
		return err
	}
	return v.write(r)
}

// unchangedSince finds the writer whom our lock did not keep out: the lock file
// was deleted, or lies on a file system that has no locks.
func (v *Vault) unchangedSince(f *File) error {
	now, err := v.Load()
	if err == nil && now.Header != f.Header {
		err = fmt.Errorf("%w, which wrote it meanwhile; nothing was changed", ErrBusy)
	}
	return err
}

// Create makes an empty vault whose key save has kept, under the writer lock.
// When another process was first, the error is ErrExists.
func (v *Vault) Create(ctx context.Context, source string, save func(id string, key Key) error) (Key, error) {
	unlock, err := v.lock(ctx)
	if err != nil {
		return Key{}, err
	}
	defer unlock()
	if !isWord(source) {
		return Key{}, fmt.Errorf("%q cannot be the name of a key source", source)
	}
	if _, err := v.Load(); err == nil {
		return Key{}, ErrExists
	} else if !errors.Is(err, ErrNone) {
		return Key{}, err
	}
	id, key := randomHex(8), NewKey()
	if err := save(id, key); err != nil {
		return Key{}, err
	}
	r := &Records{Header: Header{ID: id, KeyID: key.ID(), Source: source}, keys: key.subkeys(id)}
	return key, v.write(r)
}

func (v *Vault) write(r *Records) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	// What does not open again never takes the place of what does.
	f, err := parseFile(bytes.Clone(data))
	if err == nil {
		_, err = f.decrypt(r.keys, "")
	}
	if err != nil {
		return fmt.Errorf("the vault was left as it was: the new one would not open: %v", err)
	}
	if err := replaceFile(v.dir, newName, fileName, data); err != nil {
		return fmt.Errorf("write %s: %w", v.Path(), err)
	}
	return nil
}

// SetAside renames a vault that cannot be opened, so that a new one can be
// begun and nothing is lost. It looks again under the lock and leaves alone a
// file that is no longer the one seen. The files called beside, which belong
// to this vault and no other, go with it under the same number. It returns the
// new name.
func (v *Vault) SetAside(ctx context.Context, seen func(*File, error) bool, beside ...string) (string, error) {
	unlock, err := v.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	f, err := v.Load()
	if !seen(f, err) {
		return "", ErrUnchanged
	}
	var names []string
	for _, name := range append(beside, fileName) { // the vault last: killed in between, it is done again
		if _, err := os.Lstat(filepath.Join(v.dir, name)); err == nil {
			names = append(names, name)
		}
	}
	for n := 1; ; n++ {
		suffix := fmt.Sprintf("%s%d", asideSuffix, n)
		if free, err := v.free(names, suffix); err != nil {
			return "", err
		} else if !free {
			continue
		}
		for _, name := range names {
			path := filepath.Join(v.dir, name)
			if err := os.Rename(path, path+suffix); err != nil {
				return "", err
			}
		}
		return v.Path() + suffix, nil
	}
}

// free reports whether none of the names is taken with the suffix.
func (v *Vault) free(names []string, suffix string) (bool, error) {
	for _, name := range names {
		_, err := os.Lstat(filepath.Join(v.dir, name+suffix))
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
}
