package cli

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/lifecycle"
	"github.com/gitpatrol/patrol/internal/oauth"
)

// keeper makes and revokes the tokens of the open vault. person says whether
// somebody may be asked to sign in.
func (s *session) keeper(person bool) (*lifecycle.Keeper, error) {
	choice, err := s.choice()
	if err != nil {
		return nil, err
	}
	var client string
	if e, ok := s.config.Get("patrol.entraClientId"); ok {
		client = e.Value
	}
	transport := s.transport()
	return &lifecycle.Keeper{
		Vault: s.vault, Key: s.key,
		Server:   azdo.New(azdo.Config{Version: buildVersion(), Transport: transport, Now: s.Now}),
		OAuth:    oauth.Config{Version: buildVersion(), Transport: transport, Now: s.Now, Rand: rand.Reader},
		ClientID: client,
		Browser:  oauth.Desktop{Environ: s.Environ, Find: git.FindProgram, Scrub: git.Environ},
		Show:     s.showSignIn,
		Person:   person,
		Choice:   choice,
		Machine:  machineName(s.Hostname),
		Now:      s.Now,
		Say:      s.note,
	}, nil
}

// choice is what Git is to get for Azure Repos. Where patrol.credential is not
// set, what Git Credential Manager was told counts.
func (s *session) choice() (lifecycle.Choice, error) {
	if e, ok := s.config.Get("patrol.credential"); ok {
		if choice := lifecycle.Choice(e.Value); slices.Contains(lifecycle.Choices(), choice) {
			return choice, nil
		}
		return "", failed("the choices are: auto, pat, entra", "patrol.credential is %q", e.Value)
	}
	switch strings.ToLower(s.gcmValue("azreposCredentialType")) {
	case "pat":
		return lifecycle.OnlyPAT, nil
	case "oauth":
		return lifecycle.OnlyEntra, nil
	}
	return lifecycle.Auto, nil
}

// transport reaches servers through the proxy and with the certificates that
// Git is configured for.
func (s *session) transport() *azdo.Transport {
	return azdo.NewTransport(azdo.TransportConfig{
		Settings: func(url string) (azdo.Settings, error) {
			settings, err := s.config.HTTPSettings(url, s.Environ)
			return azdo.Settings(settings), err
		},
		Environ: s.Environ,
	})
}

// machineName is what a token's display name says of the machine: as much of
// its name as any server and terminal will take.
func machineName(hostname string) string {
	short, _, _ := strings.Cut(hostname, ".")
	name := strings.Map(func(r rune) rune {
		if r == '-' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, short)
	if name = name[:min(len(name), 40)]; name == "" {
		return "machine"
	}
	return name
}

// showSignIn tells the person where to sign in.
func (s *session) showSignIn(i oauth.Invitation) {
	if i.Opened {
		s.note("sign in with the browser that has just opened; if none did, open this address yourself:")
	} else {
		s.note("open this address in a browser to sign in (%v):", i.Reason)
	}
	// Not through note, which would cut it: this line is for copying.
	_, _ = s.Stderr.Write([]byte("  " + i.URL + "\n"))
	if i.Forward != "" {
		s.note("for a browser on another machine, first type there: %s", i.Forward)
	}
}

// personThere says whether somebody is there to sign in with a browser: at a
// terminal, or at a desktop whose programs run Git without one.
func (s *session) personThere() bool {
	if s.getenv("CI") != "" {
		return false
	}
	if t, err := s.Terminal(); err == nil {
		_ = t.Close()
		return true
	}
	if s.getenv("GIT_TERMINAL_PROMPT") == "0" {
		return false
	}
	return runtime.GOOS == "windows" || runtime.GOOS == "darwin" || s.getenv("DISPLAY") != "" || s.getenv("WAYLAND_DISPLAY") != ""
}

// whileGitLives returns a context that ends when the process that started us, the
// git above it, or the reader of our answer is gone: nobody waits then, and no
// window should stay open.
func whileGitLives(ctx context.Context, answer io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent, above := os.Getppid(), gitAbove()
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent || unread(answer) || broken(above) {
					cancel()
				}
			}
		}
	}()
	return ctx, cancel
}
