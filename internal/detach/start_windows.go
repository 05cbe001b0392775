package detach

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// Start runs program with args. It does not wait. Locks belong to a process
// there: the child takes it when we have let it go.
func Start(program string, args, environ []string, lock *os.File) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	_ = lock.Close()
	p, err := os.StartProcess(program, append([]string{program}, args...), &os.ProcAttr{
		Dir: filepath.VolumeName(program) + `\`, Env: Environ(environ), Files: []*os.File{null, null, null},
		Sys: &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP},
	})
	if err != nil {
		return err
	}
	return p.Release()
}

// Hold has nothing to do there.
func Hold() {}
