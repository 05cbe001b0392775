//go:build linux

package patrol_test

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watcher looks all the time at the arguments and the environment of every
// process that descends from this one. Anybody of the same user can.
type watcher struct {
	mu      sync.Mutex
	scripts map[string]*script // by directory
	foreign map[int]bool       // processes that are not ours
	ours    map[int]bool
	seen    map[uint64]bool // arguments and environments that were searched
	seed    maphash.Seed
	leaks   []string // not yet told
	hears   atomic.Bool
}

// pause is how long it waits between two looks: a process of ours lives for
// longer, mostly, and where programs are looked at when they start, the looks
// are for the rest alone.
func (w *watcher) pause() time.Duration {
	if w.hears.Load() {
		return 25 * time.Millisecond
	}
	return 4 * time.Millisecond
}

// watch begins to look, until the test ends. Orphans become our children, so
// that none can hide.
func watch(t *testing.T) *watcher {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	w := &watcher{scripts: map[string]*script{}, foreign: map[int]bool{}, ours: map[int]bool{}, seen: map[uint64]bool{}, seed: maphash.MakeSeed()}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { w.hear(stop) })
	watching.Go(func() {
		for {
			w.look()
			select {
			case <-stop:
				return
			case <-time.After(w.pause()):
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		watching.Wait()
	})
	return w
}

func (w *watcher) add(s *script) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scripts[s.work] = s
}

// look reads the list of processes once and searches what is new.
func (w *watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.scripts {
		s.glimpse()
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	living := map[int]bool{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		living[pid] = true
		if !w.ours[pid] && !w.foreign[pid] {
			w.sort(pid)
		}
		if w.ours[pid] {
			w.examine(look(pid))
		}
	}
	for _, known := range []map[int]bool{w.ours, w.foreign} {
		for pid := range known {
			if !living[pid] {
				delete(known, pid)
			}
		}
	}
}

// sort decides whether a process descends from this one. A parent is always
// seen before, or has died and left the child to us.
func (w *watcher) sort(pid int) {
	parent := parentOf(pid)
	if parent > 1 && parent != os.Getpid() && !w.ours[parent] && !w.foreign[parent] {
		w.sort(parent) // it is later in the list
	}
	if parent == os.Getpid() || w.ours[parent] {
		w.ours[pid] = true
	} else {
		w.foreign[pid] = true
	}
}

func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	var state string
	var parent int
	_, _ = fmt.Sscanf(string(stat[bytes.LastIndexByte(stat, ')')+1:]), "%s %d", &state, &parent)
	return parent
}

// examine searches the arguments and the environment of a process.
func (w *watcher) examine(args, environ []byte) {
	text := slices.Concat(args, []byte{0}, environ)
	hash := maphash.Bytes(w.seed, text)
	if w.seen[hash] {
		return
	}
	w.seen[hash] = true
	for work, s := range w.scripts {
		if mine := ofScript(environ, work); !mine && bytes.Contains(environ, []byte("\x00WORK=")) {
			continue
		}
		if found := s.canaries.find(text); len(found) > 0 {
			shown := strings.ReplaceAll(s.canaries.redact(string(args)), "\x00", " ")
			w.leaks = append(w.leaks, fmt.Sprintf("%s: arguments or environment of %q hold a secret: %s",
				filepath.Base(work), shown, strings.Join(found, ", ")))
		}
	}
}

// ofScript goes by what the engine sets, or the home that a run in the
// background keeps.
func ofScript(environ []byte, work string) bool {
	all := append([]byte{0}, environ...)
	return bytes.Contains(all, []byte("\x00WORK="+work+"\x00")) || bytes.Contains(all, []byte("\x00HOME="+work+"/"))
}

// end reports leaks, and ends the processes that outlive a script.
func (w *watcher) end(s *script) (complaints []string) {
	left := w.waitFor(func() []int { return processesOf(w.living(), s.work) })
	for _, pid := range left {
		complaints = append(complaints, fmt.Sprintf("process %d outlives the script: %s", pid, s.canaries.redact(arguments(pid))))
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.scripts, s.work)
	prefix := filepath.Base(s.work) + ": "
	w.leaks = slices.DeleteFunc(w.leaks, func(leak string) bool {
		if strings.HasPrefix(leak, prefix) {
			complaints = append(complaints, leak)
			return true
		}
		return false
	})
	return complaints
}

// arguments is the command line of a process, empty for a zombie.
func arguments(pid int) string {
	args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(bytes.ReplaceAll(args, []byte{0}, []byte{' '}))
}

// noneLeft checks, after all scripts, that no process of any is left.
func (w *watcher) noneLeft(t *testing.T) {
	for _, pid := range w.waitFor(w.living) {
		t.Errorf("process %d outlives all scripts: %s", pid, arguments(pid))
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, leak := range w.leaks {
		t.Error(leak)
	}
}

// outlive is how long a process may take to notice that it should end.
const outlive = 3 * time.Second

// waitFor returns what list still holds after a while.
func (w *watcher) waitFor(list func() []int) []int {
	for end := time.Now().Add(outlive); ; time.Sleep(20 * time.Millisecond) {
		w.look()
		if left := list(); len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// living lists our descendants that are no zombies: those have no arguments.
func (w *watcher) living() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var pids []int
	for pid := range w.ours {
		if arguments(pid) != "" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processesOf keeps the processes of a script.
func processesOf(pids []int, work string) []int {
	return slices.DeleteFunc(pids, func(pid int) bool {
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		return !ofScript(environ, work) && cwd != work && !strings.HasPrefix(cwd, work+"/")
	})
}

// watchOutside notes what scripts must not touch, and returns what compares it
// afterwards.
func watchOutside(t *testing.T) (check func()) {
	before := outside()
	return func() {
		after := outside()
		for end := time.Now().Add(outlive); len(added(before, after)) > 0 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			after = outside() // what another package's tests made goes away by itself
		}
		for _, path := range added(before, after) {
			t.Errorf("a script made or changed %s", path)
		}
	}
}

// outside describes the files outside a script's directory that a mistake
// would make: the person's own configuration and vault, and leftovers.
func outside() map[string]string {
	home, _ := os.UserHomeDir()
	found := map[string]string{}
	for _, pattern := range []string{
		home + "/.gitconfig*", home + "/.config/git/*", home + "/.git-credentials", home + "/.local/share/patrol", home + "/.local/share/patrol/*",
		home + "/.patrol*", os.TempDir() + "/patrol*", "/tmp/patrol*", "/tmp/.patrol*", "/dev/shm/patrol*", "/etc/gitconfig*",
	} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if info, err := os.Lstat(path); err == nil {
				found[path] = fmt.Sprint(info.Size(), info.ModTime())
			}
		}
	}
	return found
}

// added lists what is new or changed.
func added(before, after map[string]string) []string {
	var paths []string
	for path, what := range after {
		if before[path] != what {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
