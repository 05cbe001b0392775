package harden

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// The memory is locked and stays out of cores: "lo" and "dd" among the flags of
// proc_pid_smaps(5).
func TestMemoryIsLockedS11(t *testing.T) {
	t.Parallel()
	memory := lockedMemory(keptSize)
	if memory == nil {
		t.Fatal("no memory can be locked: is ulimit -l less than 64?")
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	at := uintptr(unsafe.Pointer(&memory[0]))
	var low, high uintptr
	for line := range strings.Lines(string(smaps)) {
		if n, _ := fmt.Sscanf(line, "%x-%x ", &low, &high); n == 2 {
			continue
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && low <= at && at < high {
			for _, flag := range []string{" lo ", " dd "} {
				if !strings.Contains(flags, flag) {
					t.Errorf("no flag %q in %s", flag, flags)
				}
			}
			return
		}
	}
	t.Error("the memory is not in /proc/self/smaps")
}
