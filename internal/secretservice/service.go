// Package secretservice is a thin client of the freedesktop.org Secret Service:
// GNOME Keyring, KDE's wallet, KeePassXC and others. It speaks on the session
// bus that is there already; it starts no bus, and leaves no process behind.
// See https://specifications.freedesktop.org/secret-service-spec/0.2/.
package secretservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// What a caller can act on.
var (
	ErrNoService = errors.New("no Secret Service") // none on the bus, or no bus
	ErrLocked    = errors.New("the Secret Service is locked")
	ErrDismissed = errors.New("the question to unlock the Secret Service was dismissed")
	ErrNotFound  = errors.New("the Secret Service has no such thing")
	ErrGone      = errors.New("the Secret Service went away")          // it may come back: try again
	ErrSlow      = errors.New("the Secret Service does not answer")    // in callTime
	ErrBroken    = errors.New("the Secret Service answers nonsense")   // or what does not decrypt
	ErrRefused   = errors.New("the Secret Service refuses")            // for another reason
	errUnsafeBus = errors.New("the session bus is another user's")     // as after sudo -E
	errAddress   = errors.New("the session bus is not a local socket") // or not given as one
)

// Is reports whether an error is one of ours.
func Is(err error) bool {
	return slices.ContainsFunc([]error{ErrNoService, ErrLocked, ErrDismissed, ErrNotFound, ErrGone, ErrSlow, ErrBroken, ErrRefused},
		func(of error) bool { return errors.Is(err, of) })
}

// callTime bounds each call. A service that is only slow answers in it.
const callTime = 10 * time.Second

// PromptTime bounds how long a person is waited for.
const PromptTime = 2 * time.Minute

// The names of the specification.
const (
	busName     = "org.freedesktop.secrets"
	servicePath = dbus.ObjectPath("/org/freedesktop/secrets")
	serviceName = "org.freedesktop.Secret.Service"
	collection  = "org.freedesktop.Secret.Collection"
	itemName    = "org.freedesktop.Secret.Item"
	promptName  = "org.freedesktop.Secret.Prompt"
	properties  = "org.freedesktop.DBus.Properties"
)

// Options say how far a Service may go.
type Options struct {
	Getenv func(string) string // names the bus
	// Ask: a person at the desktop may be asked to unlock. Only then a service
	// that the bus knows how to start, and has not started, is started: by the
	// bus, whose child it becomes, and with which it ends.
	Ask bool
	// Asking is called before a person is asked. It may be nil.
	Asking func()
}

// Service is a connection to the Secret Service. It is for one goroutine.
type Service struct {
	conn    *dbus.Conn
	options Options
	owner   string // the unique name: a service that restarts has another
	session session
}

// Dial finds the Secret Service of the session.
func Dial(ctx context.Context, o Options) (*Service, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	conn, err := dialBus(ctx, o.Getenv)
	if err != nil {
		return nil, err
	}
	s := &Service{conn: conn, options: o}
	if err := s.find(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the connection, and with it the session.
func (s *Service) Close() error { return s.conn.Close() }

// find asks the bus who the service is, and has it started where that is
// allowed.
func (s *Service) find(ctx context.Context) error {
	const bus = "org.freedesktop.DBus."
	err := s.conn.BusObject().CallWithContext(ctx, bus+"GetNameOwner", 0, busName).Store(&s.owner)
	if err == nil || !s.options.Ask {
		return noOwner(err)
	}
	var startable []string
	if err := s.conn.BusObject().CallWithContext(ctx, bus+"ListActivatableNames", 0).Store(&startable); err != nil {
		return explain(err)
	}
	if !slices.Contains(startable, busName) {
		return noOwner(err)
	}
	if err := s.conn.BusObject().CallWithContext(ctx, bus+"StartServiceByName", 0, busName, uint32(0)).Err; err != nil {
		return fmt.Errorf("%w: the session bus cannot start it: %v", ErrNoService, err)
	}
	return noOwner(s.conn.BusObject().CallWithContext(ctx, bus+"GetNameOwner", 0, busName).Store(&s.owner))
}

func noOwner(err error) error {
	var e dbus.Error
	if errors.As(err, &e) && e.Name == "org.freedesktop.DBus.Error.NameHasNoOwner" {
		return fmt.Errorf("%w runs in this session", ErrNoService)
	}
	return explain(err)
}

// call calls a method of the service and stores what it answers.
func (s *Service) call(ctx context.Context, path dbus.ObjectPath, method string, args []any, results ...any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	call := s.conn.Object(s.owner, path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
	if call.Err != nil {
		return explain(call.Err)
	}
	if err := call.Store(results...); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrBroken, method, err)
	}
	return nil
}

// explain turns what the bus and the service say into what a caller can act
// on. The service's own words are not repeated: nothing says what is in them.
func explain(err error) error {
	var e dbus.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return ErrSlow
	case errors.Is(err, context.Canceled):
		return err
	case !errors.As(err, &e):
		if errors.Is(err, dbus.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(net.Error)) {
			return ErrGone
		}
		return fmt.Errorf("%w: %v", ErrBroken, err)
	}
	switch e.Name {
	case "org.freedesktop.Secret.Error.IsLocked":
		return ErrLocked
	case "org.freedesktop.Secret.Error.NoSuchObject", "org.freedesktop.DBus.Error.UnknownObject",
		"org.freedesktop.DBus.Error.UnknownMethod": // GNOME Keyring says this of an item that is gone
		return ErrNotFound
	case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.Disconnected":
		return ErrGone
	}
	return fmt.Errorf("%w (%s)", ErrRefused, e.Name)
}
