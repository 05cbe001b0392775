package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
)

// patrolName is the file of patrol, beside us.
const patrolName = "patrol.exe"

// become runs patrol with the request as its input and waits for it: Windows
// cannot replace a process.
func become(operation string, req *cred.Request) int {
	patrol, err := besideUs(patrolName)
	var b bytes.Buffer
	if err == nil {
		err = req.Write(&b)
	}
	if err == nil {
		cmd := exec.Command(patrol, "credential", operation)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = &b, os.Stdout, os.Stderr
		err = cmd.Run()
		var exit *exec.ExitError
		if err == nil || errors.As(err, &exit) {
			return cmd.ProcessState.ExitCode()
		}
		err = fmt.Errorf("%w: %w", helper.ErrNoPatrol, err)
	}
	return helper.Alone(os.Stdout, os.Stderr, err, operation, req)
}
