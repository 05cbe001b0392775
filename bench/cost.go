//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// measureMemory asks time(1), which forks from a process smaller than any Go
// program: ru_maxrss begins with the parent's pages, and ours are many.
func measureMemory(ctx context.Context, w *world, r *report) error {
	const rounds, limit = 9, 12
	gnuTime, err := exec.LookPath("time")
	if err != nil {
		return err
	}
	file := filepath.Join(w.dir, "maxrss")
	peak := func(c command) (float64, error) {
		c.argv = append([]string{gnuTime, "--format=%M", "--output=" + file}, c.argv...)
		var kib []int64
		for range rounds {
			if _, err := c.run(); err != nil {
				return 0, cmp.Or(ctx.Err(), err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return 0, err
			}
			n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			if err != nil {
				return 0, err
			}
			kib = append(kib, n)
		}
		return float64(median(kib, func(n int64) int64 { return n })) / 1024, nil
	}
	least, err := peak(w.nothing(azureGet))
	if err != nil {
		return err
	}
	r.say("Memory", fmt.Sprintf("Peak resident memory (ru_maxrss), medians of %d runs.", rounds))
	r.say("", fmt.Sprintf("- the program that only reads and prints: %.1f MB", least))
	for _, size := range []int{1, 1000} {
		got, err := peak(w.helper("get", size, "get", azureGet, "password="+w.token))
		if err != nil {
			return err
		}
		r.say("", fmt.Sprintf("- get, %s: %.1f MB", records(size), got))
		r.atMost(fmt.Sprintf("peak memory of a cached get, %s, in MB", records(size)), got, limit)
	}
	return nil
}

// measureCalls lists what strace(1) sees of a cached get.
func measureCalls(ctx context.Context, w *world, r *report) error {
	const rounds = 5
	nothing, err := trace(ctx, w, w.nothing(azureGet), rounds)
	if err != nil {
		return err
	}
	get, err := trace(ctx, w, w.helper("get", usual, "get", azureGet, "password="+w.token), rounds)
	if err != nil {
		return err
	}
	var more []string
	for name, n := range get.calls {
		if n -= nothing.calls[name]; n > 0 {
			more = append(more, fmt.Sprintf("%s %d", name, n))
		}
	}
	slices.Sort(more)
	r.say("System calls", fmt.Sprintf("Seen by strace in %d runs; of each call the smallest number, and none of those that threads wait with (futex, nanosleep).\n\n"+
		"- a cached get: %d, of which the start of any Go program makes %d\n- beyond those of the program that only reads and prints: %s\n"+
		"- threads, all of the Go runtime: %d, there %d\n- files opened: %s; there: %s",
		rounds, get.total(), nothing.total(), strings.Join(more, ", "), get.calls["clone"], nothing.calls["clone"], code(get.opened), code(nothing.opened)))
	r.none("child processes of a cached get", get.children)
	r.none("sockets of a cached get", get.sockets)
	return nil
}

// traced is what a command asked of the kernel.
type traced struct {
	calls             map[string]int
	opened            []string
	children, sockets int
}

func (t traced) total() (n int) {
	for _, count := range t.calls {
		n += count
	}
	return n
}

// trace runs c under strace, and takes of each call the smallest number, of
// children and sockets the largest.
func trace(ctx context.Context, w *world, c command, rounds int) (all traced, err error) {
	file := filepath.Join(w.dir, "strace")
	strace, err := exec.LookPath("strace")
	if err != nil {
		return traced{}, err
	}
	c.argv = append([]string{strace, "--follow-forks", "--quiet=all", "--string-limit=4096", "--output=" + file, "--"}, c.argv...)
	for i := range rounds {
		if _, err := c.run(); err != nil {
			return traced{}, cmp.Or(ctx.Err(), err)
		}
		log, err := os.ReadFile(file)
		if err != nil {
			return traced{}, err
		}
		one := parseTrace(string(log))
		if i == 0 {
			all = one
			continue
		}
		for name := range all.calls {
			all.calls[name] = min(all.calls[name], one.calls[name])
		}
		all.children, all.sockets = max(all.children, one.children), max(all.sockets, one.sockets)
	}
	for i, path := range all.opened {
		all.opened[i] = strings.Replace(path, w.home(usual), "~", 1)
	}
	return all, nil
}

// parseTrace reads lines such as
//
//	1234  openat(AT_FDCWD, "/etc/x", O_RDONLY <unfinished ...>
//	1234  <... openat resumed>) = 3
func parseTrace(log string) traced {
	t := traced{calls: map[string]int{}}
	for line := range strings.Lines(log) {
		_, call, _ := strings.Cut(line, " ")
		name, args, ok := strings.Cut(strings.TrimSpace(call), "(")
		if !ok || strings.ContainsAny(name, "<+- ") {
			continue
		}
		t.calls[name]++
		switch name {
		case "futex", "nanosleep":
			delete(t.calls, name)
		case "execve", "execveat":
			if t.calls["execve"]+t.calls["execveat"] > 1 {
				t.children++
			}
		case "fork", "vfork":
			t.children++
		case "clone", "clone3":
			if !strings.Contains(args, "CLONE_THREAD") {
				t.children++
			}
		case "socket", "socketpair", "connect", "bind", "sendto", "sendmsg":
			t.sockets++
		case "open", "openat", "openat2":
			if words := strings.Split(args, `"`); len(words) > 1 && !slices.Contains(t.opened, words[1]) {
				t.opened = append(t.opened, words[1])
			}
		}
	}
	return t
}

func code(paths []string) string {
	quoted := make([]string, len(paths))
	for i, p := range paths {
		quoted[i] = "`" + p + "`"
	}
	return strings.Join(quoted, ", ")
}

// measureSizes looks at the programs as make build leaves them.
func measureSizes(_ context.Context, w *world, r *report) error {
	r.say("Sizes", "Stripped, without cgo.")
	for _, path := range []string{w.trivial, filepath.Join(w.bin, "git-credential-patrol"), filepath.Join(w.bin, "patrol"), filepath.Join(w.bin, "azdo-emulator")} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		name := info.Name()
		if path == w.trivial {
			name = "the program that only reads and prints"
		}
		r.say("", fmt.Sprintf("- %s: %.1f MB", name, float64(info.Size())/1e6))
	}
	return nil
}
