// Package capped keeps the beginning of what another program prints.
package capped

import (
	"bytes"
	"io"
)

// Buffer keeps the first Max bytes. It swallows the rest, so that the program
// neither fills memory nor blocks, or with Stop refuses it, which ends the
// program. It is an io.Writer and no more: io.Copy, by which os/exec fills it,
// would fill a bytes.Buffer without asking Write.
type Buffer struct {
	Max  int
	Stop bool

	buf  bytes.Buffer
	full bool
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	n := min(len(p), b.Max-b.buf.Len())
	b.buf.Write(p[:n])
	if b.full = b.full || n < len(p); b.full && b.Stop {
		return n, io.ErrShortWrite
	}
	return len(p), nil
}

// Full reports whether there was more.
func (b *Buffer) Full() bool { return b.full }

// Bytes returns what was kept.
func (b *Buffer) Bytes() []byte { return b.buf.Bytes() }

// String returns what was kept.
func (b *Buffer) String() string { return b.buf.String() }
