// Package lifecycle makes, verifies and revokes the tokens of a vault: from a
// sign-in to an access token of Microsoft Entra, from that to a narrow personal
// access token of one organisation, and back to nothing.
//
// It decides inside locks. The lock of an organisation is held by the one
// process that makes its token while the others wait and take what it stored;
// within it, the lock of a tenant guards the refresh token, which may be good
// for a single use. Whatever is to exist on a server is written down before.
package lifecycle
