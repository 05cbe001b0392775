package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// link is a process and its parent.
type link struct{ pid, parent int }

// gitAbove lists the links from this process up to the git that a person or a
// program started: git-remote-https, which runs us, goes on waiting for our
// answer when that one is killed.
func gitAbove() []link {
	const most = 6
	var links []link
	git := 0 // links up to the topmost git
	for pid := os.Getpid(); len(links) < most; {
		_, parent := process(pid)
		if parent <= 1 {
			break
		}
		links = append(links, link{pid, parent})
		if name, _ := process(parent); strings.HasPrefix(name, "git") {
			git = len(links)
		}
		pid = parent
	}
	return links[:git]
}

// broken reports whether a parent has gone, and its child has another.
func broken(links []link) bool {
	for _, l := range links {
		if _, parent := process(l.pid); parent != l.parent {
			return true
		}
	}
	return false
}

// process reads the name and the parent of a process; see proc_pid_stat(5).
func process(pid int) (name string, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	begin, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if err != nil || begin < 0 || end < begin {
		return "", 0
	}
	var state string
	_, _ = fmt.Sscan(string(stat[end+1:]), &state, &parent)
	return string(stat[begin+1 : end]), parent
}
