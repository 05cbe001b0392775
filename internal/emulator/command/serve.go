package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func serve() subcommand {
	return subcommand{
		name:    "serve",
		summary: "run an emulator until it is interrupted",
		help: `
usage: azdo-emulator serve [--seed FILE] [--dir DIR] [--listen ADDRESS] [--env-file FILE] [--verbose]

  --seed FILE       the state to start with, in JSON; default: "azdo-emulator seed"
  --dir DIR         where bare repositories and ca.pem are kept, also for a later
                    start; default: a temporary directory, removed at the end
  --listen ADDRESS  a loopback address and port; default: 127.0.0.1:0 (any port)
  --env-file FILE   write the variables to FILE as well, once everything is ready
  --verbose         print each request on standard error

Prints the variables that clients need as shell commands, and a comment with
the word "ready". It stops on SIGINT and SIGTERM and removes the env file.

  azdo-emulator serve --seed seed.json --env-file emulator.env
`,
		run: runServe,
	}
}

// serveOptions are the flags of serve.
type serveOptions struct {
	seed, dir, listen, envFile string
	verbose                    bool
}

func runServe(ctx context.Context, p Program, args []string) error {
	var o serveOptions
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&o.seed, "seed", "", "")
	flags.StringVar(&o.dir, "dir", "", "")
	flags.StringVar(&o.listen, "listen", "", "")
	flags.StringVar(&o.envFile, "env-file", "", "")
	flags.BoolVar(&o.verbose, "verbose", false, "")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "azdo-emulator-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	e, err := o.start(p)
	if err != nil {
		return err
	}
	defer e.Close()
	if o.envFile != "" {
		if err := writeAtomically(o.envFile, exports(e.Env())); err != nil {
			return err
		}
		defer os.Remove(o.envFile)
	}
	if _, err := io.WriteString(p.Stdout, exports(e.Env())+"# azdo-emulator: ready at "+e.ProxyURL()+"\n"); err != nil {
		return err
	}
	<-ctx.Done()
	return e.Close()
}

// start reads the seed and starts the emulator.
func (o serveOptions) start(p Program) (*emulator.Emulator, error) {
	seed, err := emulator.ParseSeed([]byte(emulator.ExampleSeed))
	if o.seed != "" {
		seed, err = emulator.ReadSeed(o.seed)
	}
	if err != nil {
		return nil, hinted("azdo-emulator seed > seed.json", "%w", err)
	}
	config := emulator.Config{Seed: seed, Dir: o.dir, Clock: p.Now, Listen: o.listen, SSH: true}
	if o.verbose {
		config.Log = p.Stderr
	}
	e, err := emulator.New(config)
	if err != nil {
		return nil, err
	}
	return e, e.Start()
}

// exports writes variables as shell commands.
func exports(env []string) string {
	var b strings.Builder
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}

// writeAtomically replaces a file whole, so that a script which waits for it
// never reads half of it.
func writeAtomically(name, content string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".azdo-emulator-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := io.WriteString(f, content); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func seed() subcommand {
	return subcommand{
		name:    "seed",
		summary: "print the seed that serve uses if none is given",
		help: `
usage: azdo-emulator seed

Prints a seed to start from. The format is described in docs/emulator.md.

  azdo-emulator seed > seed.json
`,
		run: func(_ context.Context, p Program, args []string) error {
			if _, err := parse(flag.NewFlagSet("seed", flag.ContinueOnError), args, 0, 0); err != nil {
				return err
			}
			_, err := io.WriteString(p.Stdout, emulator.ExampleSeed)
			return err
		},
	}
}
