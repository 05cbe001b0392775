package keys_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/secretservice/bustest"
	"github.com/gitpatrol/patrol/internal/vault"
)

// serviceWays are a session without a bus, one without a Secret Service, one
// with a real GNOME Keyring, and one with a service that speaks in plain.
func serviceWays(t *testing.T) []way {
	empty, real, plain := bustest.Start(t), bustest.Start(t), bustest.Start(t)
	real.Keyring(t)
	plain.Fake(t, bustest.Manner{})
	on := func(b *bustest.Bus) func(*testing.T, *keys.Place, *passphrase) {
		return func(_ *testing.T, place *keys.Place, _ *passphrase) { place.Getenv = b.Getenv }
	}
	return []way{{}, {"no service", on(empty)}, {"GNOME Keyring", on(real)}, {"in plain", on(plain)}}
}

// service is the place of a vault whose key is to be in the Secret Service of a
// bus.
func service(t *testing.T, b *bustest.Bus) (*suite, keys.Place, keys.Source) {
	t.Helper()
	kind, err := keys.Find(keys.SecretService)
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{kind: kind}
	place := s.place(t, &passphrase{})
	place.Getenv = b.Getenv
	return s, place, kind.Open(place)
}

// S13: a stranger finds the item, and label and attributes tell nothing that
// the vault's header does not.
func TestS13ItemTellsNothing(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	b.Keyring(t)
	s, place, source := service(t, b)
	key := s.saved(t, source)
	out, err := b.Run("secret-tool", "search", "--all", "xdg:schema", "io.github.gitpatrol.VaultKey")
	if err != nil {
		t.Fatal(out, err)
	}
	var shown []string
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch value = strings.Trim(value, `'"`); name {
		case "created", "modified":
		case "secret":
			if id, got, err := keys.ParseText(value); err != nil || id != place.ID || !bytes.Equal(got.Bytes(), key.Bytes()) {
				t.Errorf("the secret is no key: %v", err)
			}
		default:
			shown = append(shown, name+"="+value)
		}
	}
	want := []string{"label=patrol vault key", "schema=io.github.gitpatrol.VaultKey", "attribute.vault=" + place.ID}
	for _, w := range want {
		if !strings.Contains(strings.Join(shown, "\n"), w) {
			t.Errorf("it does not show %s", w)
		}
	}
	if len(shown) != len(want)+1 { // and the path in brackets
		t.Errorf("it shows %q", shown)
	}
}

// S15: a locked keyring and none are said in less than a second where nobody
// may be asked. Nothing is asked, and nothing deleted.
func TestS15LockedOrNone(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	k := b.Keyring(t)
	s, _, source := service(t, b)
	key := s.saved(t, source)
	quick := func(what string, want error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := source.Load(ctx); !errors.Is(s.err(err), want) || got.IsSet() || ctx.Err() != nil {
			t.Errorf("%s: %v, want %v; %v", what, err, want, ctx.Err())
		}
		if err := source.Save(ctx, s.newKey()); !errors.Is(s.err(err), want) {
			t.Errorf("%s, save: %v, want %v", what, err, want)
		}
		if err := source.(keys.Remover).Remove(ctx); !errors.Is(s.err(err), want) {
			t.Errorf("%s, remove: %v, want %v", what, err, want)
		}
	}
	if err := k.Lock(); err != nil {
		t.Fatal(err)
	}
	quick("locked", vault.ErrLocked)
	k.Stop()
	quick("no service", vault.ErrNoSource)
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	s.mustLoad(t, source, key)
	b.Stop()
	quick("no bus", vault.ErrNoSource)
	s.noSecretInErrors(t)
}

// C28: a service that is slow is waited for, one that restarts is come back to.
func TestC28SlowAndRestarting(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	f := b.Fake(t, bustest.Manner{})
	s, _, source := service(t, b)
	key := s.saved(t, source)
	for _, method := range []string{"SearchItems", "GetAll", "OpenSession", "GetSecret"} {
		f.Set(bustest.Manner{Dies: method})
		var back sync.WaitGroup
		back.Go(func() {
			_ = bustest.Await("the end of the service", func() bool { return !f.Runs() })
			if err := f.Start(); err != nil {
				t.Error(err)
			}
		})
		s.mustLoad(t, source, key)
		back.Wait()
	}
	f.Set(bustest.Manner{Dies: "CreateItem"})
	go func() {
		_ = bustest.Await("the end of the service", func() bool { return !f.Runs() })
		_ = f.Start()
	}()
	second := s.newKey()
	if err := source.Save(t.Context(), second); err != nil {
		t.Error(err)
	}
	s.mustLoad(t, source, second)
	f.Set(bustest.Manner{Slow: "SearchItems", Delay: 5 * time.Second})
	s.mustLoad(t, source, second)
	f.Set(bustest.Manner{Dies: "GetSecret"}) // and does not come back
	if got, err := source.Load(t.Context()); !errors.Is(s.err(err), vault.ErrNoSource) || got.IsSet() || f.Items() != 1 {
		t.Errorf("it is gone: %v, %d items", err, f.Items())
	}
}

// C28: a person is asked once for each unlock, and a question that nobody
// answers ends with the one who waits. No item is lost by any of it.
func TestC28Prompt(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	f := b.Fake(t, bustest.Manner{})
	s, place, source := service(t, b)
	key := s.saved(t, source)
	place.Desktop = true
	var said []string
	place.Say = func(line string) { said = append(said, line) }
	for _, hides := range []bool{false, true} { // as GNOME's, and as KDE's
		f.Set(bustest.Manner{Locked: true, Hides: hides, Answer: "no"})
		before := f.Asked()
		if got, err := s.kind.Open(place).Load(t.Context()); !errors.Is(s.err(err), vault.ErrLocked) || got.IsSet() || f.Asked() != before+1 {
			t.Errorf("dismissed: %v, asked %d times", err, f.Asked()-before)
		}
		f.Set(bustest.Manner{Locked: true, Hides: hides, Answer: "yes"})
		s.mustLoad(t, s.kind.Open(place), key)
		s.mustLoad(t, s.kind.Open(place), key)
		if f.Asked() != before+2 || len(said) != f.Asked() {
			t.Errorf("asked %d times, said %q", f.Asked()-before-1, said)
		}
	}
	f.Set(bustest.Manner{Locked: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = bustest.Await("the question", f.Open)
		cancel()
	}()
	if _, err := s.kind.Open(place).Load(ctx); !errors.Is(err, context.Canceled) || f.Open() || f.Items() != 1 {
		t.Errorf("cancelled: %v, open: %v, %d items", err, f.Open(), f.Items())
	}
}

// What a service has for a vault and is not its key, or what it hides, is no
// reason to give the vault up: only that all is open and nothing there.
func TestNotItsKey(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	f := b.Fake(t, bustest.Manner{})
	s, place, source := service(t, b)
	key := s.saved(t, source)
	other := keys.Text("00112233445566ff", s.newKey()).Reveal()
	for name, m := range map[string]bustest.Manner{
		"empty":              {Secret: func([]byte) []byte { return nil }},
		"too short":          {Secret: func(b []byte) []byte { return b[:len(b)-1] }},
		"too long":           {Secret: func(b []byte) []byte { return append(b, b...) }},
		"huge":               {Secret: func([]byte) []byte { return make([]byte, 1<<20) }},
		"mistyped":           {Secret: func(b []byte) []byte { return flip(b, len(b)-1) }},
		"of another vault":   {Secret: func([]byte) []byte { return []byte(other) }},
		"no collection":      {Empty: true, Locked: true, Hides: true},
		"another collection": {Other: true},
		"no public key":      {Public: []byte{}},
		"not what decrypts":  {Public: []byte{7}},
	} {
		f.Set(m)
		if got, err := source.Load(t.Context()); !errors.Is(s.err(err), vault.ErrNoSource) || got.IsSet() {
			t.Errorf("%s: %v, want ErrNoSource", name, err)
		}
	}
	f.Set(bustest.Manner{Locked: true, Hides: true})
	if _, err := source.Load(t.Context()); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("hidden while locked: %v", err)
	}
	if err := os.Remove(filepath.Join(place.Vault.Dir(), "key.secretservice")); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Load(t.Context()); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("hidden while locked, and nobody knows where: %v", err)
	}
	f.Set(bustest.Manner{})
	s.mustLoad(t, source, key)
	s.noSecretInErrors(t)
}

// TestChooseSecretService: it is the first choice where it works, and what is
// done where it does not. Trying leaves nothing in it.
func TestChooseSecretService(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	f := b.Fake(t, bustest.Manner{})
	desktop := map[string]string{"DISPLAY": ":0"}
	for name, test := range map[string]struct {
		env    map[string]string
		files  map[string]string
		manner bustest.Manner
		may    bool // the person may be asked at the desktop
		person bool
		phrase bool

		want, why string
		err       error
	}{
		"a desktop":                 {env: desktop, person: true, want: keys.SecretService, why: "opens with your login"},
		"its programs":              {env: desktop, want: keys.SecretService},
		"a passphrase is given":     {env: desktop, phrase: true, want: "age", why: "that is what is wanted"},
		"over SSH":                  {env: map[string]string{"SSH_TTY": "/dev/pts/1"}, person: true, want: "age", why: "over SSH nobody could unlock it"},
		"a home on NFS":             {env: desktop, files: map[string]string{"proc/self/mountinfo": "22 1 0:40 / / rw - nfs4 x rw\n"}, person: true, want: "age", why: "on another machine"},
		"locked, and nobody asked":  {env: desktop, manner: bustest.Manner{Locked: true}, err: vault.ErrLocked, why: "secretservice: .*locked"},
		"locked, unlocked":          {env: desktop, manner: bustest.Manner{Locked: true, Answer: "yes"}, may: true, want: keys.SecretService},
		"locked, refused":           {env: desktop, manner: bustest.Manner{Locked: true, Answer: "no"}, may: true, person: true, want: "age", why: "dismissed"},
		"locked, over SSH":          {env: map[string]string{"SSH_TTY": "/dev/pts/1"}, manner: bustest.Manner{Locked: true}, person: true, want: "age", why: "locked"},
		"no collection":             {env: desktop, manner: bustest.Manner{Empty: true}, person: true, want: "age", why: "no default collection"},
		"it forgets":                {env: desktop, manner: bustest.Manner{Secret: func([]byte) []byte { return []byte("x") }}, person: true, want: "age", why: "not what is read"},
		"it hides":                  {env: desktop, manner: bustest.Manner{Secret: func([]byte) []byte { return nil }}, person: true, want: "age"},
		"it speaks no sense":        {env: desktop, manner: bustest.Manner{Public: []byte{1}}, person: true, want: "age", why: "nonsense"},
		"it goes away while trying": {env: desktop, manner: bustest.Manner{Dies: "GetSecret"}, person: true, want: "age", why: "Secret Service"},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they share the service
			f.Set(test.manner)
			m := surroundings{env: test.env, files: test.files}.machine(t)
			getenv := m.Place.Getenv
			m.Place.Getenv = func(name string) string { return getenv(name) + b.Getenv(name) }
			m.Place.Desktop, m.Person, m.Passphrase = test.may, test.person, test.phrase
			kind, verdicts, err := keys.Choose(t.Context(), m)
			if kind.Name != test.want || !errors.Is(err, test.err) {
				t.Errorf("%q, %v; want %q", kind.Name, err, test.want)
			}
			said := keys.Because(verdicts)
			if err != nil {
				said = err.Error()
			}
			if !match(test.why, said) {
				t.Errorf("it says %q, want %q", said, test.why)
			}
			checkVerdicts(t, kind, verdicts)
			if !f.Runs() {
				if err := f.Start(); err != nil {
					t.Fatal(err)
				}
			} else if f.Items() != 0 || f.Open() {
				t.Errorf("trying leaves %d items", f.Items())
			}
			f.Forget()
		})
	}
}
