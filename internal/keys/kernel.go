package keys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

// kernel keeps the key in the kernel keyring only, until reboot.
type kernel struct{ place Place }

func (k kernel) Load(context.Context) (vault.Key, error) {
	key, err := keyring.Load(k.place.ID)
	if errors.Is(err, vault.ErrNoKey) && k.elsewhere() {
		return key, fmt.Errorf("%w: it is in the kernel keyring of another user namespace, outside this container", vault.ErrLocked)
	}
	return key, err
}

func (k kernel) Save(_ context.Context, key vault.Key) error {
	if err := k.place.Vault.WritePrivate(whereName, []byte(where())); err != nil {
		return err
	}
	return keyring.Save(k.place.ID, key, 0)
}

func (k kernel) Remove(context.Context) error {
	err := keyring.Clear(k.place.ID)
	if e := os.Remove(filepath.Join(k.place.Vault.Dir(), whereName)); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// whereName is a file beside the vault that names the keyring which got the
// key: each user namespace has user keyrings of its own, and each boot has new
// ones. See user_namespaces(7), keyrings(7).
const whereName = "key.kernel"

// where is this boot and this user namespace, "" where they are not known.
func where() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace + "\n"
}

// elsewhere reports whether the key was kept since the last boot, and in
// another user namespace: then it is not gone.
func (k kernel) elsewhere() bool {
	kept, err := k.place.Vault.ReadPrivate(whereName)
	boot, namespace, ok := strings.Cut(string(kept), " ")
	nowBoot, nowNamespace, here := strings.Cut(where(), " ")
	return err == nil && ok && here && boot == nowBoot && namespace != nowNamespace
}

// Probe leaves the file beside the vault alone: it may tell of a real key.
func (k kernel) Probe(context.Context) error {
	key := vault.NewKey()
	if err := keyring.Save(k.place.ID, key, time.Minute); err != nil {
		return err
	}
	got, err := keyring.Load(k.place.ID)
	if err == nil && got.ID() != key.ID() {
		err = fmt.Errorf("kernel keyring: %w: what was written is not what is read", vault.ErrNoSource)
	}
	return errors.Join(err, keyring.Clear(k.place.ID))
}

func kernelUnfit(m Machine) string {
	switch kind, _ := m.mount(); {
	case m.KernelShared():
		return "this container shares its kernel keyring with others of the same user, so patrol does not choose it by itself"
	case network(kind):
		return "the home directory is on another machine, and the vault there would have no key where it is used from elsewhere"
	}
	return ""
}
