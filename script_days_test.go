//go:build linux

package patrol_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gitpatrol/patrol/internal/emulator"
)

// tolerated is how many tokens of a vault may be alive on the server for an
// organisation: the present one, and its predecessor for a day.
const tolerated = 2

// cmdDays lets somebody work in a repository for some days: each morning and
// evening, and at hours that differ from day to day, Git fetches or pushes. No
// command may fail or say a word, nobody may be asked, and no more tokens may be
// alive than are tolerated. With skew=, the clock of the machine is wrong. With
// offline=yes, nothing can be reached in the afternoons, and what Git would be
// told is asked of the helper. With told=, these words must be in the one line
// that is said, once.
func cmdDays(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "days N REPOSITORY [skew=-3h] [offline=yes] [told=WORDS]"
	need(ts, !neg && len(args) >= 2 && of(ts).clocked, usage)
	o := options(ts, args[2:], map[string]string{"skew": "0s", "offline": "no", "told": ""})
	skew, err := time.ParseDuration(o["skew"])
	ts.Check(err)
	w := worker{ts: ts, s: of(ts), repository: ts.MkAbs(args[1]), skew: skew, told: o["told"]}
	w.random = rand.New(rand.NewPCG(uint64(w.s.offset), 5))
	for range number(ts, args[0]) {
		w.day(o["offline"] == "yes")
	}
	if w.told != "" {
		ts.Fatalf("nobody was told: %s", w.told)
	}
	if w.most == 0 {
		ts.Fatalf("no token was alive on any day: are they counted?")
	}
	ts.Setenv(clockVariable, w.s.offset.String())
	ts.Logf("[days] %d commands; at most %d tokens alive", w.commands, w.most)
}

// serverWords is what the other side of a push tells.
var serverWords = regexp.MustCompile(`(?m)^remote: .*\n`)

type worker struct {
	ts         *testscript.TestScript
	s          *script
	repository string
	skew       time.Duration
	random     *rand.Rand
	told       string // what is to be said once, and nothing else
	commands   int
	most       int // tokens alive
}

// day is 24 hours, in five parts of different lengths.
func (w *worker) day(offline bool) {
	var spent time.Duration
	for i := range 4 {
		part := time.Duration(60+w.random.IntN(300)) * time.Minute
		spent += part
		w.pass(part)
		switch {
		case i == 0 || i == 1:
			w.git("fetch", "-q")
		case i == 2 && offline:
			w.afternoonOffline()
		case i == 2:
			w.git("fetch", "-q")
		default:
			w.git("commit", "-q", "--allow-empty", "-m", "a day's work")
			w.git("push", "-q")
		}
	}
	w.pass(24*time.Hour - spent)
}

func (w *worker) pass(by time.Duration) {
	w.s.offset += by
	w.s.emulator.Advance(by)
	w.ts.Setenv(clockVariable, (w.s.offset + w.skew).String())
}

// afternoonOffline asks for a credential where there is no network.
func (w *worker) afternoonOffline() {
	_, err := w.s.emulator.AddFault(emulator.Fault{Kind: emulator.FaultDropBefore, Count: -1})
	w.ts.Check(err)
	out := w.run("protocol=https\nhost=dev.azure.com\npath=contoso/shop/_git/web\n", "git-credential-patrol", "get")
	if !strings.Contains(out, "\npassword=") {
		w.ts.Fatalf("offline, after %v, Git gets nothing", w.s.offset)
	}
	w.s.emulator.ClearFaults()
}

func (w *worker) git(args ...string) {
	if out := w.run("", "git", append([]string{"-C", w.repository}, args...)...); out != "" {
		w.ts.Fatalf("git %s says, after %v: %s", args[0], w.s.offset, w.s.canaries.redact(out))
	}
}

// run runs a program that must succeed, and waits for what it started in the
// background.
func (w *worker) run(input, program string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, find(w.ts, program), args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = w.ts.MkAbs("."), environ(w.ts), time.Second
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	said := serverWords.ReplaceAllString(stderr.String(), "")
	if w.told != "" && strings.Count(said, "\n") == 1 && strings.Contains(said, w.told) {
		w.told, said = "", ""
	}
	if err != nil || said != "" {
		w.ts.Fatalf("%s %s, after %v: %v\n%s", program, strings.Join(args, " "), w.s.offset, err, said)
	}
	w.commands++
	cmdBackground(w.ts, false, nil)
	alive := w.alive()
	if w.most = max(w.most, alive); alive > tolerated {
		w.ts.Fatalf("%d tokens are alive after %v:\n%s", alive, w.s.offset, w.s.tokenList())
	}
	return stdout.String()
}

// alive counts the tokens of this vault that work on the server.
func (w *worker) alive() (n int) {
	id := vaultIn(filepath.Join(w.ts.Getenv("HOME"), ".local", "share", "patrol", "vault"))
	for _, p := range w.s.emulator.State().PATs {
		if strings.Contains(p.Name, " "+id+"-") && statusOf(p, w.s.emulator.Now()) == "active" {
			n++
		}
	}
	return n
}
