package command

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func mint() subcommand {
	return subcommand{
		name:    "mint",
		summary: "make a personal access token and print it",
		help: `
usage: azdo-emulator mint --user UPN (--org ORG | --global) --scope SCOPE [--life 7d] [--name NAME] [--format new|classic]

  --user UPN     whose token, such as ada@contoso.com
  --org ORG      the organization it is for
  --global       for all organizations instead
  --scope SCOPE  space-separated, such as "vso.code_write vso.packaging", or app_token for all
  --life TIME    how long it is valid: 7d (default), 12h, 1d12h; negative: expired already
  --name NAME    its display name
  --format F     new: 84 characters (default); classic: 52, as before July 2024

Prints the token alone on standard output and its id on standard error.

  PAT=$(azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code)
`,
		run: runMint,
	}
}

func runMint(ctx context.Context, p Program, args []string) error {
	o := emulator.MintOptions{Name: "made by azdo-emulator mint"}
	flags := flag.NewFlagSet("mint", flag.ContinueOnError)
	flags.StringVar(&o.User, "user", "", "")
	flags.StringVar(&o.Organization, "org", "", "")
	flags.BoolVar(&o.Global, "global", false, "")
	flags.StringVar(&o.Scope, "scope", "", "")
	flags.StringVar(&o.Name, "name", o.Name, "")
	flags.Func("life", "", func(s string) error { return o.Life.UnmarshalText([]byte(s)) })
	flags.Func("format", "", func(s string) error { o.Format = emulator.Format(s); return nil })
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if o.User == "" || o.Scope == "" || o.Global == (o.Organization != "") {
		return usageError{hinted("azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code",
			"--user, --scope and one of --org and --global are needed")}
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	var minted emulator.Minted
	if err := r.call(ctx, http.MethodPost, "mint", o, &minted); err != nil {
		return hinted("azdo-emulator state", "%w", err)
	}
	fmt.Fprintf(p.Stderr, "id %s, valid to %s\n", minted.PAT.ID, minted.PAT.ValidTo.Format(time.RFC3339))
	_, err = fmt.Fprintln(p.Stdout, minted.Token)
	return err
}

func revoke() subcommand {
	return subcommand{
		name:    "revoke",
		summary: "revoke a personal access token",
		help: `
usage: azdo-emulator revoke (ID | --all)

ID is the token's authorizationId, as printed by mint and state. A revoked
token is refused from the next request on.

  azdo-emulator revoke --all
`,
		run: runRevoke,
	}
}

func runRevoke(ctx context.Context, p Program, args []string) error {
	var s emulator.Selection
	flags := flag.NewFlagSet("revoke", flag.ContinueOnError)
	flags.BoolVar(&s.All, "all", false, "")
	rest, err := parse(flags, args, 0, 1)
	if err != nil {
		return err
	}
	if s.All == (len(rest) == 1) {
		return usageError{errors.New("one id or --all is needed")}
	}
	if len(rest) == 1 {
		s.ID = rest[0]
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	var done struct{ Revoked int }
	if err := r.call(ctx, http.MethodPost, "revoke", s, &done); err != nil {
		return hinted("azdo-emulator state", "%w", err)
	}
	_, err = fmt.Fprintf(p.Stdout, "revoked %d\n", done.Revoked)
	return err
}

func token() subcommand {
	return subcommand{
		name:    "token",
		summary: "print a well-formed token that nothing knows",
		help: `
usage: azdo-emulator token [--format new|classic] [--at RFC3339]

For seeds ("token") and for trying secret scanners: format and checksum are
those of real tokens. Needs no running emulator.

  --format F  new: 84 characters (default); classic: 52
  --at TIME   the creation month it carries; default: now
`,
		run: runToken,
	}
}

func runToken(_ context.Context, p Program, args []string) error {
	format, at := emulator.FormatNew, p.Now()
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	flags.Func("format", "", func(s string) error { format = emulator.Format(s); return nil })
	flags.Func("at", "", func(s string) (err error) { at, err = time.Parse(time.RFC3339, s); return err })
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	made, err := emulator.NewToken(rand.Reader, format, at)
	if err != nil {
		return usageError{err}
	}
	_, err = fmt.Fprintln(p.Stdout, made)
	return err
}
