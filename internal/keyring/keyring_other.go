//go:build !linux

package keyring

import (
	"time"

	"github.com/gitpatrol/patrol/internal/vault"
)

// Load answers vault.ErrNoSource: only Linux has a kernel keyring.
func Load(string) (vault.Key, error) { return vault.Key{}, vault.ErrNoSource }

// Save answers vault.ErrNoSource.
func Save(string, vault.Key, time.Duration) error { return vault.ErrNoSource }

// Clear has nothing to clear.
func Clear(string) error { return nil }

// Remaining answers vault.ErrNoSource.
func Remaining(string) (string, error) { return "", vault.ErrNoSource }
