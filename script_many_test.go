//go:build linux

package patrol_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdMany runs a program many times at once, each time with its number in the
// place of [I], and prints what was the same of all, or how they differ.
func cmdMany(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "many [-kill=TIME] N [feed FILE] PROGRAM..."
	var kill time.Duration
	if len(args) > 0 && strings.HasPrefix(args[0], "-kill=") {
		d, err := time.ParseDuration(strings.TrimPrefix(args[0], "-kill="))
		ts.Check(err)
		kill, args = d, args[1:]
	}
	need(ts, !neg && len(args) >= 2, usage)
	n, args := number(ts, args[0]), args[1:]
	input := ""
	if args[0] == "feed" {
		need(ts, len(args) > 2, usage)
		input, args = of(ts).canaries.fill(ts.ReadFile(args[1]), ts.Getenv), args[2:]
	}
	c := &crowd{s: of(ts), program: find(ts, args[0]), dir: ts.MkAbs("."), env: environ(ts), kill: kill}
	counts := map[string]int{}
	for _, one := range c.run(n, input, args) {
		counts[one]++
	}
	for _, one := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	}) {
		fmt.Fprintf(ts.Stdout(), "%d times: %s\n", counts[one], one)
	}
}

// crowd is many runs of one program.
type crowd struct {
	s       *script
	program string
	dir     string
	env     []string
	kill    time.Duration // if set, kill each run at a time up to it
}

// run runs the program n times at once and returns how each run ended and what
// it printed, without secrets.
func (c *crowd) run(n int, input string, args []string) []string {
	results := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		numbered := func(s string) string { return strings.ReplaceAll(s, "[I]", fmt.Sprint(i+1)) }
		words := make([]string, len(args))
		for j, arg := range args {
			words[j] = numbered(arg)
		}
		all.Go(func() { results[i] = c.one(numbered(input), words) })
	}
	all.Wait()
	return results
}

func (c *crowd) one(input string, words []string) string {
	limit := patience
	if c.kill > 0 {
		limit = rand.N(c.kill)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, words[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.dir, c.env, time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return err.Error()
	}
	ended := fmt.Sprintf("exit %d", cmd.ProcessState.ExitCode())
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		ended = status.Signal().String()
	}
	return c.s.canaries.redact(strings.TrimRight(ended+"\n"+stdout.String()+stderr.String(), "\n"))
}

// cmdBlocked runs N helpers at once, none of which can get rid of its answer:
// the pipe is full. Then it looks what each holds, lets them go, and prints the
// answers as cmdMany does.
func cmdBlocked(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 3 && args[1] == "feed", "blocked N feed FILE PROGRAM...")
	c := &crowd{s: of(ts), program: find(ts, args[3]), dir: ts.MkAbs("."), env: environ(ts)}
	input := c.s.canaries.fill(ts.ReadFile(args[2]), ts.Getenv)
	var runs []*blocked
	defer func() {
		for _, b := range runs {
			b.end()
		}
	}()
	for range number(ts, args[0]) {
		b, err := c.block(input, args[3:])
		ts.Check(err)
		runs = append(runs, b)
	}
	counts := map[string]int{}
	largest := 0
	for _, b := range runs {
		ts.Check(b.await())
		for _, file := range b.files() {
			if strings.Contains(file, c.s.work) {
				ts.Fatalf("a helper that only has to answer still holds %s", file)
			}
		}
		largest = max(largest, b.memory())
	}
	for _, b := range runs {
		counts[b.end()]++
	}
	fmt.Fprintf(ts.Stdout(), "the largest had %d kB\n", largest)
	for one, n := range counts {
		fmt.Fprintf(ts.Stdout(), "%d times: %s\n", n, c.s.canaries.redact(one))
	}
}

// blocked is a program whose standard output is a full pipe.
type blocked struct {
	cmd    *exec.Cmd
	reader *os.File
	once   sync.Once
	answer string
}

const pipeHolds = 64 << 10 // pipe(7)

func (c *crowd) block(input string, words []string) (*blocked, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer to.Close()
	if _, err := to.Write(make([]byte, pipeHolds)); err != nil {
		return nil, err
	}
	cmd := exec.Command(c.program, words[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout = c.dir, c.env, strings.NewReader(input), to
	return &blocked{cmd: cmd, reader: from}, cmd.Start()
}

// await waits until the program cannot but wait itself.
func (b *blocked) await() error {
	for end := time.Now().Add(patience / 2); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", b.cmd.Process.Pid))
		for _, thread := range threads {
			if at, _ := os.ReadFile(thread); bytes.Contains(at, []byte("pipe_write")) {
				return nil
			}
		}
	}
	return errors.New("it does not write its answer")
}

// files lists what the program has open.
func (b *blocked) files() (names []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", b.cmd.Process.Pid))
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil {
			names = append(names, to)
		}
	}
	return names
}

// memory is the most that the program had, in kB; see VmHWM in proc_pid_status(5).
func (b *blocked) memory() int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kB := 0
	_, _ = fmt.Sscan(rest, &kB)
	return kB
}

// end reads the answer, and waits for the end.
func (b *blocked) end() string {
	b.once.Do(func() {
		defer b.reader.Close()
		_ = b.reader.SetReadDeadline(time.Now().Add(patience / 2))
		all, err := io.ReadAll(b.reader)
		if err != nil {
			_ = b.cmd.Process.Kill()
		}
		_ = b.cmd.Wait()
		b.answer = fmt.Sprintf("exit %d\n%s", b.cmd.ProcessState.ExitCode(), bytes.Trim(all, "\x00\n"))
	})
	return b.answer
}
