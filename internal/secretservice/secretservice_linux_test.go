package secretservice_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/secretservice"
	"github.com/gitpatrol/patrol/internal/secretservice/bustest"
)

func dial(t *testing.T, b *bustest.Bus, ask bool) *secretservice.Service {
	t.Helper()
	s, err := secretservice.Dial(t.Context(), secretservice.Options{Getenv: b.Getenv, Ask: ask})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func attributes(id string) map[string]string {
	return map[string]string{"xdg:schema": "org.example.Test", "id": id}
}

// store keeps a secret in the default collection.
func store(t *testing.T, s *secretservice.Service, id, secret string) secretservice.Item {
	t.Helper()
	in, err := s.Default(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	item, err := s.Store(t.Context(), in, "a label", attributes(id), cred.NewSecret(secret))
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// TestKeyring: what is kept in GNOME Keyring is found by its attributes, read
// and deleted, by us and by a stranger's program.
func TestKeyring(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	k := b.Keyring(t)
	s := dial(t, b, false)
	for n, secret := range []string{"", "x", "exactly sixteen.", strings.Repeat("long ", 5000), "zwölf\nlines\x00"} {
		id := fmt.Sprint(n)
		kept := store(t, s, id, secret)
		items, err := s.Search(t.Context(), attributes(id))
		if err != nil || len(items) != 1 || items[0].Label != "a label" || items[0].Attributes["id"] != id || items[0].Path() != kept.Path() ||
			items[0].Modified.Unix() == 0 || !strings.HasSuffix(items[0].Collection(), "/login") {
			t.Fatalf("%+v, %v", items, err)
		}
		if got, err := dial(t, b, false).Secret(t.Context(), items[0]); err != nil || got.Reveal() != secret {
			t.Errorf("%d bytes come back as %d, %v", len(secret), len(got.Reveal()), err)
		}
		if out, err := b.Run("secret-tool", "lookup", "id", id); n > 0 && (err != nil || out != secret) {
			t.Errorf("secret-tool reads %d bytes of %d: %v", len(out), len(secret), err)
		}
	}
	replaced := store(t, s, "1", "another")
	if items, err := s.Search(t.Context(), map[string]string{"xdg:schema": "org.example.Test"}); err != nil || len(items) != 5 {
		t.Errorf("%d items, %v", len(items), err)
	}
	for range 2 { // the second time it is gone
		if err := s.Delete(t.Context(), replaced); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Secret(t.Context(), replaced); !errors.Is(err, secretservice.ErrNotFound) {
		t.Errorf("a deleted one: %v", err)
	}
	// Locked, it can be found, and neither read nor changed.
	if err := k.Lock(); err != nil {
		t.Fatal(err)
	}
	items, err := s.Search(t.Context(), attributes("2"))
	if err != nil || len(items) != 1 || !items[0].Locked {
		t.Fatalf("%+v, %v", items, err)
	}
	in, _ := s.Default(t.Context())
	_, read := s.Secret(t.Context(), items[0])
	_, write := s.Store(t.Context(), in, "a label", attributes("9"), cred.NewSecret("x"))
	for what, err := range map[string]error{"read": read, "write": write, "delete": s.Delete(t.Context(), items[0])} {
		if !errors.Is(err, secretservice.ErrLocked) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Where a person may be asked, but nothing can show a window, it ends.
	if _, err := dial(t, b, true).Secret(t.Context(), items[0]); !errors.Is(err, secretservice.ErrDismissed) {
		t.Errorf("asked: %v", err)
	}
	// It opens again with its password, and has what it had.
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	items, err = dial(t, b, false).Search(t.Context(), attributes("2"))
	if err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	if got, err := dial(t, b, false).Secret(t.Context(), items[0]); err != nil || got.Reveal() != "exactly sixteen." {
		t.Errorf("after a restart: %v", err)
	}
}

// TestManySessions: each session agrees on its key, also those whose shared
// secret begins with zeros.
func TestManySessions(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	b.Keyring(t)
	item := store(t, dial(t, b, false), "1", "the secret")
	for range 300 {
		s := dial(t, b, false)
		if got, err := s.Secret(t.Context(), item); err != nil || got.Reveal() != "the secret" {
			t.Fatal(err)
		}
		_ = s.Close()
	}
}

// S12: what passes on the bus is encrypted, where the service can.
func TestEncryptedOnTheBus(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	b.Keyring(t)
	const secret = "canary-on-the-bus-4711"
	heard := b.Listen(t)
	s := dial(t, b, false)
	item := store(t, s, "1", secret)
	if got, err := s.Secret(t.Context(), item); err != nil || got.Reveal() != secret {
		t.Fatal(err)
	}
	if out, err := b.Run("secret-tool", "lookup", "id", "1"); err != nil || out != secret {
		t.Fatal(out, err)
	}
	fake := bustest.Start(t)
	fake.Fake(t, bustest.Manner{})
	plain := fake.Listen(t)
	store(t, dial(t, fake, false), "1", secret)
	if err := plain.Until("CreateItem"); err != nil || !strings.Contains(plain.Text(), secret) {
		t.Errorf("the listener does not hear what is plain, so this proves nothing: %v", err)
	}
	if err := heard.Until("GetSecret"); err != nil || strings.Contains(heard.Text(), secret) {
		t.Errorf("the secret passes in clear: %v", err)
	}
}

// TestNoBus: where there is no bus, or only one that is not ours, that is said,
// and no process is started.
func TestNoBus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	script := filepath.Join(dir, "dbus-launch")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n>"+ran+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string]map[string]string{
		"nothing":           {"DISPLAY": ":0", "PATH": dir},
		"empty":             {"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": dir},
		"autolaunch":        {"DBUS_SESSION_BUS_ADDRESS": "autolaunch:", "DISPLAY": ":0", "PATH": dir},
		"autolaunch, named": {"DBUS_SESSION_BUS_ADDRESS": "autolaunch:scope=*user", "DISPLAY": ":0"},
		"a program":         {"DBUS_SESSION_BUS_ADDRESS": "unixexec:path=" + script},
		"the network":       {"DBUS_SESSION_BUS_ADDRESS": "tcp:host=127.0.0.1,port=1"},
		"a nonce":           {"DBUS_SESSION_BUS_ADDRESS": "nonce-tcp:host=127.0.0.1,port=1,noncefile=" + ran},
		"relative":          {"DBUS_SESSION_BUS_ADDRESS": "unix:path=bus"},
		"escaped wrongly":   {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/%zz"},
		"not there":         {"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + dir + "/bus"},
		"no socket":         {"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + script},
		"nonsense":          {"DBUS_SESSION_BUS_ADDRESS": ";;=,:unix:"},
		"a file as bus":     {"XDG_RUNTIME_DIR": script},
	} {
		_, err := secretservice.Dial(t.Context(), secretservice.Options{Getenv: func(n string) string { return env[n] }, Ask: true})
		if !errors.Is(err, secretservice.ErrNoService) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a program was run")
	}
}

// TestBusAddress: the forms in which a bus that is there can be named.
func TestBusAddress(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	b.Fake(t, bustest.Manner{})
	for name, env := range map[string]map[string]string{
		"by address":     {"DBUS_SESSION_BUS_ADDRESS": b.Address},
		"with more":      {"DBUS_SESSION_BUS_ADDRESS": b.Address + ",guid=00112233445566778899aabbccddeeff"},
		"the second":     {"DBUS_SESSION_BUS_ADDRESS": "tcp:host=localhost,port=1;unix:path=/nonexistent;" + b.Address},
		"escaped":        {"DBUS_SESSION_BUS_ADDRESS": strings.ReplaceAll(b.Address, "/run", "/%72un")},
		"systemd's":      {"XDG_RUNTIME_DIR": b.Dir},
		"systemd's name": {"XDG_RUNTIME_DIR": b.Dir, "DBUS_SESSION_BUS_ADDRESS": "unix:runtime=yes"},
	} {
		s, err := secretservice.Dial(t.Context(), secretservice.Options{Getenv: func(n string) string { return env[n] }})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = s.Close()
	}
}

// TestStartedByTheBus: a service that the bus could start is started only for a
// person at a desktop, and ends with the bus.
func TestStartedByTheBus(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	ran := filepath.Join(b.Home, "ran")
	program := filepath.Join(b.Home, "service")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho $$ >"+ran+"\nexec gnome-keyring-daemon --foreground --components=secrets\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.Startable(program); err != nil {
		t.Fatal(err)
	}
	_, err := secretservice.Dial(t.Context(), secretservice.Options{Getenv: b.Getenv})
	if _, started := os.Stat(ran); !errors.Is(err, secretservice.ErrNoService) || started == nil {
		t.Fatalf("nobody is there: %v, started: %v", err, started == nil)
	}
	s := dial(t, b, true)
	if _, err := s.Search(t.Context(), attributes("1")); err != nil {
		t.Error(err)
	}
	pid, err := os.ReadFile(ran)
	if err != nil {
		t.Fatal(err)
	}
	b.Stop()
	if err := bustest.Await("the end of the service", func() bool {
		_, err := os.Stat(filepath.Join("/proc", strings.TrimSpace(string(pid))))
		return err != nil
	}); err != nil {
		t.Error(err)
	}
}

// TestOtherUsersBus: as after sudo -E, the bus is somebody else's.
func TestOtherUsersBus(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	b.Fake(t, bustest.Manner{})
	if os.Geteuid() != 0 {
		return // only root can be somebody else's for a moment
	}
	other, err := bustest.StartAs(t, 65534)
	if err != nil {
		t.Fatal(err)
	}
	_, err = secretservice.Dial(t.Context(), secretservice.Options{Getenv: other.Getenv})
	if !errors.Is(err, secretservice.ErrNoService) || !strings.Contains(err.Error(), "user 65534") {
		t.Errorf("the bus of another user: %v", err)
	}
}

// TestPrompt: a person is asked once, and waited for, but not for ever.
func TestPrompt(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	f := b.Fake(t, bustest.Manner{})
	item := store(t, dial(t, b, false), "1", "the secret")
	item.Locked = true

	f.Set(bustest.Manner{Locked: true})
	if _, err := dial(t, b, false).Secret(t.Context(), item); !errors.Is(err, secretservice.ErrLocked) || f.Asked() != 0 {
		t.Errorf("nobody may be asked: %v, asked %d times", err, f.Asked())
	}
	if err := dial(t, b, false).Delete(t.Context(), item); !errors.Is(err, secretservice.ErrLocked) || f.Asked() != 0 || f.Items() != 1 {
		t.Errorf("delete, nobody may be asked: %v, asked %d times", err, f.Asked())
	}
	f.Set(bustest.Manner{Locked: true, Answer: "no"})
	if _, err := dial(t, b, true).Secret(t.Context(), item); !errors.Is(err, secretservice.ErrDismissed) || f.Asked() != 1 {
		t.Errorf("dismissed: %v, asked %d times", err, f.Asked())
	}
	f.Set(bustest.Manner{Locked: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = bustest.Await("the question", f.Open)
		cancel()
	}()
	if _, err := dial(t, b, true).Secret(ctx, item); !errors.Is(err, context.Canceled) || f.Open() {
		t.Errorf("cancelled: %v, still open: %v", err, f.Open())
	}
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := dial(t, b, true).Secret(ctx, item); !errors.Is(err, secretservice.ErrLocked) || f.Open() {
		t.Errorf("nobody answers: %v, still open: %v", err, f.Open())
	}
	go func() {
		_ = bustest.Await("the question", f.Open)
		f.Stop()
	}()
	if _, err := dial(t, b, true).Secret(t.Context(), item); !errors.Is(err, secretservice.ErrGone) {
		t.Errorf("the service ends while it asks: %v", err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	f.Set(bustest.Manner{Locked: true, Answer: "yes"})
	asked := f.Asked()
	s := dial(t, b, true)
	for range 2 {
		if got, err := s.Secret(t.Context(), item); err != nil || got.Reveal() != "the secret" || f.Asked() != asked+1 {
			t.Errorf("unlocked: %v, asked %d times", err, f.Asked()-asked)
		}
	}
}

// TestNonsense: a service that answers nonsense is no reason to believe it, nor
// to crash.
func TestNonsense(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	f := b.Fake(t, bustest.Manner{})
	item := store(t, dial(t, b, false), "1", "the secret")
	prime, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)
	for name, public := range map[string][]byte{
		"nothing": {}, "zero": {0}, "one": {1}, "the prime": prime.Bytes(), "one less": new(big.Int).Sub(prime, big.NewInt(1)).Bytes(), "too large": append(prime.Bytes(), 1),
		"a key, then plain": {3},
	} {
		f.Set(bustest.Manner{Public: public})
		if _, err := dial(t, b, false).Secret(t.Context(), item); !errors.Is(err, secretservice.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.Set(bustest.Manner{Dies: "GetSecret"})
	if _, err := dial(t, b, false).Secret(t.Context(), item); !errors.Is(err, secretservice.ErrGone) {
		t.Errorf("it dies: %v", err)
	}
}
