// Package keyring keeps vault keys in the Linux kernel's user keyring: a cache
// in front of other key sources, or the only one. On other systems it answers
// vault.ErrNoSource. It is apart from package keys because git-credential-patrol
// links it, and must link nothing that keys needs.
package keyring
