package keys_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"filippo.io/age"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

// Each source of keys.Kinds passes these tests: a new one needs no test of its
// own for what all of them have in common.
//
// One after the other: a passphrase costs 256 MiB each time it is tried.
func TestSources(t *testing.T) {
	variants := ways(t)
	for _, kind := range keys.Kinds() {
		if len(variants[kind.Name]) == 0 {
			variants[kind.Name] = []way{{}}
		}
		for _, way := range variants[kind.Name] {
			testSource(t, kind, way)
		}
	}
}

func testSource(t *testing.T, kind keys.Kind, way way) {
	t.Run(strings.TrimSpace(kind.Name+" "+way.name), func(t *testing.T) {
		s := &suite{kind: kind, way: way}
		for _, test := range []struct {
			name string
			run  func(*testing.T, *suite)
		}{
			{"keeps", keeps}, {"is begun once", begunOnce}, {"refuses", refuses},
		} {
			t.Run(test.name, func(t *testing.T) { test.run(t, s) })
		}
		s.noSecretInErrors(t)
	})
}

// suite is the tests of one source.
type suite struct {
	kind keys.Kind
	way  way

	mu      sync.Mutex
	secrets [][]byte
	errs    []error
}

// passphrase is what a person of a test types.
type passphrase struct {
	text  string
	asked int
	fresh int // how often a new one was chosen
	err   error
}

func (p *passphrase) ask(_ context.Context, _ string, fresh bool) (cred.Secret, error) {
	p.asked++
	if fresh {
		p.fresh++
	}
	return cred.NewSecret(p.text), p.err
}

// place is where a vault of a test and its key are.
func (s *suite) place(t *testing.T, p *passphrase) keys.Place {
	t.Helper()
	id := fmt.Sprintf("%x", vault.NewKey().Bytes()[:8])
	t.Cleanup(func() { _ = keyring.Clear(id) })
	s.secret([]byte(p.text))
	place := keys.Place{
		Vault: vault.In(filepath.Join(t.TempDir(), "patrol")), ID: id, Passphrase: p.ask,
		Find:    func(name string) (string, error) { return git.FindProgram(name, os.Environ()) },
		Environ: os.Environ(), Getenv: func(string) string { return "" },
	}
	if s.way.set != nil {
		s.way.set(t, &place, p)
	}
	return place
}

func (s *suite) secret(b []byte) {
	if len(b) < 8 {
		return // it would be found anywhere
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = append(s.secrets, b)
}

func (s *suite) newKey() vault.Key {
	key := vault.NewKey()
	s.secret(key.Bytes())
	return key
}

// saved is a new key that the source keeps.
func (s *suite) saved(t *testing.T, source keys.Source) vault.Key {
	t.Helper()
	key := s.newKey()
	if err := source.Save(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	return key
}

// err notes an error, to be searched for secrets, and returns it.
func (s *suite) err(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
	return err
}

// noSecretInErrors searches all errors of the tests.
func (s *suite) noSecretInErrors(t *testing.T) {
	for _, err := range s.errs {
		text := fmt.Sprintf("%v %+v %q %#v", err, err, err, err)
		for _, secret := range s.secrets {
			for _, form := range []string{string(secret), hex.EncodeToString(secret), base64.RawStdEncoding.EncodeToString(secret), fmt.Sprint(secret)} {
				if strings.Contains(text, form) {
					t.Errorf("the error holds a secret: %v", err)
				}
			}
		}
	}
}

// mustLoad loads the key that want is.
func (s *suite) mustLoad(t *testing.T, source keys.Source, want vault.Key) {
	t.Helper()
	got, err := source.Load(t.Context())
	if err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Fatalf("load: another key, or %v", err)
	}
}

// mustHaveNone loads where there is no key.
func (s *suite) mustHaveNone(t *testing.T, source keys.Source) {
	t.Helper()
	if key, err := source.Load(t.Context()); !errors.Is(s.err(err), vault.ErrNoKey) || key.IsSet() {
		t.Errorf("load: %v, want ErrNoKey", err)
	}
}

// What was saved is loaded, the newest only, until it is removed.
func keeps(t *testing.T, s *suite) {
	p := &passphrase{text: "the quick brown fox"}
	place := s.place(t, p)
	source := s.kind.Open(place)
	if _, err := source.Load(t.Context()); errors.Is(err, vault.ErrNoSource) {
		if err := source.Save(t.Context(), s.newKey()); !errors.Is(err, vault.ErrNoSource) {
			t.Errorf("it cannot load, but save says %v", err)
		}
		return
	}
	s.mustHaveNone(t, source)
	if p.asked > 0 {
		t.Error("a person was asked where there is nothing to open")
	}
	first, second := s.newKey(), s.newKey()
	for _, key := range []vault.Key{first, second} {
		if err := source.Save(t.Context(), key); err != nil {
			t.Fatalf("save: %v", err)
		}
		s.mustLoad(t, s.kind.Open(place), key)
	}
	s.mustHaveNone(t, s.kind.Open(s.place(t, p))) // another vault
	if p.fresh != 0 && p.fresh != 2 {
		t.Errorf("a new passphrase was chosen %d times for two keys", p.fresh)
	}
	s.onlyPrivate(t, place)
	remover, ok := source.(keys.Remover)
	if !ok {
		return
	}
	for range 2 { // that it is gone already is no error
		if err := remover.Remove(t.Context()); err != nil {
			t.Errorf("remove: %v", err)
		}
		s.mustHaveNone(t, s.kind.Open(place))
	}
}

// onlyPrivate looks at what lies beside the vault: private files, without the
// key in them, and nothing temporary.
func (s *suite) onlyPrivate(t *testing.T, place keys.Place) {
	t.Helper()
	entries, err := os.ReadDir(place.Vault.Dir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(place.Vault.Dir(), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range s.secrets {
			if key, err := vault.KeyFromBytes(secret); err == nil && !s.kind.Insecure && bytes.Contains(data, []byte(keys.Text(place.ID, key).Reveal())) {
				t.Errorf("%s has the key in clear", e.Name())
			}
			if bytes.Contains(data, secret) || bytes.Contains(data, []byte(hex.EncodeToString(secret))) {
				t.Errorf("%s holds a secret in clear", e.Name())
			}
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 || strings.HasSuffix(e.Name(), ".new") {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
}

// Many processes that begin a vault at once make one, and its key is the one
// that is kept.
func begunOnce(t *testing.T, s *suite) {
	p := &passphrase{text: "many at once"}
	place := s.place(t, p)
	var group sync.WaitGroup
	var unable atomic.Bool // the source does not work on this system
	made := make(chan string, 8)
	for range cap(made) {
		group.Go(func() {
			_, err := place.Vault.Create(t.Context(), s.kind.Name, func(id string, key vault.Key) error {
				s.secret(key.Bytes())
				made <- id
				mine := place
				mine.ID = id
				return s.kind.Open(mine).Save(t.Context(), key)
			})
			switch {
			case err == nil:
			case errors.Is(s.err(err), vault.ErrNoSource):
				unable.Store(true)
			case !errors.Is(err, vault.ErrExists):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if unable.Load() {
		return
	}
	if len(made) != 1 {
		t.Fatalf("%d vaults were begun", len(made))
	}
	place.ID = <-made
	t.Cleanup(func() { _ = keyring.Clear(place.ID) })
	f, err := place.Vault.Load()
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.kind.Open(place).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(key); err != nil || f.ID != place.ID || f.Source != s.kind.Name {
		t.Errorf("the vault and its key are not of one making: %v", err)
	}
}

// Where a person must open the source, a wrong answer and none say so, and
// leave everything as it was.
func refuses(t *testing.T, s *suite) {
	p := &passphrase{text: "right passphrase"}
	place := s.place(t, p)
	source := s.kind.Open(place)
	key := s.newKey()
	if err := source.Save(t.Context(), key); err != nil {
		if !errors.Is(err, vault.ErrNoSource) {
			t.Error(err)
		}
		return
	}
	if p.asked == 0 {
		s.mustLoad(t, source, key)
		if p.asked > 0 {
			t.Error("a person is asked to open what needed nobody to close")
		}
		return
	}
	for _, wrong := range []*passphrase{{text: "wrong passphrase"}, {text: ""}, {err: vault.ErrLocked}} {
		s.secret([]byte(wrong.text))
		place.Passphrase = wrong.ask
		if got, err := s.kind.Open(place).Load(t.Context()); !errors.Is(s.err(err), vault.ErrLocked) || got.IsSet() {
			t.Errorf("%+v: %v, want ErrLocked", *wrong, err)
		}
	}
	nobody := &passphrase{err: vault.ErrLocked}
	place.Passphrase = nobody.ask
	if err := s.kind.Open(place).Save(t.Context(), s.newKey()); !errors.Is(s.err(err), vault.ErrLocked) {
		t.Errorf("save: %v, want ErrLocked", err)
	}
	s.mustLoad(t, source, key)
}

// The file is plain age: whoever has the passphrase and any age can open it.
func TestAgeFileIsPlainAge(t *testing.T) {
	s, p := &suite{}, &passphrase{text: "пароль with blanks  "}
	kind, err := keys.Find("age")
	if err != nil {
		t.Fatal(err)
	}
	s.kind = kind
	place := s.place(t, p)
	key := s.saved(t, kind.Open(place))
	sealed, err := os.ReadFile(filepath.Join(place.Vault.Dir(), "key.age"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(sealed, []byte("age-encryption.org/v1\n-> scrypt ")) {
		t.Errorf("it begins with %.40q", sealed)
	}
	identity, err := age.NewScryptIdentity(p.text)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := age.Decrypt(bytes.NewReader(sealed), identity)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(plain); err != nil || !bytes.Equal(got, key.Bytes()) {
		t.Errorf("another key, or %v", err)
	}
}

// seal makes an age file as Save does, but in less time.
func seal(t *testing.T, passphrase string, text []byte) []byte {
	t.Helper()
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(10)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return sealed.Bytes()
}

// A file that was changed in any part does not open, and no error tells of the
// key.
func TestAgeFileDamaged(t *testing.T) {
	t.Parallel()
	s, p := &suite{}, &passphrase{text: "a damaged file"}
	s.kind, _ = keys.Find("age")
	place := s.place(t, p)
	key := s.newKey()
	sealed := seal(t, p.text, key.Bytes())
	if err := place.Vault.WritePrivate("key.age", sealed); err != nil {
		t.Fatal(err)
	}
	s.mustLoad(t, s.kind.Open(place), key)
	mac := bytes.Index(sealed, []byte("\n--- ")) + 8
	changes := map[string][]byte{
		"empty":          {},
		"cut":            sealed[:len(sealed)-1],
		"header":         bytes.Replace(sealed, []byte("age-encryption.org/v1"), []byte("age-encryption.org/v2"), 1),
		"header's mac":   flip(sealed, mac),
		"key":            flip(sealed, len(sealed)-1),
		"key's nonce":    flip(sealed, len(sealed)-60),
		"no age at all":  []byte("0123456789abcdef0123456789abcdef"),
		"work for years": bytes.Replace(sealed, []byte(" 10\n"), []byte(" 40\n"), 1),
	}
	for name, data := range changes {
		if err := place.Vault.WritePrivate("key.age", data); err != nil {
			t.Fatal(err)
		}
		got, err := s.kind.Open(place).Load(t.Context())
		if !errors.Is(s.err(err), vault.ErrNoKey) || got.IsSet() {
			t.Errorf("%s: %v, want ErrNoKey", name, err)
		}
	}
	s.noSecretInErrors(t)
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// A file that decrypts to something else than a key is none.
func TestAgeFileOfAnotherThing(t *testing.T) {
	t.Parallel()
	s, p := &suite{}, &passphrase{text: "something else"}
	s.kind, _ = keys.Find("age")
	place := s.place(t, p)
	for _, text := range []string{"", "short", strings.Repeat("long", 1<<10)} {
		if err := place.Vault.WritePrivate("key.age", seal(t, p.text, []byte(text))); err != nil {
			t.Fatal(err)
		}
		if key, err := s.kind.Open(place).Load(t.Context()); !errors.Is(err, vault.ErrNoKey) || key.IsSet() {
			t.Errorf("%d bytes: %v, want ErrNoKey", len(text), err)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, kind := range keys.Kinds() {
		if found, err := keys.Find(kind.Name); err != nil || found.Name != kind.Name || kind.Help == "" || seen[kind.Name] {
			t.Errorf("%q: %v", kind.Name, err)
		}
		seen[kind.Name] = true
	}
	if _, err := keys.Find("floppy"); err == nil {
		t.Error("floppy is no source")
	}
}
