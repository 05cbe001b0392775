//go:build unix

package harden

import "golang.org/x/sys/unix"

// lockedMemory returns n bytes that the kernel does not swap out, or nil. See
// mlock(2).
func lockedMemory(n int) []byte {
	memory, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil
	}
	if unix.Mlock(memory) != nil {
		_ = unix.Munmap(memory)
		return nil
	}
	dontDump(memory)
	return memory
}
