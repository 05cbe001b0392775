// Package command is the command line of azdo-emulator: "serve" runs an
// emulator, the other commands talk to a running one over its control calls.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// Program is what the command line uses of the world around it.
type Program struct {
	Stdin          io.Reader // for "user password" only
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
}

// EnvAddress is the variable that names a running emulator, as an http URL.
const EnvAddress = "AZDO_EMULATOR"

// subcommand is one command: what it is called, says and does.
type subcommand struct {
	name, summary, help string
	run                 func(context.Context, Program, []string) error
}

// subcommands lists all commands in the order of the help.
func subcommands() []subcommand {
	return []subcommand{serve(), seed(), mint(), revoke(), clock(), log(), fault(), policy(), user(), totp(), bearer(), sshkey(), state(), token()}
}

// usageError is a mistake in the command line: exit code 2.
type usageError struct{ error }

// Unwrap implements the errors package's idea of a cause.
func (e usageError) Unwrap() error { return e.error }

// hintError says on a second line what to type next.
type hintError struct {
	error
	hint string
}

// Unwrap implements the errors package's idea of a cause.
func (e hintError) Unwrap() error { return e.error }

// hinted adds a hint to an error.
func hinted(hint, format string, args ...any) error {
	return hintError{fmt.Errorf(format, args...), hint}
}

// Main runs one command line, without the program's name, and returns the
// exit code: 0 done, 1 failed, 2 a mistake in the command line.
func (p Program) Main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		return p.fail("", usageError{errors.New("no command given")})
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		return p.help(args[1:])
	}
	for _, c := range subcommands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, p, args[1:])
		if errors.Is(err, flag.ErrHelp) {
			return p.help(args[:1])
		}
		return p.fail(c.name, err)
	}
	return p.fail("", usageError{fmt.Errorf("no command %q", args[0])})
}

// fail prints an error, if there is one, on two lines and returns its code.
func (p Program) fail(name string, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(p.Stderr, "azdo-emulator:", err)
	var usage usageError
	isUsage := errors.As(err, &usage)
	var h hintError
	switch {
	case errors.As(err, &h):
		fmt.Fprintln(p.Stderr, "try:", h.hint)
	case isUsage:
		fmt.Fprintln(p.Stderr, strings.TrimSpace("try: azdo-emulator help "+name))
	}
	if isUsage {
		return 2
	}
	return 1
}

// help prints the help of a command, or of all.
func (p Program) help(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(p.Stdout, overview)
		for _, c := range subcommands() {
			fmt.Fprintf(p.Stdout, "  %-7s %s\n", c.name, c.summary)
		}
		fmt.Fprint(p.Stdout, epilogue)
		return 0
	}
	for _, c := range subcommands() {
		if c.name == args[0] {
			fmt.Fprintf(p.Stdout, "%s\n\n%s", c.summary, strings.TrimLeft(c.help, "\n"))
			return 0
		}
	}
	return p.fail("", usageError{fmt.Errorf("no command %q", args[0])})
}

const overview = `azdo-emulator is a small Azure DevOps on this machine, for tests and demonstrations.
It is a proxy for the service's host names: clients need HTTPS_PROXY and its
certificate authority, and nothing leaves the machine.

Commands:
`

const epilogue = `
Example:
  azdo-emulator serve --env-file emulator.env &
  until [ -e emulator.env ]; do sleep 0.1; done; . ./emulator.env
  azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code_write
  git clone https://dev.azure.com/contoso/shop/_git/web

Exit codes: 0 done, 1 failed, 2 a mistake in the command line.
Help on one command: azdo-emulator help COMMAND
`

// parse reads flags that may stand before, between and behind the other
// arguments, and returns those. least and most say how many there may be;
// most -1 is any number.
func parse(flags *flag.FlagSet, args []string, least, most int) ([]string, error) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{err}
		}
		if flags.NArg() == 0 {
			break
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
	switch {
	case len(rest) < least:
		return nil, usageError{errors.New("an argument is missing")}
	case most >= 0 && len(rest) > most:
		return nil, usageError{fmt.Errorf("unexpected argument %q", rest[most])}
	}
	return rest, nil
}
