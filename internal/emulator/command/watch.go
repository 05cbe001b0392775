package command

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func clock() subcommand {
	return subcommand{
		name:    "clock",
		summary: "show or move the emulator's clock",
		help: `
usage: azdo-emulator clock [+TIME | -TIME | RFC3339]

Without an argument, prints the emulator's time. Expiry of tokens follows it,
the validity of the certificate authority does not.

  azdo-emulator clock +8d
  azdo-emulator clock 2026-12-01T00:00:00Z
`,
		run: runClock,
	}
}

func runClock(ctx context.Context, p Program, args []string) error {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		return flag.ErrHelp
	}
	if len(args) > 1 {
		return usageError{fmt.Errorf("unexpected argument %q", args[1])}
	}
	method, body := http.MethodGet, any(nil)
	if len(args) == 1 {
		change, err := parseClock(args[0])
		if err != nil {
			return usageError{err}
		}
		method, body = http.MethodPost, change
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	var now emulator.ClockChange
	if err := r.call(ctx, method, "clock", body, &now); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, now.Set.Format(time.RFC3339))
	return err
}

// parseClock reads +8d, -1h or a point in time.
func parseClock(s string) (emulator.ClockChange, error) {
	if !strings.HasPrefix(s, "+") && !strings.HasPrefix(s, "-") {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return emulator.ClockChange{}, fmt.Errorf("clock %q: write +8d, -1h or 2026-12-01T00:00:00Z", s)
		}
		return emulator.ClockChange{Set: at}, nil
	}
	d, err := emulator.ParseDuration(strings.TrimPrefix(s, "+"))
	return emulator.ClockChange{Advance: emulator.Duration(d)}, err
}

func log() subcommand {
	return subcommand{
		name:    "log",
		summary: "show the requests that reached the emulator",
		help: `
usage: azdo-emulator log [--json] [--clear]

  --json   print a JSON array instead of lines
  --clear  empty the log after printing it

No secret is in it: no header, query or body. Status 0 is a dropped connection.
`,
		run: runLog,
	}
}

func runLog(ctx context.Context, p Program, args []string) error {
	flags := flag.NewFlagSet("log", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	empty := flags.Bool("clear", false, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	entries := []emulator.Request{}
	if err := r.call(ctx, http.MethodGet, "log", nil, &entries); err != nil {
		return err
	}
	if *empty {
		if err := r.call(ctx, http.MethodDelete, "log", nil, nil); err != nil {
			return err
		}
	}
	if *asJSON {
		return p.printJSON(entries)
	}
	for _, entry := range entries {
		fmt.Fprintln(p.Stdout, entry)
	}
	return nil
}

func state() subcommand {
	return subcommand{
		name:    "state",
		summary: "show organizations, users, tokens and faults as JSON",
		help: `
usage: azdo-emulator state

Prints the present state as JSON. Tokens are listed without their secrets,
which the emulator does not have either.
`,
		run: func(ctx context.Context, p Program, args []string) error {
			if _, err := parse(flag.NewFlagSet("state", flag.ContinueOnError), args, 0, 0); err != nil {
				return err
			}
			r, err := p.connect()
			if err != nil {
				return err
			}
			var s emulator.State
			if err := r.call(ctx, http.MethodGet, "state", nil, &s); err != nil {
				return err
			}
			return p.printJSON(s)
		},
	}
}

// printJSON prints a value indented.
func (p Program) printJSON(v any) error {
	encoder := json.NewEncoder(p.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
