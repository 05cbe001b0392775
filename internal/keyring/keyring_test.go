//go:build linux

package keyring_test

import (
	"errors"
	"testing"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

func TestX(t *testing.T) {
	id := "deadbeef00"
	k := vault.NewKey()
	if err := keyring.Save(id, k, 0); err != nil {
		t.Fatal(err)
	}
	got, err := keyring.Load(id)
	if err != nil || got.ID() != k.ID() {
		t.Fatal(err)
	}
	r, err := keyring.Remaining(id)
	t.Log(r, err)
	if err := keyring.Clear(id); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Load(id); !errors.Is(err, vault.ErrNoKey) {
		t.Fatal(err)
	}
}
