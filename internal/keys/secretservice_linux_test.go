package keys_test

import (
	"testing"

	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/secretservice/bustest"
)

// serviceWays are a session without a Secret Service, and one with a real GNOME
// Keyring.
func serviceWays(t *testing.T) []way {
	bus, empty := bustest.Start(t), bustest.Start(t)
	bus.Keyring(t)
	on := func(b *bustest.Bus) func(*testing.T, *keys.Place, *passphrase) {
		return func(_ *testing.T, place *keys.Place, _ *passphrase) { place.Getenv = b.Getenv }
	}
	return []way{{}, {"no service", on(empty)}, {"GNOME Keyring", on(bus)}}
}
