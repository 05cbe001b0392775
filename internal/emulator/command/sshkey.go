package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func sshkey() subcommand {
	return subcommand{
		name:    "sshkey",
		summary: "add, list or delete the SSH keys of people",
		help: `
usage: azdo-emulator sshkey add UPN ORG FILE.pub [--name NAME]
       azdo-emulator sshkey list
       azdo-emulator sshkey delete ID

Does what a person does on the page ORG/_usersSettings/keys. FILE - is
standard input. A line of the list is
  active|expired|deleted UPN name="NAME" uses=N FINGERPRINT id=ID

  azdo-emulator sshkey add ada@contoso.com contoso ~/.ssh/id_rsa.pub
`,
		run: runSSHKey,
	}
}

func runSSHKey(ctx context.Context, p Program, args []string) error {
	name := "laptop"
	flags := flag.NewFlagSet("sshkey", flag.ContinueOnError)
	flags.StringVar(&name, "name", name, "")
	rest, err := parse(flags, args, 1, 4)
	if err != nil {
		return err
	}
	r, err := p.connect()
	if err != nil {
		return err
	}
	switch {
	case rest[0] == "list" && len(rest) == 1:
		return p.listSSHKeys(ctx, r)
	case rest[0] == "delete" && len(rest) == 2:
		return r.call(ctx, http.MethodPost, "sshkey", emulator.SSHKeyChange{Delete: rest[1]}, nil)
	case rest[0] == "add" && len(rest) == 4:
		var data []byte
		if rest[3] == "-" {
			data, err = io.ReadAll(p.Stdin)
		} else {
			data, err = os.ReadFile(rest[3])
		}
		if err != nil {
			return err
		}
		var k emulator.SSHKey
		if err := r.call(ctx, http.MethodPost, "sshkey", emulator.SSHKeyChange{User: rest[1], Organization: rest[2], Name: name, PublicKey: string(data)}, &k); err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.Stdout, k.ID)
		return err
	}
	return usageError{fmt.Errorf("%q is not add, list or delete with what they need", rest[0])}
}

// listSSHKeys prints a line for each key, oldest first.
func (p Program) listSSHKeys(ctx context.Context, r *remote) error {
	var s emulator.State
	if err := r.call(ctx, http.MethodGet, "state", nil, &s); err != nil {
		return err
	}
	for _, k := range s.SSHKeys {
		status := "active"
		switch {
		case !k.Deleted.IsZero():
			status = "deleted"
		case !s.Clock.Before(k.ValidTo):
			status = "expired"
		}
		if _, err := fmt.Fprintf(p.Stdout, "%s %s name=%q uses=%d %s id=%s\n", status, k.User, k.Name, k.Uses, k.Fingerprint, k.ID); err != nil {
			return err
		}
	}
	return nil
}
