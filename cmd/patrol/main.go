// Command patrol is what people run, and what git-credential-patrol becomes
// when the vault alone cannot answer Git.
package main

import (
	"context"
	"os"
	"time"

	"github.com/gitpatrol/patrol/internal/cli"
	"github.com/gitpatrol/patrol/internal/detach"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/harden"
	"github.com/gitpatrol/patrol/internal/term"
)

func main() {
	harden.Process()
	harden.Lock()
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	hostname, _ := os.Hostname()
	environ := os.Environ()
	for _, name := range git.Withheld(environ) {
		_ = os.Unsetenv(name) // not for libraries, nor for the children that they start
	}
	code := cli.Main(context.Background(), cli.Env{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: environ, Executable: executable, Hostname: hostname, Now: time.Now, Terminal: term.Open,
		OpenFD: term.Inherited,
		Detach: func(lock *os.File, args ...string) { _ = detach.Start(executable, args, os.Environ(), lock) },
	})
	harden.Wipe()
	os.Exit(code)
}
