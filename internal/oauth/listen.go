package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// The hosts a browser can be sent back to.
const (
	loopback4 = "127.0.0.1"
	loopback6 = "::1"
	localhost = "localhost"
)

// listenTries is how often another port is tried when one is taken on the
// second loopback address.
const listenTries = 16

// listenFunc opens a listener on one loopback address.
type listenFunc func(ctx context.Context, host, port string) (net.Listener, error)

// listenTCP keeps its socket from the moment the system chose the port, so that
// nobody else can have it in between, and takes no other transport along:
// Multipath TCP, which Go turns on by itself, would tell its peer of our other
// addresses.
func listenTCP(ctx context.Context, host, port string) (net.Listener, error) {
	c := net.ListenConfig{Control: exclusive}
	c.SetMultipathTCP(false)
	network := "tcp4"
	if host == loopback6 {
		network = "tcp6"
	}
	return c.Listen(ctx, network, net.JoinHostPort(host, port))
}

// listen opens a port of the system's choice for the redirect host. For
// localhost, which a browser may take for either address, it opens the same
// port on both, unless the machine has only one of them: whoever held the
// other would get the answer (RFC 8252 section 8.3).
func listen(ctx context.Context, host string, open listenFunc, has6 bool) ([]net.Listener, int, error) {
	if host != localhost {
		l, err := open(ctx, host, "0")
		if err != nil {
			return nil, 0, listenError(err)
		}
		return []net.Listener{l}, port(l), nil
	}
	if !has6 {
		return listen(ctx, loopback4, open, false)
	}
	var errs []error
	for range listenTries {
		first, err := open(ctx, loopback4, "0")
		if err != nil {
			return nil, 0, listenError(err)
		}
		second, err := open(ctx, loopback6, strconv.Itoa(port(first)))
		if err == nil {
			return []net.Listener{first, second}, port(first), nil
		}
		_ = first.Close()
		errs = append(errs, err)
	}
	return nil, 0, listenError(errs[0])
}

func listenError(err error) error {
	return &Error{Kind: ErrListen, Op: "sign in", Err: fmt.Errorf("for the browser to come back to: %w", err)}
}

func port(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// hasLoopback6 reports whether this machine has the address ::1. When it
// cannot be told it says yes, so that no address is left to others.
func hasLoopback6() bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == netip.IPv6Loopback() {
			return true
		}
	}
	return false
}

var errNoPort = errors.New("the listener ended")
