package keyring

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/vault"
)

const keyType = "user"

func description(vaultID string) string { return "patrol:" + vaultID }

// Load returns the key of a vault. Errors: vault.ErrNoKey, vault.ErrNoSource.
func Load(vaultID string) (vault.Key, error) {
	// After a login we possess the user keyring already. Locking a thread
	// makes the runtime start another, which costs more than asking twice.
	key, err := read(vaultID)
	if err == nil {
		return key, nil
	}
	err = possessed(func() (err error) { key, err = read(vaultID); return err })
	return key, err
}

func read(vaultID string) (vault.Key, error) {
	id, err := search(vaultID)
	if err != nil {
		return vault.Key{}, err
	}
	buf := make([]byte, 33) // one more than a key, so that a longer one shows
	defer clear(buf)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, buf, 0)
	if err != nil {
		return vault.Key{}, err
	}
	key, err := vault.KeyFromBytes(buf[:min(n, len(buf))])
	if err != nil {
		return vault.Key{}, unix.ENOKEY
	}
	return key, nil
}

// Save keeps the key of a vault; a timeout of zero means for ever. The kernel
// counts whole seconds: a part of one counts as one.
func Save(vaultID string, key vault.Key, timeout time.Duration) error {
	if timeout < 0 {
		return fmt.Errorf("kernel keyring: %v is no time to keep a key", timeout)
	}
	seconds := timeout / time.Second
	if timeout%time.Second > 0 {
		seconds++
	}
	seconds = min(seconds, math.MaxInt32)
	return possessed(func() error {
		plain := key.Bytes()
		defer clear(plain)
		id, err := unix.AddKey(keyType, description(vaultID), plain, unix.KEY_SPEC_USER_KEYRING)
		if err != nil {
			return err
		}
		_, err = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(seconds), 0, 0)
		return err
	})
}

// Clear removes the key of a vault. It is no error when there is none.
func Clear(vaultID string) error {
	err := possessed(func() error {
		id, err := search(vaultID)
		if err != nil {
			return err
		}
		_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
		return err
	})
	if errors.Is(err, vault.ErrNoKey) {
		return nil
	}
	return err
}

// Remaining says how long the key of a vault will stay, in the words of
// /proc/keys: "perm", or a number and a unit of s, m, h, d or w.
// See keyrings(7), proc_keys(5).
func Remaining(vaultID string) (string, error) {
	var id int
	if err := possessed(func() (err error) { id, err = search(vaultID); return err }); err != nil {
		return "", err
	}
	f, err := os.Open("/proc/keys")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) > 3 {
			if n, err := strconv.ParseUint(words[0], 16, 32); err == nil && int32(n) == int32(id) {
				return words[3], nil
			}
		}
	}
	return "", vault.ErrNoKey
}

func search(vaultID string) (int, error) {
	return unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, keyType, description(vaultID), 0)
}

// possessed runs f where this thread possesses the user keyring. A session
// keyring that does not link it (services, sudo, after logout) lets us search
// but not read; the process keyring links it for us alone. A process keyring
// belongs to the credentials of one thread, hence the lock.
// See user-keyring(7), process-keyring(7).
func possessed(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, err := unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_PROCESS_KEYRING, 0, 0)
	if err == nil {
		err = f()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED):
		return fmt.Errorf("kernel keyring: %w", vault.ErrNoKey)
	default:
		return fmt.Errorf("kernel keyring: %w (%v)", vault.ErrNoSource, err)
	}
}
