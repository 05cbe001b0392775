//go:build linux

package main

import (
	"maps"
	"slices"
	"testing"
)

func TestParseTrace(t *testing.T) {
	t.Parallel()
	const thread = `1 clone(child_stack=0xc0, flags=CLONE_VM|CLONE_FS|CLONE_THREAD <unfinished ...>
2 gettid( <unfinished ...>
1 <... clone resumed>, tls=0xc0) = 2
2 <... gettid resumed>) = 2
2 futex(0x1, FUTEX_WAIT_PRIVATE, 0, NULL) = 0
`
	got := parseTrace(`1 execve("/bin/a", ["a", "get"], 0x7 /* 2 vars */) = 0
1 openat(AT_FDCWD, "/etc/x (1)", O_RDONLY) = 3
1 openat(AT_FDCWD, "/etc/x (1)", O_RDONLY) = 3
` + thread + `1 --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---
1 exit_group(0) = ?
1 +++ exited with 0 +++
`)
	want := map[string]int{"execve": 1, "openat": 2, "clone": 1, "gettid": 1, "exit_group": 1}
	if !maps.Equal(got.calls, want) || got.total() != 6 {
		t.Errorf("calls: %v, want %v", got.calls, want)
	}
	if !slices.Equal(got.opened, []string{"/etc/x (1)"}) || got.children != 0 || got.sockets != 0 {
		t.Errorf("opened %q, %d children, %d sockets", got.opened, got.children, got.sockets)
	}
	for _, line := range []string{
		"1 vfork() = 2", "1 fork() = 2", "1 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 2", "1 clone3({flags=CLONE_VFORK}, 88 <unfinished ...>",
		`1 execve("/bin/b", ["b"], 0x7) = 0`,
	} {
		if got := parseTrace("1 execve(\"/bin/a\", [], 0x7) = 0\n" + line + "\n"); got.children != 1 {
			t.Errorf("%s: %d children", line, got.children)
		}
	}
	if got := parseTrace("1 socket(AF_UNIX, SOCK_STREAM, 0) = 3\n"); got.sockets != 1 {
		t.Errorf("%d sockets", got.sockets)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := median([]int64{5, 1, 9, 2, 7}, func(n int64) int64 { return n }); got != 5 {
		t.Errorf("the median is %d", got)
	}
}
