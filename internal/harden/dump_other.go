//go:build unix && !linux

package harden

// dontDump would keep memory out of cores, for which there is no general way.
func dontDump([]byte) {}
