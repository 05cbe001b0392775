// A goroutine that follows the number of processors is no use to a process of
// two milliseconds. See https://go.dev/doc/godebug#go-125.
//
//go:debug updatemaxprocs=0

// Command git-credential-patrol is what Git runs: it answers from the vault,
// and becomes patrol when it cannot.
package main

import (
	"os"
	"time"

	"github.com/gitpatrol/patrol/internal/detach"
	"github.com/gitpatrol/patrol/internal/harden"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/vault"
)

// inputWait bounds how long we wait for a caller that never ends its request.
const inputWait = time.Minute

func main() {
	growStack(len(os.Args))
	harden.Process()
	stdin, heard := input(time.Now().Add(inputWait))
	p := helper.Program{
		Stdin: stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Dir: func() (string, error) { return vault.DefaultDir(os.Getenv) }, Now: time.Now, Key: keyring.Load, Become: become,
		Heard: heard, Detach: start,
	}
	os.Exit(p.Run(os.Args[1:]))
}

// start runs the patrol beside us in the background. Git has its answer, and
// hears nothing of it.
func start(lock *os.File, args ...string) {
	if patrol, err := besideUs(patrolName); err == nil {
		_ = detach.Start(patrol, args, os.Environ(), lock)
	}
}

// growStack makes the stack 32 KiB large in one step. Doubled again and again as
// calls go deeper, it costs a get two hundredths of its time.
//
//go:noinline
func growStack(args int) byte {
	if args > 1<<20 { // never: what counts is the frame, of which nothing is written
		var frame [20 << 10]byte
		frame[args%len(frame)]++
		return frame[0]
	}
	return 0
}
