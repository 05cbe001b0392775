package oauth

import (
	"os/exec"
	"syscall"
)

// detachedProcess is DETACHED_PROCESS of
// https://learn.microsoft.com/windows/win32/procthread/process-creation-flags
const detachedProcess = 0x00000008

// detach lets a program outlive us and our console. Its streams are NUL.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: detachedProcess | syscall.CREATE_NEW_PROCESS_GROUP, NoInheritHandles: false}
}
