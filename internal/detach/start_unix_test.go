//go:build unix

package detach

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// C21: what is started holds nothing of ours open but the lock, is nowhere near
// our directory, has a session of its own, and nobody waits for it.
func TestC21Start(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	path := filepath.Join(dir, "lock")
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	// A pipe that a parent has left open to all its children.
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		t.Fatal(err)
	}
	end := filepath.Join(dir, "end")
	if err := unix.Mkfifo(end, 0o600); err != nil {
		t.Fatal(err)
	}
	script := `cd ` + dir + ` && echo $$ > pid.new && mv pid.new pid && cd - > told.new
read line < ` + end + `
{ echo "args $*"; echo "home $HOME git $GIT_DIR."; cat; } >> ` + dir + `/told.new 2>&1
mv ` + dir + `/told.new ` + dir + `/told`
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"HOME=/home/ada", "GIT_DIR=" + dir, "PATH=" + os.Getenv("PATH")}
	if err := Start(sh, []string{"-c", script, "sh", "upkeep"}, environ, lock); err != nil {
		t.Fatal(err)
	}
	_ = lock.Close()
	_ = unix.Close(pipe[1])

	// The far end of the pipe is closed although the child lives, and the lock is its own.
	if n, err := unix.Read(pipe[0], make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the pipe is still open: %d, %v", n, err)
	}
	if !held(t, path) {
		t.Error("the lock is free while the child lives")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(await(t, filepath.Join(dir, "pid"))))
	if err != nil {
		t.Fatal(err)
	}
	if session, err := unix.Getsid(pid); session != pid || err != nil {
		t.Errorf("process %d is in session %d: %v", pid, session, err)
	}
	if err := os.WriteFile(end, []byte("end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	told := await(t, filepath.Join(dir, "told"))
	if want := "/\nargs upkeep --locked\nhome /home/ada git .\n"; told != want {
		t.Errorf("it told\n%s", told)
	}
	for deadline := time.Now().Add(10 * time.Second); held(t, path); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the lock stays when the child has ended")
		}
	}
}

// held reports whether a process has the lock.
func held(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

func await(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil {
			return string(text)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
