//go:build linux

package patrol_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/keyring"
)

type scriptCommand = func(ts *testscript.TestScript, neg bool, args []string)

// commands lists the commands that scripts have beyond those of testscript.
// testdata/script/README.md explains them.
func commands() map[string]scriptCommand {
	list := map[string]scriptCommand{
		"emulator": cmdEmulator, "mint": cmdMint, "mangle": cmdMangle, "revoke": cmdRevoke, "fault": cmdFault,
		"requests": cmdRequests, "githost": cmdGitHost, "clock": cmdClock, "day": cmdDay, "secret": cmdSecret, "render": cmdRender,
		"vaultid": cmdVaultID, "keygone": cmdKeyGone, "recoverykey": cmdRecoveryKey, "toyidentity": cmdToyIdentity, "json": cmdJSON, "inside": cmdInside, "background": cmdBackground,
		"session": cmdSession, "days": cmdDays,
	}
	for _, name := range runCommands() {
		list[name] = runCommand(name)
	}
	maps.Copy(list, badDayCommands())
	maps.Copy(list, signInCommands())
	maps.Copy(list, hardenCommands())
	return list
}

// need checks how a command is written.
func need(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// options reads words such as life=7d.
func options(ts *testscript.TestScript, words []string, known map[string]string) map[string]string {
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if _, is := known[name]; !ok || !is {
			ts.Fatalf("no option %q", word)
		}
		known[name] = value
	}
	return known
}

func cmdSecret(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && (len(args) == 1 || len(args) == 2), "secret NAME [BEFORE]")
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	text := hex.EncodeToString(random)
	if len(args) == 2 {
		text = args[1] + text
	}
	ts.Check(of(ts).canaries.add(args[0], text))
}

// cmdMangle makes a token with one letter wrong.
func cmdMangle(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "mangle NAME TOKEN")
	text, ok := of(ts).canaries.get(args[1])
	need(ts, ok, "mangle NAME TOKEN, of a token that mint made")
	wrong := byte('x')
	if text[3] == wrong {
		wrong = 'y'
	}
	ts.Check(of(ts).canaries.add(args[0], text[:3]+string(wrong)+text[4:]))
}

func cmdRender(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "render TEMPLATE FILE")
	path := ts.MkAbs(args[1])
	of(ts).exempt[path] = true
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(of(ts).canaries.fill(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}

func cmdVaultID(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "vaultid VARIABLE")
	id := of(ts).findVaults(filepath.Join(ts.Getenv("HOME"), ".local", "share", "patrol"))
	if id == "" {
		ts.Fatalf("there is no vault")
	}
	ts.Setenv(args[0], id)
}

func cmdKeyGone(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 0, "keygone")
	s := of(ts)
	s.findVaults(s.work)
	for id := range s.vaults {
		ts.Check(keyring.Clear(id))
	}
}

// cmdClock moves the clocks of the emulator and of the programs.
func cmdClock(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) <= 1, "clock [+8d]")
	s := of(ts)
	if len(args) == 0 {
		ts.Setenv("PATH", strings.Replace(ts.Getenv("PATH"), s.bin.real, s.bin.clocked, 1))
		ts.Setenv("BIN", s.bin.clocked)
		s.clocked = true
		return
	}
	need(ts, s.clocked, "clock, before patrol setup, and only then clock "+args[0])
	by, err := emulator.ParseDuration(strings.TrimPrefix(args[0], "+"))
	ts.Check(err)
	s.offset += by
	ts.Setenv(clockVariable, s.offset.String())
	if s.emulator != nil {
		s.emulator.Advance(by)
	}
}

// cmdDay exports a date, so that no script is of the time it was written in.
func cmdDay(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "day VARIABLE +30d")
	by, err := emulator.ParseDuration(strings.TrimPrefix(args[1], "+"))
	ts.Check(err)
	ts.Setenv(args[0], time.Now().Add(of(ts).offset).Add(by).UTC().Format(time.DateOnly))
}

// cmdJSON compares a value of the JSON on standard output, or with -stderr on
// standard error. VALUE is JSON, or text; none: the value must be absent.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	from := "stdout"
	if len(args) > 0 && args[0] == "-stderr" {
		from, args = "stderr", args[1:]
	}
	need(ts, len(args) == 2 && !neg || len(args) == 1, "json [-stderr] PATH VALUE, or ! json PATH, or json PATH")
	var doc any
	if err := json.Unmarshal([]byte(ts.ReadFile(from)), &doc); err != nil {
		ts.Fatalf("%s is not JSON: %v", from, err)
	}
	value, ok := dig(doc, args[0])
	if len(args) == 1 {
		if ok == neg {
			ts.Fatalf("%s: present is %t", args[0], ok)
		}
		return
	}
	if !ok {
		ts.Fatalf("%s is absent", args[0])
	}
	var want any
	if json.Unmarshal([]byte(args[1]), &want) != nil {
		want = args[1]
	}
	got, _ := json.Marshal(value)
	expect, _ := json.Marshal(want)
	if !bytes.Equal(got, expect) {
		ts.Fatalf("%s is %s, want %s", args[0], got, expect)
	}
}

// dig follows a path such as git.azure.0.url.
func dig(doc any, path string) (any, bool) {
	for step := range strings.SplitSeq(path, ".") {
		switch here := doc.(type) {
		case map[string]any:
			next, ok := here[step]
			if !ok {
				return nil, false
			}
			doc = next
		case []any:
			if step == "length" {
				doc = len(here)
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(here) {
				return nil, false
			}
			doc = here[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// cmdInside checks the modes of what patrol keeps.
func cmdInside(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 0, "inside")
	dir := filepath.Join(ts.Getenv("HOME"), ".local", "share", "patrol")
	entries, err := os.ReadDir(dir)
	ts.Check(err)
	for _, e := range entries {
		info, err := e.Info()
		ts.Check(err)
		if info.Mode() != 0o600 {
			ts.Fatalf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		ts.Fatalf("%s has mode %v %v", dir, info.Mode(), err)
	}
}

// duration reads "8d" and the like, and -1 for nothing.
func duration(ts *testscript.TestScript, s string) emulator.Duration {
	if s == "" {
		return 0
	}
	d, err := emulator.ParseDuration(s)
	ts.Check(err)
	return emulator.Duration(d)
}

func number(ts *testscript.TestScript, s string) int {
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

// cmdRequests asserts on the emulator's request log.
func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "[!] requests [-count=N] PATTERN, or requests -await PATTERN, or requests -clear"
	e := of(ts).emulator
	need(ts, e != nil, "emulator, and then requests")
	if len(args) == 1 && args[0] == "-clear" {
		e.ClearRequests()
		return
	}
	want := -1
	if len(args) > 0 && strings.HasPrefix(args[0], "-count=") {
		want, args = number(ts, strings.TrimPrefix(args[0], "-count=")), args[1:]
	}
	await := len(args) == 2 && args[0] == "-await"
	if await {
		args = args[1:]
	}
	need(ts, len(args) == 1 && (!neg || want < 0), usage)
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	for end := time.Now().Add(patience / 3); await && !slices.ContainsFunc(e.Requests(), func(r emulator.Request) bool {
		return re.MatchString(strings.Join(strings.Fields(r.String()), " "))
	}) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	got := 0
	var log strings.Builder
	for _, r := range e.Requests() {
		line := strings.Join(strings.Fields(r.String()), " ")
		fmt.Fprintln(&log, line)
		if re.MatchString(line) {
			got++
		}
	}
	ts.Logf("[requests]\n%s", log.String())
	switch {
	case neg && got > 0:
		ts.Fatalf("%d requests match %s", got, args[0])
	case !neg && want < 0 && got == 0:
		ts.Fatalf("no request matches %s", args[0])
	case want >= 0 && got != want:
		ts.Fatalf("%d requests match %s, want %d", got, args[0], want)
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
