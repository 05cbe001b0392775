package oauth

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestLoopbackOnlyO04: no address but loopback listens, by the kernel's own list.
func TestLoopbackOnlyO04(t *testing.T) { // not parallel: another test may have the same port on another address
	p := newIDP(t)
	if !hasLoopback6() {
		t.Log("without ::1 there is nothing to tell apart")
		return
	}
	for host, addresses := range map[string]int{"": 1, loopback6: 1, localhost: 2} {
		w := p.begin(t.Context(), p.client(func(p *Provider) { p.RedirectHost = host }), SignIn{})
		all, err := net.InterfaceAddrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			ip := a.(*net.IPNet).IP
			if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
				continue
			}
			if c, err := net.Dial("tcp", net.JoinHostPort(ip.String(), w.redirect.Port())); err == nil {
				_ = c.Close()
				t.Errorf("%q: %s answers", host, ip)
			}
		}
		if listening := listeningAt(t, w.redirect.Port()); listening != nil {
			if len(listening) != addresses {
				t.Errorf("%q: listens at %v", host, listening)
			}
			for _, ip := range listening {
				if !ip.IsLoopback() {
					t.Errorf("%q: listens at %v", host, ip)
				}
			}
		}
		w.succeed()
	}
}

// listeningAt reads Linux's list of listening sockets, as ss does. nil: there is
// no such list.
func listeningAt(t *testing.T, port string) []net.IP {
	t.Helper()
	n, _ := strconv.Atoi(port)
	var all []net.IP
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 4 || f[3] != "0A" { // TCP_LISTEN
				continue
			}
			address, hexPort, _ := strings.Cut(f[1], ":")
			if p, err := strconv.ParseInt(hexPort, 16, 32); err != nil || int(p) != n {
				continue
			}
			raw, err := hex.DecodeString(address)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i+4 <= len(raw); i += 4 { // words of the machine's order
				raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
			}
			all = append(all, net.IP(bytes.Clone(raw)))
		}
	}
	return all
}

// TestRedirectHostO05: an address unless the provider wants a name, and then
// both of its addresses.
func TestRedirectHostO05(t *testing.T) { // not parallel: another test may have the same port on another address
	p := newIDP(t)
	if !hasLoopback6() {
		t.Log("without ::1 there is nothing to tell apart")
		return
	}
	for host, start := range map[string]string{"": "http://127.0.0.1:", loopback4: "http://127.0.0.1:", loopback6: "http://[::1]:", localhost: "http://localhost:"} {
		w := p.begin(t.Context(), p.client(func(p *Provider) { p.RedirectHost = host }), SignIn{})
		if !strings.HasPrefix(w.redirect.String(), start) {
			t.Errorf("%q: %s", host, w.redirect)
		}
		for _, address := range []string{loopback4, loopback6} {
			c, err := net.Dial("tcp", net.JoinHostPort(address, w.redirect.Port()))
			if err == nil {
				_ = c.Close()
			}
			if open := err == nil; open != (host == localhost || w.redirect.Hostname() == address) {
				t.Errorf("%q: %s open: %t", host, address, open)
			}
		}
	}
	if e, err := Entra(tenantA, ""); err != nil || e.RedirectHost != localhost {
		t.Error("Entra's redirect is registered as localhost")
	}
}

// TestPortO07: the socket is ours from before the browser opens until the end,
// nobody can listen beside us, and a port that is taken is not insisted on.
func TestPortO07(t *testing.T) { // not parallel: another test may have the same port on another address
	p := newIDP(t)
	w := p.begin(t.Context(), p.client(func(p *Provider) { p.RedirectHost = localhost }), SignIn{}) // returns inside Open
	addresses := []string{loopback4}
	if hasLoopback6() {
		addresses = append(addresses, loopback6)
	}
	if runtime.GOOS != "darwin" { // there all addresses may be listened at, and the one address wins
		addresses = append(addresses, "0.0.0.0", "::")
	}
	for _, address := range addresses {
		if l, err := net.Listen("tcp", net.JoinHostPort(address, w.redirect.Port())); err == nil {
			_ = l.Close()
			t.Errorf("somebody else can listen at %s", l.Addr())
		}
	}
	w.succeed()

	ctx := context.Background()
	taken := errors.New("address already in use")
	for _, failures := range []int{0, 1, listenTries - 1, listenTries} {
		if !hasLoopback6() {
			break
		}
		var open []net.Listener
		fail, closed := failures, 0
		listeners, port, err := listen(ctx, localhost, func(ctx context.Context, host, port string) (net.Listener, error) {
			if host == loopback6 && fail > 0 {
				fail--
				return nil, taken
			}
			l, err := listenTCP(ctx, host, port)
			open = append(open, l)
			return l, err
		}, true)
		closeAll(listeners)
		for _, l := range open {
			if errors.Is(l.Close(), net.ErrClosed) {
				closed++
			}
		}
		if closed != len(open) {
			t.Errorf("%d failures: %d of %d listeners were left open", failures, len(open)-closed, len(open))
		}
		if failures == listenTries {
			want(t, err, ErrListen)
			want(t, err, taken)
			continue
		}
		if err != nil || len(listeners) != 2 || port == 0 || listeners[0].Addr().(*net.TCPAddr).Port != listeners[1].Addr().(*net.TCPAddr).Port {
			t.Errorf("%d failures: %v, %v", failures, listeners, err)
		}
	}
	// A machine without ::1 needs one address only, one without 127.0.0.1 has none.
	never := func(context.Context, string, string) (net.Listener, error) { return nil, taken }
	if l, _, err := listen(ctx, localhost, listenTCP, false); err != nil || len(l) != 1 {
		t.Error(l, err)
	} else {
		closeAll(l)
	}
	for _, host := range []string{localhost, loopback4, loopback6} {
		want(t, third(listen(ctx, host, never, true)), ErrListen)
	}
}

func third[T, U any](_ T, _ U, err error) error { return err }
