//go:build unix

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
)

// patrolName is the file of patrol, beside us.
const patrolName = "patrol"

// pipeSize is what a pipe holds without a reader: the request must fit, since
// this process becomes the reader. See pipe(7).
const pipeSize = 64 << 10

// become replaces this process by patrol, with the request on a fresh pipe as
// its input and Git's own stdout.
func become(operation string, req *cred.Request) int {
	patrol, err := besideUs(patrolName)
	if err == nil {
		err = exec(patrol, operation, req)
	}
	return helper.Alone(os.Stdout, os.Stderr, err, operation, req)
}

func exec(patrol, operation string, req *cred.Request) error {
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return err
	}
	if b.Len() > pipeSize {
		return fmt.Errorf("the request is longer than %d bytes", pipeSize)
	}
	var fd [2]int
	if err := unix.Pipe(fd[:]); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	// A user with many pipes gets small ones; nobody reads before we are patrol.
	if err := unix.SetNonblock(fd[1], true); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	if n, err := unix.Write(fd[1], b.Bytes()); err != nil || n < b.Len() {
		return fmt.Errorf("the request does not fit into a pipe (%d of %d bytes): %w", n, b.Len(), cmp.Or(err, error(unix.EAGAIN)))
	}
	_ = unix.Close(fd[1])
	if err := dup(fd[0], 0); err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	_ = unix.Close(fd[0])
	err := unix.Exec(patrol, []string{patrol, "credential", operation}, os.Environ())
	return fmt.Errorf("%w: %s: %w", helper.ErrNoPatrol, patrol, err)
}
