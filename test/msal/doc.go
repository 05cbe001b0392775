// Package msal has only tests: Microsoft's own authentication library for Go,
// unmodified, against a running azdo-emulator. It is a module of its own so
// that the library is no dependency of patrol.
package msal
