package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func fault() subcommand {
	return subcommand{
		name:    "fault",
		summary: "make requests go wrong",
		help: `
usage: azdo-emulator fault add KIND [--path P] [--host H] [--method M] [--count N] [--skip N] [--retry-after S] [--delay TIME]
       azdo-emulator fault list
       azdo-emulator fault clear [ID...]

KIND is one of
  429           too many requests (TF400733)
  503           organization stopped (TF24668)
  401           as for a worthless credential
  203           the sign-in page, as a success
  302           sent to the sign-in page
  garbage       200 and bytes of no format
  wrongContent  200 and JSON of another call
  slow          the right answer after --delay
  slowDown      the right answer with Retry-After
  endless       200 and a body that never ends, a piece each --delay
  dropBefore    connection cut, nothing was done
  dropAfter     everything was done, then the connection is cut

  --path, --host    which requests; * is any text; default all
  --method M        GET, POST, ...; default all
  --count N         how many requests are hit; default 1, -1 all
  --skip N          let N matching requests through first
  --retry-after S   seconds, for 429, 503 and slowDown
  --delay TIME      such as 500ms; default 1s

  azdo-emulator fault add 429 --path '*/_apis/connectionData' --retry-after 2 --count 3
  azdo-emulator fault add dropAfter --method POST --path '*/git-receive-pack'
`,
		run: runFault,
	}
}

func runFault(ctx context.Context, p Program, args []string) error {
	if len(args) == 0 {
		return usageError{errors.New("add, list or clear is needed")}
	}
	switch args[0] {
	case "add":
		return p.addFault(ctx, args[1:])
	case "list":
		return p.listFaults(ctx, args[1:])
	case "clear":
		return p.clearFaults(ctx, args[1:])
	case "-h", "--help":
		return flag.ErrHelp
	}
	return usageError{fmt.Errorf("%q is not one of add, list and clear", args[0])}
}

func (p Program) addFault(ctx context.Context, args []string) error {
	var f emulator.Fault
	flags := flag.NewFlagSet("fault add", flag.ContinueOnError)
	flags.StringVar(&f.Host, "host", "", "")
	flags.StringVar(&f.Path, "path", "", "")
	flags.StringVar(&f.Method, "method", "", "")
	flags.IntVar(&f.Count, "count", 1, "")
	flags.IntVar(&f.Skip, "skip", 0, "")
	flags.IntVar(&f.RetryAfter, "retry-after", 0, "")
	flags.Func("delay", "", func(s string) error { return f.Delay.UnmarshalText([]byte(s)) })
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	f.Kind = emulator.FaultKind(rest[0])
	r, err := p.connect()
	if err != nil {
		return err
	}
	var added struct{ ID string }
	if err := r.call(ctx, http.MethodPost, "faults", f, &added); err != nil {
		return hinted("azdo-emulator help fault", "%w", err)
	}
	_, err = fmt.Fprintln(p.Stdout, added.ID)
	return err
}

func (p Program) listFaults(ctx context.Context, args []string) error {
	if _, err := parse(flag.NewFlagSet("fault list", flag.ContinueOnError), args, 0, 0); err != nil {
		return err
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	var faults []emulator.Fault
	if err := r.call(ctx, http.MethodGet, "faults", nil, &faults); err != nil {
		return err
	}
	for _, f := range faults {
		fmt.Fprintf(p.Stdout, "%s %s hits %d of %s%s\n", f.ID, f.Kind, f.Hits, countText(f.Count), filterText(f))
	}
	return nil
}

func (p Program) clearFaults(ctx context.Context, args []string) error {
	ids, err := parse(flag.NewFlagSet("fault clear", flag.ContinueOnError), args, 0, -1)
	if err != nil {
		return err
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	var done struct{ Cleared int }
	if err := r.call(ctx, http.MethodDelete, "faults?"+url.Values{"id": ids}.Encode(), nil, &done); err != nil {
		return err
	}
	if done.Cleared < len(ids) {
		return hinted("azdo-emulator fault list", "cleared %d of %s", done.Cleared, strings.Join(ids, ", "))
	}
	_, err = fmt.Fprintf(p.Stdout, "cleared %d\n", done.Cleared)
	return err
}

// countText is a fault's count in words.
func countText(n int) string {
	if n < 0 {
		return "all"
	}
	return fmt.Sprint(n)
}

// filterText is what a fault is limited to.
func filterText(f emulator.Fault) string {
	s := ""
	for _, part := range []struct{ name, value string }{{"method", f.Method}, {"host", f.Host}, {"path", f.Path}} {
		if part.value != "" {
			s += " " + part.name + " " + part.value
		}
	}
	return s
}
