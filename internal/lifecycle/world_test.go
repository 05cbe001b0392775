package lifecycle

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/emulator"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/oauth"
	"github.com/gitpatrol/patrol/internal/vault"
)

const (
	ada = "ada@contoso.com"
	ben = "ben@contoso.com"
)

// world is an Azure DevOps, a vault, and a person at a browser.
type world struct {
	*testing.T
	emulator *emulator.Emulator
	vault    *vault.Vault
	key      vault.Key
	browser  *browser

	mu   sync.Mutex
	said []string
}

// newWorld starts the emulator's example. Its clock is the vault's.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	seed, err := emulator.ParseSeed([]byte(emulator.ExampleSeed))
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Config{Seed: seed, Dir: t.TempDir(), Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	w := &world{T: t, emulator: e, vault: vault.In(filepath.Join(t.TempDir(), "patrol"))}
	if w.key, err = w.vault.Create(t.Context(), "test", func(string, vault.Key) error { return nil }); err != nil {
		t.Fatal(err)
	}
	w.browser = &browser{world: w, home: t.TempDir()}
	w.sit(ada, "")
	return w
}

// keeper is one run of patrol with somebody at the browser.
func (w *world) keeper() *Keeper {
	transport := azdo.NewTransport(azdo.TransportConfig{
		Settings: func(string) (azdo.Settings, error) { return azdo.Settings{CAFile: w.emulator.CAFile()}, nil },
		Environ:  w.emulator.Env(),
	})
	w.Cleanup(transport.CloseIdleConnections)
	return &Keeper{
		Vault: w.vault, Key: w.key,
		Server:  azdo.New(azdo.Config{Version: "test", Transport: transport, Now: w.emulator.Now}),
		OAuth:   oauth.Config{Version: "test", Transport: transport, Now: w.emulator.Now, Rand: rand.Reader},
		Browser: w.browser, Show: func(oauth.Invitation) {}, Person: true,
		Choice: Auto, Machine: "machine", Now: w.emulator.Now, Say: w.say,
	}
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

// target is an organisation of Azure DevOps.
func target(org string) helper.Target {
	return helper.Target{Azure: true, Host: helper.AzureHost, Org: org}
}

// answer asks for what Git gets.
func (w *world) answer(k *Keeper, org string) *vault.Record {
	w.Helper()
	_, rec, err := k.Answer(w.Context(), target(org))
	if err != nil {
		w.Fatalf("no answer for %s: %v", org, err)
	}
	return rec
}

// records opens the vault.
func (w *world) records() *vault.Records {
	w.Helper()
	r, err := w.keeper().read()
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// kinds counts the records of a kind.
func (w *world) kinds(kind vault.Kind) int {
	w.Helper()
	n := 0
	for _, rec := range w.records().List {
		if rec.Kind == kind {
			n++
		}
	}
	return n
}

// working checks that the vault holds a token for an organisation that the
// server accepts, and returns its record.
func (w *world) working(org string) *vault.Record {
	w.Helper()
	r := w.records()
	rec, err := helper.Pick(r, target(org), w.emulator.Now())
	if err != nil {
		w.Fatalf("the vault has nothing for %s: %v", org, err)
	}
	secrets, err := r.Secrets(rec)
	if err != nil {
		w.Fatal(err)
	}
	auth := azdo.PAT(secrets.Secret)
	if rec.Kind == vault.Entra {
		auth = azdo.Bearer(secrets.Secret)
	}
	if _, err := w.keeper().Server.Connection(w.Context(), org, auth); err != nil {
		w.Fatalf("the server does not accept what the vault has for %s: %v", org, err)
	}
	return rec
}

// active lists the names of the tokens that work on the server.
func (w *world) active() []string {
	var names []string
	for _, p := range w.emulator.State().PATs {
		if p.Revoked.IsZero() && w.emulator.Now().Before(p.ValidTo) {
			names = append(names, p.Name)
		}
	}
	return names
}

func (w *world) fault(f emulator.Fault) {
	w.Helper()
	if f.Count == 0 {
		f.Count = -1
	}
	if _, err := w.emulator.AddFault(f); err != nil {
		w.Fatal(err)
	}
}

// asked counts the requests of a method to a host.
func (w *world) asked(method, host string) int {
	n := 0
	for _, r := range w.emulator.Requests() {
		if r.Method == method && r.Host == host {
			n++
		}
	}
	return n
}

// browser is the stand-in for a person that the demonstration has.
type browser struct {
	*world
	home   string
	mu     sync.Mutex
	opened int
}

// sit seats a person at the browser.
func (w *world) sit(upn, do string) {
	w.Helper()
	text, err := json.Marshal(map[string]string{"user": upn, "password": emulator.DefaultPassword, "do": do})
	if err == nil {
		err = os.WriteFile(filepath.Join(w.browser.home, ".browser.json"), text, 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// Open implements oauth.Browser.
func (b *browser) Open(_ context.Context, url string) error {
	b.mu.Lock()
	b.opened++
	b.mu.Unlock()
	cmd := exec.Command(browserProgram, url) // it outlives the sign-in, to show how that ended
	cmd.Env = append(slices.Clone(b.emulator.Env()), "HOME="+b.home)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", oauth.ErrNoBrowser, err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

func (b *browser) windows() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

// browserProgram is where TestMain built demo/browser.
var browserProgram string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lifecycle")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	browserProgram = filepath.Join(dir, "browser")
	if runtime.GOOS == "windows" {
		browserProgram += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", browserProgram, "../../demo/browser").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
