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
