package keys

import (
	"context"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

// kernel keeps the key in the kernel keyring only, until reboot.
type kernel struct{ id string }

func (k kernel) Load(context.Context) (vault.Key, error) { return keyring.Load(k.id) }

func (k kernel) Save(_ context.Context, key vault.Key) error { return keyring.Save(k.id, key, 0) }

func (k kernel) Remove(context.Context) error { return keyring.Clear(k.id) }
