package secretservice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

// dialBus connects to the session bus that the environment names, if it is a
// socket on this machine and of this user. Not by the library's own way, which
// would start a bus where there is none, and which nobody would stop.
func dialBus(ctx context.Context, getenv func(string) string) (*dbus.Conn, error) {
	sockets, err := busSockets(getenv)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, socket := range sockets {
		conn, err := dialSocket(ctx, socket)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoService, errors.Join(failures...))
}

// busSockets are the sockets at which the bus may be: what
// DBUS_SESSION_BUS_ADDRESS says, else systemd's.
// See https://dbus.freedesktop.org/doc/dbus-specification.html#addresses.
func busSockets(getenv func(string) string) ([]string, error) {
	runtimeBus := ""
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		runtimeBus = filepath.Join(dir, "bus")
	}
	addresses := getenv("DBUS_SESSION_BUS_ADDRESS")
	if addresses == "" {
		if info, err := os.Stat(runtimeBus); err == nil && info.Mode().Type() == os.ModeSocket {
			return []string{runtimeBus}, nil
		}
		return nil, fmt.Errorf("%w: there is no session bus", ErrNoService)
	}
	var sockets []string
	for address := range strings.SplitSeq(addresses, ";") {
		rest, ok := strings.CutPrefix(address, "unix:")
		for pair := range strings.SplitSeq(rest, ",") {
			key, escaped, _ := strings.Cut(pair, "=")
			value, err := url.PathUnescape(escaped)
			switch {
			case !ok || err != nil || value == "":
			case key == "path" && filepath.IsAbs(value):
				sockets = append(sockets, value)
			case key == "abstract":
				sockets = append(sockets, "@"+value)
			case key == "runtime" && value == "yes" && runtimeBus != "":
				sockets = append(sockets, runtimeBus)
			}
		}
	}
	if len(sockets) == 0 {
		return nil, fmt.Errorf("%w: %w", ErrNoService, errAddress)
	}
	return sockets, nil
}

func dialSocket(ctx context.Context, socket string) (*dbus.Conn, error) {
	var dialer net.Dialer
	stream, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("the session bus does not answer: %w", err)
	}
	if uid, known := peer(stream); known && uid != os.Geteuid() {
		_ = stream.Close()
		return nil, fmt.Errorf("%w: user %d's", errUnsafeBus, uid)
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() }) // greeting takes no context
	defer stop()
	conn, err := dbus.NewConn(stream)
	if err != nil {
		_ = stream.Close()
		return nil, err
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("the session bus does not answer: %w", err)
	}
	return conn, nil
}
