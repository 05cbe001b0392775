package vault

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// lock takes the writer lock. The file stays beside the vault for ever: a lock
// on a file that is replaced or deleted admits two writers. The kernel drops
// the lock when its holder dies.
func (v *Vault) lock(ctx context.Context) (unlock func(), err error) {
	if err := makeDir(v.dir); err != nil {
		return nil, err
	}
	path := filepath.Join(v.dir, lockName)
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := tryLock(f)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, errWouldBlock) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("%w (%s)", ErrBusy, path)
		case <-time.After(wait):
		}
	}
}
