//go:build linux

// Command bench measures git-credential-patrol beside a program that does
// nothing, beside other credential helpers and through Git, and writes
// docs/benchmarks.md. It works in a home directory that is thrown away, with an
// Azure DevOps played on this machine. Run it with "make bench".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

// run returns the exit code: 0 every goal was met, 1 one was not or nothing
// could be measured, 2 a mistake in the command line.
func run() int {
	rounds := flag.Int("rounds", 1000, "runs of each command at its start; tables of slower ones take fewer")
	to := flag.String("to", filepath.Join("docs", "benchmarks.md"), "the file to write")
	only := flag.String("only", "", "measure only the steps with this in their names, and print what would be written")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: go run ./bench [--rounds N] [--only STEP] [--to FILE] BIN\nBIN is the directory of the programs, from \"make build\".")
	}
	flag.Parse()
	if flag.NArg() != 1 || *rounds < 20 {
		flag.Usage()
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	r, err := bench(ctx, flag.Arg(0), *only, *rounds)
	if err == nil {
		err = r.write(*to, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	missed := r.missed()
	for _, goal := range missed {
		fmt.Fprintln(os.Stderr, "bench: missed:", goal)
	}
	if len(missed) > 0 {
		fmt.Fprintf(os.Stderr, "hint: where other work takes the processors, ratios grow; load average %s on %d\n", r.load, runtime.NumCPU())
		return 1
	}
	return 0
}

// write puts the page into its file; a part of it is shown instead.
func (r *report) write(to, only string) error {
	if only != "" {
		_, err := os.Stdout.WriteString(r.markdown())
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, []byte(r.markdown()), 0o644)
}

// bench does the steps whose names hold only, and leaves nothing behind.
func bench(ctx context.Context, bin, only string, rounds int) (*report, error) {
	began := time.Now()
	all := slices.DeleteFunc(steps(), func(s step) bool { return !strings.Contains(s.name, only) })
	if len(all) == 0 {
		return nil, fmt.Errorf("no step is called %q", only)
	}
	w, err := newWorld(ctx, bin)
	if err != nil {
		return nil, err
	}
	defer w.close()
	r := &report{rounds: rounds}
	r.load, _, _ = strings.Cut(word("/proc/loadavg", ""), " ")
	r.machine = describeMachine(ctx, w)
	for i, step := range all {
		fmt.Fprintf(os.Stderr, "bench: %d/%d %s\n", i+1, len(all), step.name)
		start := time.Now()
		if err := step.do(ctx, w, r); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %d/%d took %.1f s\n", i+1, len(all), time.Since(start).Seconds())
	}
	r.took = time.Since(began)
	return r, nil
}

type step struct {
	name string
	do   func(context.Context, *world, *report) error
}

// steps are what is measured, in the order of the page.
func steps() []step {
	return []step{
		{"a cached get, store and erase", measureHelper},
		{"each key source", measureSources},
		{"what a start costs", measureStarts},
		{"other helpers", measurePeers},
		{"through git credential fill", measureGit},
		{"64 at once", measureParallel},
		{"the check for renewal", measureCheck},
		{"renewal by 64 at once", measureRenewal},
		{"memory", measureMemory},
		{"system calls", measureCalls},
		{"sizes", measureSizes},
	}
}

// output runs a program to its end and returns what it printed; an error holds
// its last words.
func output(ctx context.Context, env []string, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdin = env, strings.NewReader(stdin)
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, exit.Stderr)
	}
	return string(out), err
}

// need installs Debian packages, or says that they are missing.
func need(ctx context.Context, packages ...string) error {
	_, err := output(ctx, os.Environ(), "", filepath.Join("tools", "need.sh"), packages...)
	return err
}
