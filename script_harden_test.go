//go:build linux

package patrol_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hardenCommands are the commands about what others may see of a process.
func hardenCommands() map[string]scriptCommand {
	return map[string]scriptCommand{"closed": cmdClosed}
}

// cmdClosed checks that another program of the same user cannot look into the
// process whose id is in FILE, and that it writes no core; with -locked, that
// it has locked memory too.
func cmdClosed(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, len(args) == 1 || len(args) == 2 && args[1] == "-locked", "closed FILE [-locked]")
	pid := awaitPid(ts, args[0])
	uid := statusLine(ts, pid, "Uid")
	if uid == 0 {
		ts.Fatalf("root may look into everything: closed is about a process of another user")
	}
	for end := time.Now().Add(outlive); !neg && readAs(uid, fmt.Sprintf("/proc/%d/environ", pid)) == nil && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond) // it is a shell still, about to become the program
	}
	for _, what := range []string{"environ", "mem", "maps", "auxv"} {
		err := readAs(uid, fmt.Sprintf("/proc/%d/%s", pid, what))
		if closed := err != nil && strings.Contains(err.Error(), "Permission denied"); closed == neg {
			ts.Fatalf("%s of process %d: closed to its own user is %t (%v)", what, pid, closed, err)
		}
	}
	if neg {
		return
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	ts.Check(err)
	if !regexp.MustCompile(`(?m)^Max core file size +0 `).Match(limits) {
		ts.Fatalf("it may write a core:\n%s", limits)
	}
	if kb := statusLine(ts, pid, "VmLck"); len(args) == 2 && kb <= 0 {
		ts.Fatalf("%d kB are locked", kb)
	}
}

// awaitPid reads the id that a program is about to write.
func awaitPid(ts *testscript.TestScript, file string) int {
	path := ts.MkAbs(file)
	for end := time.Now().Add(patience / 3); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(text), "\n") {
			return number(ts, strings.TrimSpace(string(text)))
		}
		if time.Now().After(end) {
			ts.Fatalf("%s does not get an id", file)
		}
	}
}

// statusLine is the first number of a line in proc_pid_status(5).
func statusLine(ts *testscript.TestScript, pid int, name string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	ts.Check(err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return number(ts, strings.Fields(rest)[0])
		}
	}
	ts.Fatalf("process %d has no %s", pid, name)
	return 0
}

// readAs opens a file as a user, and reads the first byte.
func readAs(uid int, path string) error {
	cmd := exec.Command("dd", "if="+path, "of=/dev/null", "bs=1", "count=1")
	cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	if os.Geteuid() != uid {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
