package command

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func user() subcommand {
	return subcommand{
		name:    "user",
		summary: "do to a user what an administrator can",
		help: `
usage: azdo-emulator user ACTION UPN [--org ORG]

ACTION is one of
  lock      as after too many wrong passwords, until unlock
  unlock
  disable   sign-ins, refresh tokens and access tokens are refused
  enable
  password  a new one, read from standard input; earlier sign-ins end
  revoke    earlier sign-ins end
  remove    from the organization of --org
  add       back to it
  forget    all consent to applications

  azdo-emulator user lock ada@contoso.com
  echo another-password | azdo-emulator user password ada@contoso.com
  azdo-emulator user remove ada@contoso.com --org contoso
`,
		run: runUser,
	}
}

func runUser(ctx context.Context, p Program, args []string) error {
	var c emulator.UserChange
	flags := flag.NewFlagSet("user", flag.ContinueOnError)
	flags.StringVar(&c.Organization, "org", "", "")
	rest, err := parse(flags, args, 2, 2)
	if err != nil {
		return err
	}
	c.Action, c.User = emulator.UserAction(rest[0]), rest[1]
	if !slices.Contains(emulator.UserActions(), c.Action) {
		return usageError{fmt.Errorf("%q is not one of %v", rest[0], emulator.UserActions())}
	}
	moves := c.Action == emulator.UserRemove || c.Action == emulator.UserAdd
	if moves != (c.Organization != "") {
		return usageError{errors.New("--org is for remove and add, and they need it")}
	}
	if c.Action == emulator.UserPassword {
		if c.Password, err = p.firstLine(); err != nil {
			return err
		}
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	if err := r.call(ctx, http.MethodPost, "user", c, nil); err != nil {
		return hinted("azdo-emulator state", "%w", err)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s %s\n", c.Action, c.User)
	return err
}

// firstLine reads a password from standard input: an argument would be seen
// by everybody on the machine.
func (p Program) firstLine() (string, error) {
	if p.Stdin == nil {
		return "", errors.New("no standard input")
	}
	line, _ := bufio.NewReader(io.LimitReader(p.Stdin, 4096)).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", hinted("echo another-password | azdo-emulator user password ada@contoso.com", "no password on standard input")
	}
	return line, nil
}

func totp() subcommand {
	return subcommand{
		name:    "totp",
		summary: "print the code that a user's authenticator app shows now",
		help: `
usage: azdo-emulator totp UPN

The code is good once, and for about a minute of the emulator's clock.

  azdo-emulator totp ada@contoso.com
`,
		run: func(ctx context.Context, p Program, args []string) error {
			rest, err := parse(flag.NewFlagSet("totp", flag.ContinueOnError), args, 1, 1)
			if err != nil {
				return err
			}
			var code emulator.Code
			return p.printOne(ctx, "totp", emulator.UserChange{User: rest[0]}, &code, &code.Code)
		},
	}
}

func bearer() subcommand {
	return subcommand{
		name:    "bearer",
		summary: "print an access token of Microsoft Entra, without a sign-in",
		help: `
usage: azdo-emulator bearer (--user UPN | --service) --org ORG [--scope SCOPE] [--client ID] [--continuous]

  --user UPN     whose token
  --service      the application's own instead: a service principal
  --org ORG      where it shall be good: its tenant issues the token
  --scope SCOPE  such as vso.code_write; default: user_impersonation
  --client ID    the application; default: Visual Studio
  --continuous   the client takes claims challenges ("cp1")

It is as after a sign-in with two factors, and good for an hour.

  curl -H "Authorization: Bearer $(azdo-emulator bearer --user ada@contoso.com --org contoso)" https://dev.azure.com/contoso/_apis/connectionData
`,
		run: runBearer,
	}
}

func runBearer(ctx context.Context, p Program, args []string) error {
	var o emulator.BearerOptions
	flags := flag.NewFlagSet("bearer", flag.ContinueOnError)
	flags.StringVar(&o.User, "user", "", "")
	flags.StringVar(&o.Organization, "org", "", "")
	flags.StringVar(&o.Scope, "scope", "", "")
	flags.StringVar(&o.Client, "client", "", "")
	flags.BoolVar(&o.Continuous, "continuous", false, "")
	flags.BoolVar(&o.Service, "service", false, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if o.Service == (o.User != "") || o.Organization == "" {
		return usageError{errors.New("--org and one of --user and --service are needed")}
	}
	var made emulator.Bearer
	return p.printOne(ctx, "bearer", o, &made, &made.Token)
}

// printOne makes a control call and prints one string of its answer.
func (p Program) printOne(ctx context.Context, path string, body, into any, text *string) error {
	r, err := p.connect()
	if err != nil {
		return err
	}
	if err := r.call(ctx, http.MethodPost, path, body, into); err != nil {
		return hinted("azdo-emulator state", "%w", err)
	}
	_, err = fmt.Fprintln(p.Stdout, *text)
	return err
}
