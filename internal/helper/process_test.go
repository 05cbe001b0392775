package helper_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// A test that needs a real process runs the test binary again with this
// variable set: it then is the helper, as Git would start it.
const childVariable = "PATROL_HELPER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	dir, operation := os.Args[1], os.Args[3]
	p := helper.Program{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Dir: func() (string, error) { return dir, nil }, Now: time.Now, Heard: func() {},
		Key: func(string) (vault.Key, error) {
			b, err := hex.DecodeString(os.Args[2])
			if err != nil {
				return vault.Key{}, err
			}
			return vault.KeyFromBytes(b)
		},
		Become: func(string, *cred.Request) int { fmt.Println("became patrol"); return instead },
	}
	os.Exit(p.Run([]string{operation}))
}

// helperProcess is the helper of a box, ready to start.
func (b *box) helperProcess(operation string) *exec.Cmd {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), self, b.vault.Dir(), hex.EncodeToString(b.key.Bytes()), operation)
	cmd.Env = append(os.Environ(), childVariable+"=1", "GORACE=atexit_sleep_ms=0") // no second's sleep under -race
	return cmd
}

// H25: a token in the environment is for the host it was meant for, which a
// helper cannot know.
func TestH25TokensInTheEnvironment(t *testing.T) {
	t.Parallel()
	b := made(t)
	for _, host := range []string{"evil.example", "github.com.evil.example", "ghe.example", "dev.azure.com.evil.example"} {
		cmd := b.helperProcess("get")
		for _, name := range []string{"GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "SYSTEM_ACCESSTOKEN", "AZURE_DEVOPS_EXT_PAT", "ADO_PAT"} {
			cmd.Env = append(cmd.Env, name+"="+mark)
		}
		cmd.Stdin = strings.NewReader("protocol=https\nhost=" + host + "\n")
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %q, %v", host, out, err)
		}
	}
}

// C20: the answer comes, and the process ends, at the empty line.
func TestC20ProcessEndsAtTheEmptyLine(t *testing.T) {
	t.Parallel()
	b := made(t)
	cmd := b.helperProcess("get")
	hold, err := cmd.StdinPipe() // Git's end: never closed
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(hold, goodRepo+"\n"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(out)
	if err != nil || string(got) != answer("good-org", mark+"-good-org") {
		t.Errorf("got %q, %v", got, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// C19: Git is gone before the answer.
func TestC19ProcessWithoutReader(t *testing.T) {
	t.Parallel()
	b := made(t)
	b.unchanged(func() {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = read.Close()
		cmd := b.helperProcess("get")
		var stderr strings.Builder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(goodRepo), write, &stderr
		err = cmd.Run() // killed by SIGPIPE, or failed: either is an end
		_ = write.Close()
		if err == nil {
			t.Error("nobody read, and all is well?")
		}
		if strings.Contains(stderr.String(), mark) || strings.Count(stderr.String(), "\n") > 2 {
			t.Errorf("stderr: %q", stderr.String())
		}
	})
}

// C22: an answer larger than a pipe holds reaches a slow reader whole.
func TestC22SlowReader(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	secret := strings.Repeat("0123456789abcdef", 40_000)
	b.store("https", "git.example", "", "u", secret)
	cmd := b.helperProcess("get")
	cmd.Stdin = strings.NewReader(example)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for buf := make([]byte, 5000); err == nil; {
		var n int
		n, err = out.Read(buf)
		got.Write(buf[:n])
	}
	if !errors.Is(err, io.EOF) || got.String() != answer("u", secret) {
		t.Errorf("%d bytes of %d, %v", got.Len(), len(secret), err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// C01: many at once get what is there, while a writer holds the lock.
func TestC01ManyGets(t *testing.T) {
	t.Parallel()
	b := made(t)
	unlock, err := b.vault.Lock(t.Context(), "vault.lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	all(t, 64, func(n int) *exec.Cmd {
		cmd := b.helperProcess("get")
		cmd.Stdin = strings.NewReader(goodRepo)
		return cmd
	}, func(_ int, out string) bool { return out == answer("good-org", mark+"-good-org") })
}

// C13: a hundred at once store, each within the time it waits for the lock.
func TestC13HundredStores(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	all(t, 100, func(n int) *exec.Cmd {
		cmd := b.helperProcess("store")
		cmd.Stdin = strings.NewReader(fmt.Sprintf("%susername=u%d\npassword=p%d\n", example, n, n))
		return cmd
	}, func(_ int, out string) bool { return out == "" })
	for n := range 100 {
		b.get(fmt.Sprintf("%susername=u%d\n", example, n), answer(fmt.Sprintf("u%d", n), fmt.Sprintf("p%d", n)))
	}
}

// C31 and C11: processes that get and store two accounts at once neither mix
// them up nor lose one.
func TestC31AccountsInParallel(t *testing.T) {
	t.Parallel()
	b := made(t)
	all(t, 60, func(n int) *exec.Cmd {
		user := fmt.Sprintf("u%d", n%2)
		pair := fmt.Sprintf("username=%s\npassword=of %s\n", user, user)
		cmd := b.helperProcess([]string{"store", "get", "store"}[n%3])
		cmd.Stdin = strings.NewReader(example + pair)
		return cmd
	}, func(n int, out string) bool {
		user := fmt.Sprintf("u%d", n%2)
		return out == "" || n%3 == 1 && out == answer(user, "of "+user)
	})
	for _, user := range []string{"u0", "u1"} {
		b.get(example+"username="+user+"\n", answer(user, "of "+user))
	}
	if got := len(b.records().List); got != 6 {
		t.Errorf("%d records", got)
	}
}

// all runs processes at once and judges what each says.
func all(t *testing.T, n int, start func(n int) *exec.Cmd, good func(n int, out string) bool) {
	t.Helper()
	cmds, outs := make([]*exec.Cmd, n), make([]strings.Builder, n)
	for i := range n {
		cmds[i] = start(i)
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], &outs[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil || !good(i, outs[i].String()) {
			t.Errorf("process %d: %v, %q", i, err, outs[i].String())
		}
	}
}

// E08 and C17: what changes nothing does not wait for the lock; what would
// change something waits ten seconds for it, then says so and changes nothing.
func TestE08StoreTakesNoLock(t *testing.T) {
	t.Parallel()
	b := made(t)
	unlock, err := b.vault.Lock(t.Context(), "vault.lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	b.unchanged(func() {
		b.quiet("store", goodRepo+goodPair)
		b.quiet("store", "protocol=https\nhost=github.com\nusername=octocat\npassword="+mark+"-github\n")
		b.quiet("store", example+"username=u\npassword=p\nephemeral=1\n")
		b.quiet("erase", goodRepo+wrong)
		b.quiet("erase", example)
		b.get(goodRepo, answer("good-org", mark+"-good-org"))
		r := b.run(example+"username=u\npassword=p\n", "store")
		if r.stdout != "" || r.code != helper.Failed || len(r.became) > 0 {
			t.Errorf("got %+v", r)
		}
		checkSays(t, r.stderr, "locked by another process")
	})
}
