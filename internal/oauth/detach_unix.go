//go:build unix

package oauth

import (
	"os/exec"
	"syscall"
)

// detach lets a program outlive us and our terminal. Its streams are /dev/null.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
