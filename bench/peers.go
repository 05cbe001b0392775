//go:build linux

package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The user name of azureURL is the organisation, so the helpers of others are
// given the token under the same name.
func (w *world) azureStore() string { return azureGet + "password=" + w.token + "\n" }

// measurePeers runs other helpers with the same request: those that keep
// passwords as they answer it, those that sign in as they start.
func measurePeers(ctx context.Context, w *world, r *report) error {
	rounds := max(r.rounds/10, 10)
	answer := "password=" + w.token
	env := w.env(usual)
	for _, helper := range []string{"credential-store", "credential-cache"} {
		if _, err := output(ctx, env, w.azureStore(), w.git, helper, "store"); err != nil {
			return err
		}
	}
	w.undo = append(w.undo, func() { _, _ = output(context.Background(), env, "", w.git, "credential-cache", "exit") })
	commands := []command{
		w.nothing(azureGet),
		w.helper("git-credential-patrol", usual, "get", azureGet, answer),
		{"git credential-store", env, []string{w.git, "credential-store", "get"}, azureGet, answer},
		{"git credential-cache, its daemon running", env, []string{w.git, "credential-cache", "get"}, azureGet, answer},
	}
	var absent []row
	bin := filepath.Join(".cache", "peers")
	if _, err := output(ctx, os.Environ(), "", filepath.Join("tools", "peers.sh"), bin); err != nil {
		absent = append(absent, row{name: "git-credential-libsecret, -oauth and -azure", note: "tools/peers.sh could not get them"})
	} else {
		bin = filepath.Join(bin, "bin")
		secret, err := w.libsecret(ctx, bin)
		if err != nil {
			return err
		}
		start := func(name, path string) command {
			return command{"start of " + name, env, []string{path, "none"}, "", ""}
		}
		commands = append(
			commands, secret,
			start("git-credential-patrol", filepath.Join(w.bin, "git-credential-patrol")),
			start("git-credential-oauth", filepath.Join(bin, "git-credential-oauth")),
			start("git-credential-azure", filepath.Join(bin, "git-credential-azure")),
		)
	}
	rows, err := interleave(ctx, rounds, commands)
	if err != nil {
		return err
	}
	r.add(table{
		title: "Other helpers",
		text: "The same get, run directly. Those of Git hold one password and no key: credential-store reads it from a file in clear, credential-cache from a process's memory; " +
			"libsecret asks an unlocked gnome-keyring. A start is an operation that the helper does not know, which ends at once; git-credential-oauth and -azure keep nothing themselves.",
		rounds: rounds, rows: append(rows, absent...),
	})
	return nil
}

// libsecret puts the token into the keyring of a session.
func (w *world) libsecret(ctx context.Context, bin string) (command, error) {
	session, err := w.keyring(ctx)
	if err != nil {
		return command{}, err
	}
	env := w.env(usual, session...)
	path := filepath.Join(bin, "git-credential-libsecret")
	if _, err := output(ctx, env, w.azureStore(), path, "store"); err != nil {
		return command{}, err
	}
	return command{"git-credential-libsecret", env, []string{path, "get"}, azureGet, "password=" + w.token}, nil
}

// keyring begins a session with an unlocked gnome-keyring, which ends with the
// world, and returns what its programs find in their environment.
func (w *world) keyring(ctx context.Context) ([]string, error) {
	if w.session != nil {
		return w.session, nil
	}
	cmd := exec.CommandContext(ctx, filepath.Join("tools", "with-keyring.sh"), "sh", "-c", `echo "$DBUS_SESSION_BUS_ADDRESS" && echo "$XDG_RUNTIME_DIR" && exec cat`)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	var said [2]string
	for i := range said {
		if !lines.Scan() {
			return nil, fmt.Errorf("tools/with-keyring.sh gives no session: %w", cmp.Or(lines.Err(), context.Cause(ctx), os.ErrClosed))
		}
		said[i] = lines.Text()
	}
	w.session = []string{"DBUS_SESSION_BUS_ADDRESS=" + said[0], "XDG_RUNTIME_DIR=" + said[1]}
	return w.session, nil
}

// measureGit asks through Git, which starts the helper named in its
// configuration.
func measureGit(ctx context.Context, w *world, r *report) error {
	rounds := max(r.rounds/10, 10)
	answer := "password=" + w.token
	fill := func(name, config string) (command, error) {
		file := filepath.Join(w.dir, "gitconfig-"+strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			return command{}, err
		}
		return command{name, w.env(usual, "GIT_CONFIG_GLOBAL="+file), []string{w.git, "credential", "fill"}, "url=" + azureURL + "\n", answer}, nil
	}
	setup, err := os.ReadFile(filepath.Join(w.home(usual), ".gitconfig"))
	if err != nil {
		return err
	}
	nothing, err := fill("nothing to ask", "")
	nothing.stdin = w.azureStore()
	patrol, err2 := fill("patrol", string(setup))
	const path = "[credential]\n\tuseHttpPath = true\n\thelper = "
	store, err3 := fill("store", path+"store\n")
	cache, err4 := fill("cache", path+"cache\n")
	if err := cmp.Or(err, err2, err3, err4); err != nil {
		return err
	}
	rows, err := interleave(ctx, rounds, []command{nothing, patrol, store, cache})
	if err != nil {
		return err
	}
	r.add(table{
		title: "Through git credential fill",
		text: "What Git's own programs wait for before they connect. patrol is configured as patrol setup does it, by absolute path; store and cache by name. " +
			"With nothing to ask, the request holds the password already.",
		rounds: rounds, rows: rows,
	})
	return nil
}
