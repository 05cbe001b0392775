// Package emulator is a small Azure DevOps in one process, on loopback, for
// tests and demonstrations without a network or an account.
//
// It is an HTTPS proxy: it accepts CONNECT for the service's host names only,
// ends TLS with a throw-away certificate authority, and answers in the
// service's place. Clients need HTTPS_PROXY and that authority, nothing else,
// so unmodified programs and release binaries can be run against it.
//
// What it answers is taken from Microsoft's documentation and from recorded
// traffic, named beside each constant, and never from what some client
// happens to send. For that reason it imports no other package of this module
// and writes every wire format itself: a misreading on one side is then not
// repeated on the other.
package emulator
