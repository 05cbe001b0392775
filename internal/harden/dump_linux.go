package harden

import "golang.org/x/sys/unix"

// dontDump keeps memory out of cores, also those that root takes of a living
// process. See madvise(2).
func dontDump(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTDUMP) }
