package vault

import "golang.org/x/sys/unix"

// prefault has the kernel provide the memory of b at once, which is cheaper than
// a fault for each page. b is of its own pages, as Go's larger objects are;
// before Linux 5.14, and for others, nothing happens. See MADV_POPULATE_WRITE
// in madvise(2).
func prefault(b []byte) {
	if len(b) > 32<<10 {
		_ = unix.Madvise(b, unix.MADV_POPULATE_WRITE)
	}
}
