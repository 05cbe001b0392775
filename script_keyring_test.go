//go:build linux

package patrol_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gitpatrol/patrol/internal/secretservice/bustest"
)

// session is what a desktop session of a script has.
type session struct {
	bus     *bustest.Bus
	keyring *bustest.Keyring
	fake    *bustest.Fake
}

const keyringUsage = "session, session keyring, session fake [locked] [hides] [any] [answer=yes|no] [slow=METHOD], " +
	"session lock, session pause TIME, session restart, session stop, session asked N, session tool ARG..."

// cmdSession begins a desktop session, and changes it.
func cmdSession(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	need(ts, !neg, keyringUsage)
	if s.session == nil {
		s.session = &session{}
		dir := filepath.Join(s.work, ".session")
		ts.Check(os.MkdirAll(dir, 0o700))
		bus, err := bustest.StartIn(dir)
		ts.Check(err)
		ts.Defer(bus.Stop)
		s.session.bus = bus
		for _, e := range bus.Env() {
			name, value, _ := strings.Cut(e, "=")
			ts.Setenv(name, value)
		}
	}
	if len(args) == 0 {
		return
	}
	if args[0] == "tool" {
		s.session.tool(ts, args[1:])
		return
	}
	ts.Check(s.session.do(ts, args))
}

func (n *session) do(ts *testscript.TestScript, args []string) error {
	switch word := args[0]; {
	case word == "keyring" && n.keyring == nil:
		n.keyring = bustest.KeyringOn(n.bus)
		ts.Defer(n.keyring.Stop)
		return n.keyring.Start()
	case word == "fake":
		m, err := manner(args[1:])
		if n.fake != nil || err != nil {
			n.fake.Set(m)
			return err
		}
		n.fake = bustest.FakeOn(n.bus, m)
		ts.Defer(n.fake.Stop)
		return n.fake.Start()
	case word == "lock" && n.keyring != nil:
		return n.keyring.Lock()
	case word == "restart" && n.keyring != nil:
		return n.keyring.Start()
	case word == "stop" && n.keyring != nil:
		n.keyring.Stop()
		return nil
	case word == "pause" && n.keyring != nil && len(args) == 2:
		d, err := time.ParseDuration(args[1])
		if err != nil {
			return err
		}
		keyring := n.keyring
		time.AfterFunc(d, func() { _ = keyring.Signal(syscall.SIGCONT) })
		return keyring.Signal(syscall.SIGSTOP)
	case word == "asked" && n.fake != nil && len(args) == 2:
		if want, err := strconv.Atoi(args[1]); err != nil || n.fake.Asked() != want {
			return fmt.Errorf("a person was asked %d times: %w", n.fake.Asked(), err)
		}
		return nil
	}
	return fmt.Errorf("usage: %s", keyringUsage)
}

// tool runs secret-tool, whose output may hold a key.
func (n *session) tool(ts *testscript.TestScript, args []string) {
	out, err := n.bus.Run("secret-tool", args...)
	ts.Check(err)
	var shown strings.Builder
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "secret = ") {
			line = "secret = [SECRET]\n"
		}
		shown.WriteString(line)
	}
	_, _ = ts.Stdout().Write([]byte(shown.String()))
}

// manner reads how a fake is to behave.
func manner(words []string) (m bustest.Manner, err error) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "locked":
			m.Locked = true
		case "hides":
			m.Hides = true
		case "any":
			m.Any = true
		case "answer":
			m.Answer = value
		case "slow":
			m.Slow, m.Delay = value, 3*time.Second
		default:
			return m, fmt.Errorf("usage: %s", keyringUsage)
		}
	}
	return m, nil
}
