package vault

import (
	"encoding/binary"
	"fmt"
)

// readFile reads a private file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := openPrivate(path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if err := f.within(limit); err != nil {
		return nil, err
	}
	buf := make([]byte, f.size)
	return buf, f.readAt(buf, 0)
}

func (f private) within(limit int64) error {
	if f.size > limit {
		return fmt.Errorf("%w: %s is larger than %d MiB", ErrCorrupt, f.path, limit>>20)
	}
	return nil
}

// readIndex reads the vault up to the end of its index: each page of memory that
// a get fills costs it microseconds, and it opens one of the secrets behind.
func (f private) readIndex() ([]byte, error) {
	if err := f.within(maxFile); err != nil {
		return nil, err
	}
	head := make([]byte, min(f.size, 2*maxHeader))
	if err := f.readAt(head, 0); err != nil {
		return nil, err
	}
	file, err := parseFile(head)
	if err != nil || len(file.body) < nonceSize+4 {
		return head, nil // whoever opens it says what is wrong
	}
	end := int64(len(file.line)) + nonceSize + 4 + int64(binary.BigEndian.Uint32(file.body[nonceSize:]))
	if end = min(end, f.size); end <= int64(len(head)) {
		return head[:end], nil
	}
	whole := make([]byte, end)
	prefault(whole)
	return whole, f.readAt(whole[copy(whole, head):], int64(len(head)))
}

// readSecrets reads the sealed secrets of r's records, which lie behind the
// first end bytes of the file, in place of all.
func (f private) readSecrets(r *Records, end int64) error {
	r.blobs = nil
	for i := range r.List {
		at := &r.List[i].sealed
		if int64(at.offset) > f.size-end-int64(at.length) {
			at.offset, at.length = 0, 0 // damaged: so it does not open, and harms no other
			continue
		}
		start := len(r.blobs)
		r.blobs = append(r.blobs, make([]byte, at.length)...)
		if err := f.readAt(r.blobs[start:], end+int64(at.offset)); err != nil {
			return err
		}
		at.offset = start
	}
	return nil
}
