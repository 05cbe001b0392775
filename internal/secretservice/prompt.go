package secretservice

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

func parent(p dbus.ObjectPath) dbus.ObjectPath { return dbus.ObjectPath(path.Dir(string(p))) }

// unlock unlocks an item or a collection. Where nobody may be asked it does not
// even begin, so that no question appears later.
func (s *Service) unlock(ctx context.Context, what dbus.ObjectPath) error {
	if !s.options.Ask {
		return ErrLocked
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := s.call(ctx, servicePath, serviceName+".Unlock", []any{[]dbus.ObjectPath{what}}, &unlocked, &prompt); err != nil {
		return err
	}
	if prompt != "/" {
		result, err := s.prompt(ctx, prompt)
		if err != nil {
			return err
		}
		if err := result.Store(&unlocked); err != nil {
			return fmt.Errorf("%w: Unlock: %v", ErrBroken, err)
		}
	}
	// GNOME Keyring names the collection of an item, others the item itself.
	if !slices.Contains(unlocked, what) && !slices.Contains(unlocked, parent(what)) {
		return ErrLocked
	}
	return nil
}

// Unlock unlocks a collection.
func (s *Service) Unlock(ctx context.Context, collection string) error {
	return s.unlock(ctx, dbus.ObjectPath(collection))
}

// prompt lets the service ask the person what it has to, and waits for the end
// of it. See https://specifications.freedesktop.org/secret-service-spec/0.2/prompts.html.
func (s *Service) prompt(ctx context.Context, at dbus.ObjectPath) (result dbus.Variant, err error) {
	if !s.options.Ask {
		s.dismiss(at)
		return result, fmt.Errorf("%w: it wants to ask a person", ErrLocked)
	}
	ctx, cancel := context.WithTimeout(ctx, PromptTime)
	defer cancel()
	signals := make(chan *dbus.Signal, 16)
	s.conn.Signal(signals)
	defer s.conn.RemoveSignal(signals)
	completed := []dbus.MatchOption{dbus.WithMatchSender(s.owner), dbus.WithMatchInterface(promptName), dbus.WithMatchMember("Completed"), dbus.WithMatchObjectPath(at)}
	gone := []dbus.MatchOption{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, s.owner)}
	// They stay until the connection ends, which is soon.
	for _, match := range [][]dbus.MatchOption{completed, gone} {
		if err := s.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return result, explain(err)
		}
	}
	if s.options.Asking != nil {
		s.options.Asking()
	}
	if err := s.call(ctx, at, promptName+".Prompt", []any{""}); err != nil {
		s.dismiss(at) // it may have begun
		return result, err
	}
	for {
		select {
		case <-ctx.Done():
			s.dismiss(at)
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return result, fmt.Errorf("%w: nobody answered the question to unlock it", ErrLocked)
			}
			return result, ctx.Err()
		case signal, open := <-signals:
			switch {
			case !open, signal.Sender == "org.freedesktop.DBus" && signal.Name == "org.freedesktop.DBus.NameOwnerChanged":
				return result, ErrGone
			case signal.Sender != s.owner || signal.Path != at || signal.Name != promptName+".Completed":
				continue
			}
			var dismissed bool
			if err := dbus.Store(signal.Body, &dismissed, &result); err != nil {
				return result, fmt.Errorf("%w: Completed: %v", ErrBroken, err)
			}
			if dismissed {
				return result, ErrDismissed
			}
			return result, nil
		}
	}
}

// dismiss takes a question off the screen, also when ctx is over.
func (s *Service) dismiss(at dbus.ObjectPath) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.call(ctx, at, promptName+".Dismiss", nil)
}
