package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Config says what New needs.
type Config struct {
	// Seed is the state to start with; ReadSeed reads one from a file.
	Seed Seed
	// Dir is where bare repositories and ca.pem are kept; it is made if it
	// does not exist. Repositories that are there already keep their commits.
	Dir string
	// Clock is the real time, usually time.Now. The authority's certificate
	// follows it; everything else follows the emulator's own clock, which
	// starts at Seed.Clock and is moved by Advance and SetClock.
	Clock func() time.Time
	// Listen is the loopback address to listen on. Empty: 127.0.0.1, any port.
	Listen string
	// GitPath is the git program. Empty: the one of PATH.
	GitPath string
	// SSH serves Git over SSH as well. It is a choice because making a host key
	// takes a tenth of a second.
	SSH bool
	// Log, if not nil, gets one line for each request.
	Log io.Writer
}

// Emulator is a running or startable emulator. Its methods may be called from
// several goroutines.
type Emulator struct {
	config        Config
	world         *world
	clock         clock
	pats          patStore
	sshKeys       sshStore
	faults        faultTable
	log           requestLog
	ca            *authority
	policies      *policies
	entra         *entra
	web           webSessions
	globalPATsEnd time.Time
	deployment    deployment

	listener net.Listener
	tunnels  *tunnels
	ssh      *sshServer   // Git over SSH
	outer    *http.Server // the proxy and control side
	inner    *http.Server // the service, inside tunnels
	stop     context.CancelFunc
	running  activity // servers and requests under way
	close    sync.Once
}

// New checks the seed and makes the bare repositories. Start then listens.
func New(config Config) (*Emulator, error) {
	if config.Clock == nil {
		return nil, errors.New("emulator: Config.Clock is nil: pass time.Now")
	}
	if config.Dir == "" {
		return nil, errors.New("emulator: Config.Dir is empty: pass a directory of its own, such as t.TempDir()")
	}
	var err error
	if config.Dir, err = filepath.Abs(config.Dir); err != nil {
		return nil, err
	}
	if config.GitPath == "" {
		if config.GitPath, err = exec.LookPath("git"); err != nil {
			return nil, fmt.Errorf("emulator: git is needed: %w", err)
		}
	}
	e := &Emulator{config: config, clock: clock{base: config.Clock}, deployment: newDeployment()}
	e.log.echo = config.Log
	if !config.Seed.Clock.IsZero() {
		e.clock.set(config.Seed.Clock)
	}
	if err := e.load(config.Seed); err != nil {
		return nil, fmt.Errorf("emulator: seed: %w", err)
	}
	if e.ca, err = newAuthority(config.Clock); err != nil {
		return nil, fmt.Errorf("emulator: certificate authority: %w", err)
	}
	if err := e.writeFiles(); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return e, nil
}

// load builds the state that a seed describes.
func (e *Emulator) load(seed Seed) error {
	var err error
	if e.world, err = newWorld(seed); err != nil {
		return err
	}
	switch seed.MissingScopeStatus {
	case 0, http.StatusUnauthorized, http.StatusForbidden:
	default:
		return fmt.Errorf("missingScopeStatus %d: use 401 or 403", seed.MissingScopeStatus)
	}
	e.globalPATsEnd = seed.GlobalPATsEnd
	if e.globalPATsEnd.IsZero() {
		e.globalPATsEnd = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	}
	if e.policies, err = newPolicies(seed, e.world); err != nil {
		return err
	}
	if e.entra, err = newEntra(seed, e.world, e.policies, e.Now); err != nil {
		return err
	}
	for _, p := range seed.PATs {
		if _, _, err := e.addPAT(p); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles makes ca.pem and one bare repository for each seeded one.
func (e *Emulator) writeFiles() error {
	if err := os.MkdirAll(e.repositoryRoot(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(e.CAFile(), e.ca.pem(), 0o644); err != nil {
		return err
	}
	for _, so := range e.config.Seed.Organizations {
		for _, sp := range so.Projects {
			for _, sr := range sp.Repositories {
				repo := e.world.org(so.Name).project(sp.Name).repository(sr.Name)
				if err := e.createRepository(repo, sr.Files); err != nil {
					return fmt.Errorf("repository %s/%s/%s: %w", so.Name, sp.Name, sr.Name, err)
				}
			}
		}
	}
	return nil
}

// Start listens and serves until Close.
func (e *Emulator) Start() error {
	listener, err := listenLoopback(e.config.Listen)
	if err != nil {
		return err
	}
	if e.config.SSH {
		if err := e.listenSSH(); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.stop, e.listener = cancel, listener
	e.tunnels = newTunnels(e.ca, listener.Addr())
	e.outer = newServer(ctx, http.HandlerFunc(e.serveOuter))
	e.inner = newServer(ctx, http.HandlerFunc(e.serveInner))
	e.inner.ConnContext = withHost
	if e.ssh != nil {
		e.running.begin()
		go func() {
			defer e.running.end()
			e.serveSSH(ctx)
		}()
	}
	for server, on := range map[*http.Server]net.Listener{e.outer: e.listener, e.inner: e.tunnels} {
		e.running.begin()
		go func() {
			defer e.running.end()
			_ = server.Serve(on) // ends with ErrServerClosed
		}()
	}
	return nil
}

// Close stops listening, drops all connections, stops running git processes
// and returns when nothing of the emulator runs any more. Files stay.
func (e *Emulator) Close() error {
	if e.listener == nil {
		return nil
	}
	var err error
	e.close.Do(func() {
		e.stop()
		err = errors.Join(e.outer.Close(), e.inner.Close())
		if e.ssh != nil {
			err = errors.Join(err, e.ssh.stop())
		}
		e.running.wait()
	})
	return err
}

// Now is the emulator's time.
func (e *Emulator) Now() time.Time { return e.clock.now() }

// Advance moves the emulator's clock; expiry follows.
func (e *Emulator) Advance(d time.Duration) { e.clock.advance(d) }

// SetClock sets the emulator's clock, which goes on from there.
func (e *Emulator) SetClock(t time.Time) { e.clock.set(t) }
