// Package azdosdk has only tests: Microsoft's own client library, unmodified,
// against a running azdo-emulator. It is a module of its own so that the
// library is no dependency of patrol.
package azdosdk
