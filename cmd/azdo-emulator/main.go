// Command azdo-emulator is a small Azure DevOps on loopback, for tests and
// demonstrations. See docs/emulator.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gitpatrol/patrol/internal/emulator/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := command.Program{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now}
	code := p.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
