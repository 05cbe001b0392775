//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// command is one of those that are run in turn.
type command struct {
	name  string
	env   []string
	argv  []string // its first word is a path
	stdin string
	says  string // a piece of every answer; empty: there must be none
}

// sample is what one run took, and said.
type sample struct {
	wall, cpu time.Duration
	said      string
}

// running is a command that has been started.
type running struct {
	command
	began   time.Time
	process *os.Process
	out     *os.File
}

// start starts a command with its whole request in a pipe, as Git gives it, and
// another for the answer.
func (c command) start() (running, error) {
	in, err := filled(c.stdin)
	if err != nil {
		return running{}, err
	}
	defer in.Close()
	out, write, err := os.Pipe()
	if err != nil {
		return running{}, err
	}
	defer write.Close()
	r := running{command: c, out: out, began: time.Now()}
	r.process, err = os.StartProcess(c.argv[0], c.argv, &os.ProcAttr{Env: c.env, Files: []*os.File{in, write, os.Stderr}})
	return r, err
}

// filled is the reading end of a pipe that holds s and nothing after it.
func filled(s string) (*os.File, error) {
	in, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(write, s)
	return in, cmp.Or(err, write.Close())
}

// wait waits for a command's end and judges its answer.
func (r running) wait() (sample, error) {
	defer r.out.Close()
	state, err := r.process.Wait()
	wall := time.Since(r.began)
	if err != nil {
		return sample{}, err
	}
	said, err := io.ReadAll(r.out)
	switch {
	case err != nil:
		return sample{}, err
	case !state.Success():
		return sample{}, fmt.Errorf("%s: %v", r.name, state)
	case r.says == "" && len(said) > 0, !strings.Contains(string(said), r.says):
		return sample{}, fmt.Errorf("%s gave an answer of %d bytes that is not the right one", r.name, len(said))
	}
	return sample{wall, state.UserTime() + state.SystemTime(), string(said)}, nil
}

func (c command) run() (sample, error) {
	r, err := c.start()
	if err != nil {
		return sample{}, err
	}
	return r.wait()
}

// row is a line of a table: medians of a command's runs.
type row struct {
	name      string
	wall, cpu time.Duration
	note      string // why it was not measured
}

// interleave runs the commands in turn, so that whatever else the machine does
// strikes all of them. The first, which the others are compared with, is run
// before each of the others: a program is faster right after itself, and so none
// is. Each round begins with another command.
func interleave(ctx context.Context, rounds int, commands []command) ([]row, error) {
	const warm = 3 // runs that do not count
	samples := make([][]sample, len(commands))
	others := len(commands) - 1
	for round := range warm + rounds {
		for i := range others {
			for _, i := range []int{0, 1 + (i+round)%others} {
				s, err := commands[i].run()
				if err := cmp.Or(ctx.Err(), err); err != nil {
					return nil, err
				}
				if round >= warm {
					samples[i] = append(samples[i], s)
				}
			}
		}
	}
	rows := make([]row, len(commands))
	for i, s := range samples {
		rows[i] = row{
			name: commands[i].name,
			wall: median(s, func(s sample) time.Duration { return s.wall }),
			cpu:  median(s, func(s sample) time.Duration { return s.cpu }),
		}
	}
	return rows, nil
}

func median[S any, N time.Duration | int64](samples []S, of func(S) N) N {
	values := make([]N, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
