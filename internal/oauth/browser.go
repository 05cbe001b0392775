package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Desktop is the Browser of the machine we run on. All fields are needed.
type Desktop struct {
	// Environ says where the person is, and is what the browser inherits, less
	// what Scrub removes.
	Environ []string
	// Find returns the absolute path of a program; git.FindProgram does, and
	// finds none that a clone has brought along.
	Find func(name string, env []string) (string, error)
	// Scrub removes secrets from an environment; git.Environ does.
	Scrub func(env []string) []string
}

// settleTime is how long an opener has to say that it cannot.
const settleTime = 2 * time.Second

// Open implements Browser. No shell is involved on our side, the URL is one
// argument that no program could take for an option or a command, and the
// program is none of the current directory's (CVE-2025-6514, CVE-2020-26233).
func (d Desktop) Open(ctx context.Context, rawURL string) error {
	if err := openable(rawURL); err != nil {
		return err
	}
	argv, err := d.command(runtime.GOOS, exists)
	if err != nil {
		return err
	}
	cmd := exec.Command(argv[0], append(argv[1:], rawURL)...)
	cmd.Env = d.childEnv()
	cmd.Dir = filepath.VolumeName(argv[0]) + string(filepath.Separator) // not a clone, for its own look-ups
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoBrowser, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	settle := time.NewTimer(settleTime)
	defer settle.Stop()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNoBrowser, filepath.Base(argv[0]), err)
		}
	case <-settle.C: // it is the browser itself, or still busy
	case <-ctx.Done():
	}
	return nil
}

// openable accepts https URLs made of characters that mean nothing to any
// shell, opener or option parser.
func openable(rawURL string) error {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		return fmt.Errorf("%w: only https addresses are opened", ErrNoBrowser)
	case strings.ContainsFunc(rawURL, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("-._~:/?&=%+,@", r) }):
		return fmt.Errorf("%w: the address holds characters that are not opened", ErrNoBrowser)
	}
	return nil
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// command returns the program and its first arguments, or says why a browser
// would not open, or not where the person is.
func (d Desktop) command(goos string, exists func(string) bool) ([]string, error) {
	if d.Find == nil || d.Scrub == nil {
		return nil, fmt.Errorf("%w: nothing to find one with", ErrNoBrowser)
	}
	if goos != "windows" {
		if path := d.chosen(); path != "" {
			return []string{path}, nil
		}
	}
	_, ssh := d.lookup("SSH_CONNECTION")
	switch {
	case ssh:
		return nil, fmt.Errorf("%w: this is an SSH session", ErrNoBrowser)
	case goos == "windows":
		return d.windows()
	case goos == "darwin":
		return []string{"/usr/bin/open"}, nil
	}
	if _, wsl := d.lookup("WSL_DISTRO_NAME"); wsl {
		// Windows' own browser; it reaches our loopback.
		if argv, err := d.first([]string{"wslview"}, []string{"rundll32.exe", "url.dll,FileProtocolHandler"}); err == nil {
			return argv, nil
		}
	}
	if d.get("DISPLAY") == "" && d.get("WAYLAND_DISPLAY") == "" {
		if d.container(exists) {
			return nil, fmt.Errorf("%w: this is a container", ErrNoBrowser)
		}
		return nil, fmt.Errorf("%w: there is no display", ErrNoBrowser)
	}
	return d.first([]string{"xdg-open"}, []string{"x-www-browser"})
}

// chosen is the first program of $BROWSER, a list like PATH's, that is a plain
// name or path: editors set it to what opens a browser where the person is. An
// entry that is a command line, with blanks or %s, would need a shell to be
// understood and is passed over.
func (d Desktop) chosen() string {
	for _, entry := range strings.Split(d.get("BROWSER"), ":") {
		if entry == "" || strings.ContainsAny(entry, " \t\n%'\"`$\\;&|<>") {
			continue
		}
		if path, err := d.Find(entry, d.Environ); err == nil && filepath.IsAbs(path) {
			return path
		}
	}
	return ""
}

// windows hands the URL to the system's handler. Its directory comes from the
// system, not from PATH, and so does the library's.
func (d Desktop) windows() ([]string, error) {
	root := d.get("SystemRoot")
	if len(root) < 3 || root[1:3] != `:\` {
		return nil, fmt.Errorf("%w: Windows does not say where it is", ErrNoBrowser)
	}
	system := strings.TrimRight(root, `\`) + `\System32\`
	return []string{system + "rundll32.exe", system + "url.dll,FileProtocolHandler"}, nil
}

// first returns the first command whose program is there.
func (d Desktop) first(commands ...[]string) ([]string, error) {
	var errs []error
	for _, argv := range commands {
		path, err := d.Find(argv[0], d.Environ)
		if err == nil && filepath.IsAbs(path) {
			return append([]string{path}, argv[1:]...), nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoBrowser, errors.Join(errs...))
}

// childEnv is what the browser gets. Git's variables are about a repository the
// browser has nothing to do with, a BROWSER that we did not take is not for
// xdg-open to interpret either, and relative entries of PATH would lead it into
// the directory it stands in.
func (d Desktop) childEnv() []string {
	var env []string
	for _, kv := range d.Scrub(slices.Clone(d.Environ)) {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "GIT_"), strings.HasPrefix(name, "PATROL_"), name == "BROWSER":
			continue
		case strings.EqualFold(name, "PATH"):
			dirs := slices.DeleteFunc(filepath.SplitList(value), func(dir string) bool { return !filepath.IsAbs(dir) })
			kv = name + "=" + strings.Join(dirs, string(filepath.ListSeparator))
		}
		env = append(env, kv)
	}
	return env
}
