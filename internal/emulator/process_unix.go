//go:build unix

package emulator

import (
	"os/exec"
	"syscall"
)

// killTree makes ending cmd end its children too: http-backend starts
// receive-pack, which starts index-pack and the hook.
func killTree(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
