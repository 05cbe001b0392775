package emulator

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// processesIn lists the processes whose working directory is at or below dir,
// as far as this system tells (/proc).
func processesIn(dir string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var in []string
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir) {
			in = append(in, filepath.Dir(link))
		}
	}
	return in
}

// A push that stalls half-way must not outlive the emulator, nor may the git
// processes that wait for the rest of it.
func TestCloseEndsStalledPush(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	body, writer := io.Pipe()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, web+"/git-receive-pack", body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("x", token)
	r.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	c := client(t, e)
	done := make(chan error, 1)
	go func() {
		res, err := c.Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		done <- err
	}()
	zero := strings.Repeat("0", 40)
	if _, err := io.WriteString(writer, packet(zero+" "+strings.Repeat("1", 40)+" refs/heads/x\x00report-status")); err != nil {
		t.Fatal(err)
	}
	hasProc := len(processesIn("/")) > 0
	for hasProc && len(processesIn(e.config.Dir)) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	writer.Close() // net/http's client waits for the body it sends
	if err := <-done; err == nil {
		t.Error("the push ended well")
	}
	for range 500 { // the kernel reaps a killed grandchild in its own time
		if len(processesIn(e.config.Dir)) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("left running: %v", processesIn(e.config.Dir))
}
