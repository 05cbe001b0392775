package keys_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

// TestMain makes this program a plugin of age's too, under the name age-plugin-toy.
func TestMain(m *testing.M) {
	if name, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "age-plugin-"); ok {
		os.Exit(toyPlugin(name))
	}
	dir, err := os.MkdirTemp("", "plugins")
	if err == nil {
		err = becomePlugin(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// becomePlugin puts this program into PATH as a plugin.
func becomePlugin(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return errors.Join(os.Symlink(self, filepath.Join(dir, "age-plugin-toy")),
		os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")))
}

// toyPlugin seals as age's own X25519 does, under a stanza of its own name. It
// asks for a PIN before it opens anything of an identity that ends in "pin", and
// never answers for one that ends in "deaf".
func toyPlugin(name string) int {
	p, err := plugin.New(name)
	if err != nil {
		return 1
	}
	p.RegisterFlags(flag.CommandLine)
	flag.Parse()
	p.HandleRecipient(func(data []byte) (age.Recipient, error) {
		r, err := age.ParseX25519Recipient(string(data))
		return toyRecipient{r}, err
	})
	p.HandleIdentityAsRecipient(func(data []byte) (age.Recipient, error) {
		secret, _, _ := strings.Cut(string(data), " ")
		i, err := age.ParseX25519Identity(secret)
		if err != nil {
			return nil, err
		}
		return toyRecipient{i.Recipient()}, nil
	})
	p.HandleIdentity(func(data []byte) (age.Identity, error) {
		secret, manner, _ := strings.Cut(string(data), " ")
		i, err := age.ParseX25519Identity(secret)
		return toyIdentity{i, p, manner}, err
	})
	return p.Main()
}

type toyRecipient struct{ age.Recipient }

func (r toyRecipient) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, err := r.Recipient.Wrap(fileKey)
	for _, s := range stanzas {
		s.Type = "toy"
	}
	return stanzas, err
}

type toyIdentity struct {
	age.Identity
	p      *plugin.Plugin
	manner string
}

func (i toyIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	switch i.manner {
	case "deaf":
		signal.Ignore(os.Interrupt)
		_, _ = io.Copy(io.Discard, os.Stdin) // for as long as who asks is there
	case "liar":
		return make([]byte, 16), nil
	case "chatter":
		for i.p.DisplayMessage("and another thing") == nil {
		}
		for { // whatever it is told
			_, _ = i.p.RequestValue("what do you say to that", false)
		}
	case "environment":
		_ = i.p.DisplayMessage("token=" + os.Getenv("SYSTEM_ACCESSTOKEN"))
	case "pin":
		_ = i.p.DisplayMessage("a toy is \x1b[2J wanted")
		pin, err := i.p.RequestValue("PIN of the toy", true)
		if err != nil || pin != "1234" {
			return nil, errors.New("the PIN is wrong")
		}
	}
	for _, s := range stanzas {
		if s.Type == "toy" {
			s.Type = "X25519"
		}
	}
	return i.Identity.Unwrap(stanzas)
}

// way is one way to use a kind of source.
type way struct {
	name string
	set  func(*testing.T, *keys.Place, *passphrase)
}

// ways lists how each kind is used, where there is more than one way or it
// needs something to work with.
func ways(t *testing.T) map[string][]way {
	dir := t.TempDir()
	native, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	identity := func(name, text string) way {
		path := writeSecret(t, filepath.Join(dir, name), text)
		return way{name, func(_ *testing.T, place *keys.Place, _ *passphrase) { place.Seal.Identity = path }}
	}
	ssh := func(name string, args ...string) way {
		path := sshKey(t, filepath.Join(dir, name), "", args...)
		return way{name, func(_ *testing.T, place *keys.Place, _ *passphrase) { place.Seal.Identity = path }}
	}
	lockedSSH := func(name string, args ...string) way {
		return way{name, func(t *testing.T, place *keys.Place, p *passphrase) {
			place.Seal.Identity = sshKey(t, filepath.Join(t.TempDir(), "key"), p.text, args...)
		}}
	}
	return map[string][]way{
		keys.SecretService: serviceWays(t),
		"age": {
			{},
			identity("native", "# a comment\n\n"+native.String()+"\n"),
			identity("plugin", plugin.EncodeIdentity("toy", []byte(native.String()))+"\n"),
			ssh("ed25519", "-t", "ed25519"), ssh("rsa", "-t", "rsa", "-b", "2048"),
			lockedSSH("locked ed25519", "-t", "ed25519", "-a", "1"), lockedSSH("locked rsa", "-t", "rsa", "-b", "2048", "-a", "1"),
		},
		"command": {{"", func(t *testing.T, place *keys.Place, _ *passphrase) {
			setCommand(t, place, wrapper)
		}}},
	}
}

// wrapper is what a person writes around a password manager, here a directory.
const wrapper = `#!/bin/sh
set -eu
umask 077
store=$(dirname "$0")/store
mkdir -p "$store"
case $1 in
get) if [ -e "$store/$2" ]; then cat "$store/$2"; else echo none; fi ;;
store) cat >"$store/$2" ;;
erase) rm -f "$store/$2" ;;
esac
`

// setCommand writes a program and configures it as patrol.keyCommand.
func setCommand(t *testing.T, place *keys.Place, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keeper")
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	place.Setting = func(name string) string { return map[string]string{keys.CommandSetting: path}[name] }
}

func writeSecret(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sshKey has ssh-keygen make a key.
func sshKey(t *testing.T, path, passphrase string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ssh-keygen", append(args, "-q", "-N", passphrase, "-C", "ada", "-f", path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	return path
}

// newPlace is a place of a kind for a test of its own.
func newPlace(t *testing.T, kind string, p *passphrase) (*suite, keys.Place) {
	t.Helper()
	s := &suite{}
	var err error
	if s.kind, err = keys.Find(kind); err != nil {
		t.Fatal(err)
	}
	return s, s.place(t, p)
}

// An identity that is missing, another's, open to others, or no identity at all
// says nothing of the key: the vault is locked, not lost.
func TestIdentityTroubleIsNoLostKey(t *testing.T) {
	t.Parallel()
	s, place := newPlace(t, "age", &passphrase{})
	mine, _ := age.GenerateX25519Identity()
	other, _ := age.GenerateX25519Identity()
	path := writeSecret(t, filepath.Join(t.TempDir(), "id"), mine.String()+"\n")
	place.Seal.Identity = path
	key := s.saved(t, s.kind.Open(place))
	for name, spoil := range map[string]func() error{
		"missing":       func() error { return nil },
		"another's":     func() error { return os.WriteFile(path, []byte(other.String()), 0o600) },
		"no identity":   func() error { return os.WriteFile(path, []byte(mine.Recipient().String()), 0o600) },
		"empty":         func() error { return os.WriteFile(path, nil, 0o600) },
		"SSH, cut":      func() error { return os.WriteFile(path, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"), 0o600) },
		"plugin is not": func() error { return os.WriteFile(path, []byte(plugin.EncodeIdentity("nowhere", nil)), 0o600) },
		"open": func() error {
			return errors.Join(os.WriteFile(path, []byte(mine.String()), 0o600), os.Chmod(path, 0o644))
		},
	} {
		_ = os.Remove(path)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		got, err := s.kind.Open(place).Load(t.Context())
		want := vault.ErrLocked
		if name == "open" {
			want = vault.ErrUnsafe
		}
		if !errors.Is(s.err(err), want) || errors.Is(err, vault.ErrNoKey) || got.IsSet() {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.secret([]byte(mine.String()))
	s.noSecretInErrors(t)

	moved := writeSecret(t, filepath.Join(t.TempDir(), "moved"), mine.String())
	place.Setting = func(name string) string { return map[string]string{keys.IdentitySetting: moved}[name] }
	s.mustLoad(t, s.kind.Open(place), key)
	if got := keys.Identity(place); got != moved {
		t.Errorf("the identity is said to be %q", got)
	}
}

// What the identity cannot open is never kept.
func TestRecipientMustBeTheIdentitys(t *testing.T) {
	t.Parallel()
	s, place := newPlace(t, "age", &passphrase{})
	mine, _ := age.GenerateX25519Identity()
	other, _ := age.GenerateX25519Identity()
	place.Seal.Identity = writeSecret(t, filepath.Join(t.TempDir(), "id"), mine.String())
	key := s.saved(t, s.kind.Open(place))
	before := place
	for _, list := range [][]string{
		{other.Recipient().String()}, {"age1"}, {mine.String()}, {"ssh-ed25519 AAAA"}, {"age1nowhere1qqqq"}, {""},
	} {
		place.Seal.Recipients = list
		err := s.kind.Open(place).Save(t.Context(), s.newKey())
		if err == nil || strings.Contains(err.Error(), mine.String()) {
			t.Errorf("%q: %v", list, err)
		}
	}
	s.mustLoad(t, s.kind.Open(before), key)
	place.Seal.Recipients = []string{other.Recipient().String(), mine.Recipient().String()}
	if err := s.kind.Open(place).Save(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	place.Setting = func(string) string { return writeSecret(t, filepath.Join(t.TempDir(), "other"), other.String()) }
	s.mustLoad(t, s.kind.Open(place), key)
}

// A plugin reaches the person through us, and is not waited for for ever.
func TestPluginAsks(t *testing.T) {
	t.Parallel()
	s, place := newPlace(t, "age", &passphrase{})
	native, _ := age.GenerateX25519Identity()
	use := func(manner string) {
		place.Seal.Identity = writeSecret(t, filepath.Join(t.TempDir(), "id"), plugin.EncodeIdentity("toy", []byte(native.String()+" "+manner)))
	}
	use("pin")
	var said strings.Builder
	answer := "1234"
	place.Say = func(line string) { said.WriteString(line + "\n") }
	place.Ask = func(_ context.Context, question string, secret bool) (cred.Secret, error) {
		said.WriteString(question)
		if !secret {
			t.Error("the PIN would be shown")
		}
		return cred.NewSecret(answer), nil
	}
	key := s.saved(t, s.kind.Open(place))
	s.mustLoad(t, s.kind.Open(place), key)
	if !strings.Contains(said.String(), "toy: PIN of the toy ") || !strings.Contains(said.String(), "toy: a toy is ") {
		t.Errorf("it said %q", said.String())
	}
	answer = "4321"
	if _, err := s.kind.Open(place).Load(t.Context()); !errors.Is(err, vault.ErrLocked) || !strings.Contains(err.Error(), "the PIN is wrong") {
		t.Errorf("a wrong PIN: %v", err)
	}
	place.Ask = nil
	if _, err := s.kind.Open(place).Load(t.Context()); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("nobody there: %v", err)
	}
	for manner, want := range map[string]string{"liar": "what does not open it", "chatter": "toy plugin"} {
		use(manner)
		path := place.Seal.Identity
		place.Setting = func(string) string { return path }
		if _, err := s.kind.Open(place).Load(t.Context()); !errors.Is(err, vault.ErrLocked) || errors.Is(err, vault.ErrNoKey) || !strings.Contains(err.Error(), want) {
			t.Errorf("a %s: %v", manner, err)
		}
	}
	place.Setting = nil
	use("deaf")
	place.Patience = 300 * time.Millisecond
	if err := s.kind.Open(place).Save(t.Context(), s.newKey()); !errors.Is(err, vault.ErrLocked) || !strings.Contains(err.Error(), "within") {
		t.Errorf("a deaf one: %v", err)
	}
	if runtime.GOOS == "linux" {
		awaitNoPlugin(t)
	}
	place.Find = func(string) (string, error) { return "/elsewhere/age-plugin-toy", nil }
	if _, err := s.kind.Open(place).Load(t.Context()); !errors.Is(err, vault.ErrLocked) || !strings.Contains(err.Error(), "first one in PATH") {
		t.Errorf("a plugin that PATH has elsewhere: %v", err)
	}
}

// awaitNoPlugin waits until no plugin is our child any more.
func awaitNoPlugin(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := 0
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		for _, list := range lists {
			children, _ := os.ReadFile(list)
			for child := range strings.FieldsSeq(string(children)) {
				if line, _ := os.ReadFile("/proc/" + child + "/cmdline"); bytes.HasPrefix(line, []byte("age-plugin-")) {
					left++
				}
			}
		}
		switch {
		case len(lists) == 0:
			t.Fatal("/proc tells nothing of children, so this proves nothing")
		case left == 0:
			return
		case time.Now().After(end):
			t.Fatalf("%d plugins are left behind", left)
		}
	}
}

// What a command may answer, and what each answer means.
func TestCommandAnswers(t *testing.T) {
	t.Parallel()
	s, place := newPlace(t, "command", &passphrase{})
	key := s.newKey()
	other := keys.Text("0123456789abcdef", key).Reveal()
	for _, test := range []struct {
		script string
		want   error
	}{
		{"echo none", vault.ErrNoKey},
		{"exit 1", vault.ErrLocked},
		{"echo none; exit 3", vault.ErrLocked},
		{"echo 'gpg: \033[2J no' >&2; exit 2", vault.ErrLocked},
		{"true", vault.ErrNoSource},
		{"echo rubbish", vault.ErrNoSource},
		{"echo " + other, vault.ErrNoSource},
		{"yes none", vault.ErrNoSource},
		{"sleep 60", vault.ErrLocked},
	} {
		setCommand(t, &place, "#!/bin/sh\n"+test.script+"\n")
		place.Patience = 0
		if strings.HasPrefix(test.script, "sleep") {
			place.Patience = 200 * time.Millisecond
		}
		got, err := s.kind.Open(place).Load(t.Context())
		if !errors.Is(s.err(err), test.want) || got.IsSet() || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %v, want %v", test.script, err, test.want)
		}
	}
	setCommand(t, &place, "#!/bin/sh\ncat >/dev/null\n") // it forgets
	if err := s.kind.Open(place).Save(t.Context(), key); !errors.Is(s.err(err), vault.ErrNoSource) {
		t.Errorf("a command that forgets: %v", err)
	}
	for _, line := range []string{"", "  ", "./here", "nowhere-to-be-found x"} {
		place.Setting = func(string) string { return line }
		if _, err := s.kind.Open(place).Load(t.Context()); !errors.Is(err, vault.ErrNoSource) {
			t.Errorf("%q: %v", line, err)
		}
	}
	s.noSecretInErrors(t)
}

// The plain file is refused as soon as others could read it.
func TestPlainFileIsOursAlone(t *testing.T) {
	t.Parallel()
	s, place := newPlace(t, "file", &passphrase{})
	key := s.saved(t, s.kind.Open(place))
	path := filepath.Join(place.Vault.Dir(), "key.plaintext")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := s.kind.Open(place).Load(t.Context()); !errors.Is(s.err(err), vault.ErrUnsafe) {
		t.Errorf("mode 0640: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s.mustLoad(t, s.kind.Open(place), key)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := place
	other.ID = "0123456789abcdef"
	s.mustHaveNone(t, s.kind.Open(other))
	for _, damaged := range [][]byte{nil, text[1:], bytes.Replace(text, text[40:42], text[42:44], 1), append(text, text...)} {
		if err := place.Vault.WritePrivate("key.plaintext", damaged); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(damaged, text) {
			s.mustHaveNone(t, s.kind.Open(place))
		}
	}
	s.noSecretInErrors(t)
}
