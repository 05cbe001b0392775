// Package vault is the sealed file that keeps patrol's records: an encrypted
// index, and each secret encrypted by itself, so that answering Git opens one
// secret and listing opens none. Writers take a lock and replace the file;
// readers never wait. docs/architecture.md describes the format.
package vault
