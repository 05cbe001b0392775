//go:build linux

package patrol_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gitpatrol/patrol/internal/cli"
	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/detach"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/harden"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/term"
	"github.com/gitpatrol/patrol/internal/vault"
)

// clockVariable moves the clock of the programs that this test binary plays.
// No released program knows it.
const clockVariable = "SCRIPT_CLOCK"

// clockedMains are the mains of cmd, with a clock that can be moved. The test
// binary plays the one whose name it was started under.
func clockedMains() map[string]func() int {
	return map[string]func() int{"patrol": patrolMain, "git-credential-patrol": helperMain, "age-plugin-toy": toyPlugin}
}

func movedNow() time.Time {
	offset, _ := time.ParseDuration(os.Getenv(clockVariable))
	return time.Now().Add(offset)
}

func patrolMain() int {
	harden.Process()
	harden.Lock()
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	args := slices.DeleteFunc(os.Args[1:], func(arg string) bool {
		offset, ok := strings.CutPrefix(arg, "--clock=")
		if ok {
			_ = os.Setenv(clockVariable, offset)
		}
		return ok
	})
	environ := os.Environ()
	for _, name := range git.Withheld(environ) {
		_ = os.Unsetenv(name)
	}
	return cli.Main(context.Background(), cli.Env{
		Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: environ, Executable: executable, Now: movedNow, Terminal: term.Open,
		OpenFD: term.Inherited,
		Detach: detachPatrol,
	})
}

func helperMain() int {
	harden.Process()
	p := helper.Program{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Dir: func() (string, error) { return vault.DefaultDir(os.Getenv) }, Now: movedNow, Key: keyring.Load,
		Become: becomePatrol, Heard: func() {}, Detach: detachPatrol,
	}
	return p.Run(os.Args[1:])
}

// detachPatrol does what both programs do, and hands the moved clock on.
func detachPatrol(lock *os.File, args ...string) {
	if self, err := os.Executable(); err == nil {
		offset := os.Getenv(clockVariable)
		_ = detach.Start(filepath.Join(filepath.Dir(self), "patrol"), append(args, "--clock="+offset), os.Environ(), lock)
	}
}

// becomePatrol does what git-credential-patrol does: it becomes the patrol
// beside it, with the request on a pipe.
func becomePatrol(operation string, req *cred.Request) int {
	err := func() error {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		var b bytes.Buffer
		var fd [2]int
		if err := req.Write(&b); err != nil {
			return err
		}
		if err := unix.Pipe(fd[:]); err != nil {
			return err
		}
		if _, err := unix.Write(fd[1], b.Bytes()); err != nil {
			return err
		}
		_ = unix.Close(fd[1])
		if err := unix.Dup3(fd[0], 0, 0); err != nil {
			return err
		}
		patrol := filepath.Join(filepath.Dir(self), "patrol")
		return unix.Exec(patrol, []string{patrol, "credential", operation}, os.Environ())
	}()
	fmt.Fprintln(os.Stderr, err)
	return helper.Failed
}
