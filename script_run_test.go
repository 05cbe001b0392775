//go:build linux

package patrol_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds one program of a script, and one expectation at a terminal.
const patience = time.Minute

// run is a program about to be run by one of our own commands. They can be
// combined: code 4 feed TOKEN patrol login --pat contoso --stdin.
type run struct {
	ts     *testscript.TestScript
	s      *script
	code   int // -1: any but 0
	input  map[int]string
	answer bool
	dialog string

	terminal bool // that the dialogue is at, which may be empty
}

// runCommand is the script's command called name, which runs a program.
func runCommand(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		r := &run{ts: ts, s: of(ts), input: map[int]string{}}
		if neg {
			r.code = -1
		}
		r.start(r.prefixes(append([]string{name}, args...)))
	}
}

// prefixes takes our words off a command line.
func (r *run) prefixes(words []string) []string {
	for len(words) > 0 {
		need := map[string]int{"code": 2, "feed": 2, "pty": 2, "answer": 1}[words[0]]
		if need == 0 {
			return words
		}
		if len(words) <= need {
			r.ts.Fatalf("%s: words are missing", words[0])
		}
		switch words[0] {
		case "code":
			n, err := strconv.Atoi(words[1])
			r.ts.Check(err)
			r.code = n
		case "feed":
			what, at, _ := strings.Cut(words[1], "@")
			fd, _ := strconv.Atoi(at)
			r.input[fd] = r.text(what)
		case "answer":
			r.answer = true
		case "pty":
			r.dialog, r.terminal = r.ts.ReadFile(words[1]), true
		}
		words = words[need:]
	}
	r.ts.Fatalf("a program is missing")
	return nil
}

// text is a secret's name, or a file with secrets' names in brackets.
func (r *run) text(what string) string {
	if secret, ok := r.s.canaries.get(what); ok {
		return secret + "\n"
	}
	return r.s.canaries.fill(r.ts.ReadFile(what), r.ts.Getenv)
}

// environ is what the script exports. The engine has it, but no way to ask.
func environ(ts *testscript.TestScript) []string {
	list := reflect.ValueOf(ts).Elem().FieldByName("env")
	var env []string
	for i := range list.Len() {
		env = append(env, list.Index(i).String())
	}
	return append(env, "PWD="+ts.MkAbs("."))
}

// find looks a program up in the script's PATH.
func find(ts *testscript.TestScript, name string) string {
	if strings.Contains(name, "/") {
		return ts.MkAbs(name)
	}
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && filepath.IsAbs(path) {
			return path
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

// start runs the program and compares its exit code.
func (r *run) start(words []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, find(r.ts, words[0]), words[1:]...)
	cmd.Args[0] = words[0]
	cmd.Dir, cmd.Env, cmd.WaitDelay = r.ts.MkAbs("."), environ(r.ts), time.Second
	cmd.Stdin = strings.NewReader(r.input[0])
	done := r.pipes(cmd)
	var err error
	if r.terminal {
		err = r.atTerminal(cmd)
	} else {
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err = cmd.Run()
		shown := stdout.String()
		if r.answer {
			shown = r.s.canaries.redact(shown)
		}
		_, _ = io.WriteString(r.ts.Stdout(), shown)
		_, _ = io.WriteString(r.ts.Stderr(), stderr.String())
	}
	done()
	var exit *exec.ExitError
	switch code := cmd.ProcessState.ExitCode(); {
	case ctx.Err() != nil:
		r.ts.Fatalf("%s does not end", words[0])
	case err != nil && !errors.As(err, &exit):
		r.ts.Fatalf("%s: %v", words[0], err)
	case r.code == -1 && code == 0:
		r.ts.Fatalf("unexpected success")
	case r.code >= 0 && code != r.code:
		r.ts.Fatalf("exit code %d, want %d", code, r.code)
	}
}

// pipes gives the program the inputs other than its standard one.
func (r *run) pipes(cmd *exec.Cmd) (done func()) {
	var opened []*os.File
	for fd := 3; len(opened) < len(r.input) && fd < 20; fd++ {
		text, ok := r.input[fd]
		if !ok {
			continue
		}
		from, to, err := os.Pipe()
		r.ts.Check(err)
		_, err = to.WriteString(text)
		r.ts.Check(errors.Join(err, to.Close()))
		for len(cmd.ExtraFiles) < fd-2 {
			cmd.ExtraFiles = append(cmd.ExtraFiles, from) // below it, the same: an open descriptor as good as any
		}
		opened = append(opened, from)
	}
	return func() {
		for _, f := range opened {
			_ = f.Close()
		}
	}
}

// atTerminal runs the program at a terminal of its own, with a dialogue of
// lines "expect REGEXP", "send TEXT", "key C-c" and "key C-d".
func (r *run) atTerminal(cmd *exec.Cmd) error {
	cmd.Stdin = nil
	master, err := pty.Start(cmd)
	if err != nil {
		return err
	}
	defer master.Close()
	out := &screen{more: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(out, master) // ends with EIO when the last process closed it
	}()
	var failure error
	for line := range strings.Lines(r.dialog) {
		if failure = r.dialogue(strings.TrimSpace(line), out, master); failure != nil {
			_ = cmd.Process.Kill()
			break
		}
	}
	err = cmd.Wait()
	select {
	case <-ended:
	case <-time.After(time.Second): // a child keeps the terminal
	}
	_, _ = io.WriteString(r.ts.Stdout(), strings.ReplaceAll(out.text(), "\r\n", "\n"))
	if failure != nil {
		r.ts.Fatalf("%v", failure)
	}
	return err
}

// dialogue does one line.
func (r *run) dialogue(line string, out *screen, keyboard io.Writer) error {
	word, rest, _ := strings.Cut(line, " ")
	var err error
	switch word {
	case "", "#":
	case "expect":
		err = out.await(rest)
	case "send":
		_, err = io.WriteString(keyboard, r.s.canaries.fill(rest, r.ts.Getenv)+"\r")
	case "key":
		code, ok := map[string]string{"C-c": "\x03", "C-d": "\x04"}[rest]
		if !ok {
			return fmt.Errorf("no key %q", rest)
		}
		_, err = io.WriteString(keyboard, code)
	default:
		err = fmt.Errorf("a line of a dialogue is expect, send or key: %q", line)
	}
	return err
}

// screen is what a terminal shows.
type screen struct {
	buf  syncBuffer
	read int
	more chan struct{}
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	n, err := s.buf.Write(p)
	select {
	case s.more <- struct{}{}:
	default:
	}
	return n, err
}

func (s *screen) text() string { return s.buf.String() }

// await waits for a match in what nothing has matched yet.
func (s *screen) await(pattern string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	for end := time.After(patience / 2); ; {
		if at := re.FindStringIndex(s.text()[s.read:]); at != nil {
			s.read += at[1]
			return nil
		}
		select {
		case <-s.more:
		case <-end:
			return fmt.Errorf("the terminal does not show %q, but %q", pattern, s.text()[s.read:])
		}
	}
}

// runCommands are the commands that run a program.
func runCommands() []string {
	return slices.Sorted(slices.Values([]string{"code", "feed", "pty", "answer"}))
}
