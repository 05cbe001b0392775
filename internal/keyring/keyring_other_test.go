//go:build !linux

package keyring_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

func TestNoSource(t *testing.T) {
	t.Parallel()
	_, load := keyring.Load("ab")
	_, remaining := keyring.Remaining("ab")
	for what, err := range map[string]error{"Load": load, "Remaining": remaining, "Save": keyring.Save("ab", vault.NewKey(), time.Minute)} {
		if !errors.Is(err, vault.ErrNoSource) {
			t.Errorf("%s says %v", what, err)
		}
	}
	if err := keyring.Clear("ab"); err != nil {
		t.Error(err)
	}
}
