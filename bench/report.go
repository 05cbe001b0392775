//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report collects what was measured, and becomes a page.
type report struct {
	machine  []string
	load     string // of the processors when it began
	rounds   int
	took     time.Duration
	goals    []goal
	sections []string
}

type goal struct {
	what, limit, got string
	met              bool
}

// atMost is a goal for a figure.
func (r *report) atMost(what string, got, most float64) {
	r.goals = append(r.goals, goal{what, fmt.Sprintf("at most %g", most), fmt.Sprintf("%.2f", got), got <= most})
}

// none is a goal for a number of things that must not be.
func (r *report) none(what string, got int) {
	r.goals = append(r.goals, goal{what, "none", fmt.Sprint(got), got == 0})
}

// one is a goal for what must be there once in each of the rounds.
func one[S any](r *report, what string, rounds []S, of func(S) int) {
	got := make([]int, len(rounds))
	for i, s := range rounds {
		got[i] = of(s)
	}
	slices.Sort(got)
	got = slices.Compact(got)
	r.goals = append(r.goals, goal{what, "1", strings.Trim(fmt.Sprint(got), "[]"), len(got) == 1 && got[0] == 1})
}

func (r *report) missed() (goals []string) {
	for _, g := range r.goals {
		if !g.met {
			goals = append(goals, fmt.Sprintf("%s: %s, the goal is %s", g.what, g.got, g.limit))
		}
	}
	return goals
}

// say adds a section, or with an empty title one more line to the last.
func (r *report) say(title, text string) {
	if title == "" {
		r.sections[len(r.sections)-1] += text + "\n"
		return
	}
	r.sections = append(r.sections, "## "+title+"\n\n"+text+"\n\n")
}

// table is a group of commands that were run in turn. Its ratios are to the
// first. Without a title and text it goes on with the section before.
type table struct {
	title, text string
	rounds      int
	rows        []row
}

func ratio(a, b row) float64 { return float64(a.wall) / float64(b.wall) }

func (r *report) add(t table) {
	var b strings.Builder
	if t.text != "" {
		fmt.Fprintf(&b, "%s Medians of %d rounds; ratios to the first line.\n\n", t.text, t.rounds)
	}
	b.WriteString("| command | ratio | CPU ratio | ms |\n|---|---:|---:|---:|\n")
	for _, row := range t.rows {
		if row.note != "" {
			fmt.Fprintf(&b, "| %s | not measured: %s | | |\n", row.name, row.note)
			continue
		}
		cpu := ""
		if first := t.rows[0].cpu; first > 0 {
			cpu = fmt.Sprintf("%.2f", float64(row.cpu)/float64(first))
		}
		fmt.Fprintf(&b, "| %s | %.2f | %s | %.1f |\n", row.name, ratio(row, t.rows[0]), cpu, float64(row.wall)/float64(time.Millisecond))
	}
	r.say(t.title, strings.TrimSuffix(b.String(), "\n"))
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nWritten by `make bench`: not to be edited.\n\n" +
		"The commands of a table are run in turn, the first before each of the others, so that what else the machine does strikes all of them and none runs right after itself. " +
		"Only the ratios carry over to another machine. A millisecond here is from before the process is made until it has been waited for.\n\n" +
		"A thousand rounds are needed to tell ratios apart by two hundredths on a quiet machine; where the table about the check for renewal gives two copies of one program ratios that differ by more, the machine was not quiet.\n\n## Goals\n\n| goal | | measured | met |\n|---|---|---:|---|\n")
	for _, g := range r.goals {
		met := "yes"
		if !g.met {
			met = "**no**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.what, g.limit, g.got, met)
	}
	for _, s := range r.sections {
		b.WriteString("\n" + strings.TrimRight(s, "\n") + "\n")
	}
	fmt.Fprintf(&b, "\n## Machine\n\n- %s\n- load average when it began: %s\n- took %d s\n", strings.Join(r.machine, "\n- "), r.load, int(r.took.Seconds()))
	return b.String()
}

// describeMachine names what the figures depend on.
func describeMachine(ctx context.Context, w *world) []string {
	run := func(name string, args ...string) string {
		out, _ := output(ctx, w.env(usual), "", name, args...)
		return strings.TrimSpace(out)
	}
	return []string{
		fmt.Sprintf("%d processors, %s", runtime.NumCPU(), word("/proc/cpuinfo", "model name")),
		"Linux " + word("/proc/sys/kernel/osrelease", "") + ", " + strings.Trim(word("/etc/os-release", "PRETTY_NAME"), `"`) + ", " + runtime.GOARCH,
		run(filepath.Join(w.bin, "patrol"), "--version") + ", " + runtime.Version() + ", " + run(w.git, "--version"),
	}
}

// word is the value of the first line "key = value" or "key: value" of a file,
// or the first line.
func word(file, key string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key == "" {
			return strings.TrimSpace(line)
		}
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.Trim(rest, " \t\n:=")
		}
	}
	return "unknown"
}
