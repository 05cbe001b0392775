//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asMain makes the test binary be azdo-emulator.
const asMain = "TEST_AS_AZDO_EMULATOR"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A signal ends serve with exit code 0 and leaves neither its temporary
// directory nor its env file.
func TestSignalStopsServe(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		tmp := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "serve", "--env-file", filepath.Join(tmp, "emulator.env"))
		cmd.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+tmp)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ready := false
		for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
			ready = strings.HasPrefix(lines.Text(), "# azdo-emulator: ready at http://127.0.0.1:")
		}
		if _, err := os.Stat(filepath.Join(tmp, "emulator.env")); !ready || err != nil {
			t.Errorf("ready %v, %v", ready, err)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", signal, err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
			t.Errorf("%v left %v, %v", signal, left, err)
		}
	}
}
