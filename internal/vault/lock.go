package vault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// lock takes the writer lock.
func (v *Vault) lock(ctx context.Context) (unlock func(), err error) {
	return v.Lock(ctx, lockName)
}

// Lock takes the lock of a file beside the vault, and waits for it until ctx is
// done (ErrBusy). The file stays there for ever: a lock on a file that is
// replaced or deleted admits two holders. The kernel drops the lock when its
// holder dies.
func (v *Vault) Lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := makeDir(v.dir); err != nil {
		return nil, err
	}
	path := filepath.Join(v.dir, name)
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	// Waiters that began together must not go on asking together: then one of
	// them would get the lock in each round, and the rest of it pass idle.
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
		case <-time.After(rand.N(wait)):
		}
	}
}

// TryLock takes the lock of a file beside the vault if nobody has it (ErrBusy).
// Whoever the file is handed to has it, too, until all have closed it.
func (v *Vault) TryLock(name string) (*os.File, error) {
	path := filepath.Join(v.dir, name)
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	err = tryLock(f)
	if errors.Is(err, errWouldBlock) {
		err = ErrBusy
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
