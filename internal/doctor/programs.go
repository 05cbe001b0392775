package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/foreign"
	"github.com/gitpatrol/patrol/internal/git"
)

// programChecks are about the programs themselves: Git's, and patrol's own.
func programChecks() []Check {
	return []Check{{
		ID:       "helper-path",
		Title:    "Git is configured for another git-credential-patrol than the one beside this patrol",
		Why:      "Git runs that one, which may be gone, older, or anybody's that comes first in PATH.",
		Remedy:   "patrol setup",
		Severity: Medium,
		Find:     findHelperPath,
	}, {
		ID:       "writable-program",
		Title:    "others can replace a program that sees your tokens",
		Why:      "Whoever can write there can put a program of their own in its place, and Git runs it.",
		Remedy:   "take write permission from group and others, or install to a directory of yours or root's: chmod go-w DIR",
		Severity: High,
		Find:     findWritable,
	}, {
		ID:       "old-git",
		Title:    "this Git has a known hole through which credentials leak",
		Why:      "A hostile repository or server can use it once it is cloned or fetched.",
		Remedy:   "install the newest Git of your system",
		Severity: High,
		Find:     findOldGit,
	}, {
		ID:    "curl-user",
		Title: "this Git forgets the user name of a URL",
		Why: "Its libcurl keeps the user part of a URL to itself, so Git asks for any account: where you have several at one " +
			"organisation, the URL does not choose between them.",
		Remedy:   "git config --global credential.https://dev.azure.com/ORG.username you@example.com",
		Severity: Low,
		Find:     findCurlUser,
	}, {
		ID:       "env-token",
		Title:    "a token in the environment",
		Why:      "Every program started from here gets it, and any program of yours can read it from those.",
		Remedy:   "unset it, take it out of the file that sets it, and revoke the token in the portal",
		Severity: High,
		Find:     findEnvTokens,
	}}
}

func findHelperPath(_ context.Context, m *Machine) ([]Finding, error) {
	var found []Finding
	var seen []git.Entry
	for _, t := range append(m.asked("helper"), target("git.example")) { // the last for patrol setup --all-hosts
		for _, e := range m.Config.Helpers(t) {
			if m.isOurs(e) || !isPatrol(e) || slices.Contains(seen, e) {
				continue
			}
			seen = append(seen, e)
			f := Finding{Where: m.origin(e), What: HelperWord(e.Value) + " is another one"}
			switch path := plainPath(e); {
			case !filepath.IsAbs(path):
				f.What = HelperWord(e.Value) + " is looked for in PATH at each use"
				f.Fix = m.appendFix(helperLines(m.Helper))
			case !exists(path):
				f.What = HelperWord(e.Value) + " is not there"
				fallthrough
			default:
				f.Fix = &Fix{Says: "patrol setup: write " + m.Helper + " in its place", Do: m.Setup}
			}
			if t.Host == "git.example" {
				f.Fix, f.Remedy = nil, "patrol setup --all-hosts"
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// isPatrol reports whether a helper is some git-credential-patrol.
func isPatrol(e git.Entry) bool {
	name := filepath.Base(filepath.FromSlash(HelperWord(e.Value)))
	return name == "patrol" || strings.TrimSuffix(name, ".exe") == "git-credential-patrol"
}

// plainPath undoes what setup writes for the shell.
func plainPath(e git.Entry) string { return strings.ReplaceAll(HelperWord(e.Value), `\`, "") }

// findWritable looks at the programs that Git runs for a credential, and the
// directories above them.
func findWritable(_ context.Context, m *Machine) ([]Finding, error) {
	programs := []string{m.Executable, filepath.Join(filepath.Dir(m.Executable), filepath.Base(strings.ReplaceAll(m.Helper, `\`, ""))), m.Git}
	for _, t := range azureTargets() {
		for _, e := range m.Config.Helpers(t) {
			if path := plainPath(e); filepath.IsAbs(path) {
				programs = append(programs, path)
			}
		}
	}
	var found []Finding
	seen := map[string]bool{}
	for _, program := range programs {
		for path := program; ; path = filepath.Dir(path) {
			if !seen[path] {
				seen[path] = true
				if why, group := writable(path); why != "" {
					found = append(found, Finding{Where: m.Short(path), What: why, Severity: writeSeverity(group), Remedy: "chmod go-w " + path})
				}
			}
			if filepath.Dir(path) == path {
				break
			}
		}
	}
	return found, nil
}

// writeSeverity is low for a group: who is in it was chosen by root, as for
// /usr/local on many systems.
func writeSeverity(group bool) Severity {
	if group {
		return Low
	}
	return High
}

// advisory is a hole in Git.
type advisory struct {
	ids   string
	what  string
	link  string
	fixed []string // the first version of each line that is not affected
	// closed finds out whether this Git has the hole closed, whatever its
	// version says: distributions mend old versions. nil: there is no way to tell.
	closed func(context.Context, *Machine) (bool, error)
}

// advisories are those by which credentials leak. Git before 2.26 does not get
// this far: patrol does not work with it.
func advisories() []advisory {
	return []advisory{{
		ids:   "CVE-2020-5260, CVE-2020-11008",
		what:  "a crafted URL makes it ask a helper for the credential of another host",
		link:  "https://github.com/git/git/security/advisories/GHSA-hjc9-x69f-jqj7",
		fixed: []string{"2.26.2"},
	}, {
		ids:    "CVE-2024-50349, CVE-2024-52006",
		what:   "a crafted URL shows another host in the question for a password, or smuggles one past helpers that take a carriage return for a line's end",
		link:   "https://github.com/git/git/security/advisories/GHSA-r5ph-xg7q-xfrp",
		fixed:  []string{"2.40.4", "2.41.3", "2.42.4", "2.43.6", "2.44.3", "2.45.3", "2.46.3", "2.47.2", "2.48.1"},
		closed: refusesReturn,
	}, {
		ids:    "CVE-2025-48384",
		what:   "a repository cloned with its submodules runs a program of its own, which may ask every helper of yours",
		link:   "https://github.com/git/git/security/advisories/GHSA-vwqx-4fm8-6qc9",
		fixed:  []string{"2.43.7", "2.44.4", "2.45.4", "2.46.4", "2.47.3", "2.48.2", "2.49.1", "2.50.1"},
		closed: quotesReturn,
	}}
}

func findOldGit(ctx context.Context, m *Machine) ([]Finding, error) {
	text, err := m.run(ctx, "version")
	if err != nil {
		return nil, err
	}
	version, ok := parseVersion(strings.TrimPrefix(strings.TrimSpace(text), "git version "))
	if !ok {
		return nil, fmt.Errorf("git calls its version %q", text)
	}
	var found []Finding
	for _, a := range advisories() {
		if version.has(a.fixed) {
			continue
		}
		maybe := ", unless your distribution has mended it"
		if a.closed != nil {
			if closed, err := a.closed(ctx, m); err != nil || closed {
				continue
			}
			maybe = " (it was tried)"
		}
		found = append(found, Finding{
			Where: fmt.Sprintf("%s (%s)", m.Git, strings.TrimSpace(text)),
			What:  a.ids + ": " + a.what + maybe, Remedy: "install the newest Git of your system; " + a.link,
		})
	}
	return found, nil
}

// refusesReturn tries whether Git refuses to pass on a carriage return, which came with the repair of both holes.
func refusesReturn(ctx context.Context, m *Machine) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Git, "credential", "fill")
	cmd.Env, cmd.Dir, cmd.WaitDelay = m.alone(), filepath.Dir(m.Git), time.Second
	cmd.Stdin = strings.NewReader("protocol=https\nhost=patrol.invalid\rpatrol.invalid\nusername=tried\npassword=tried\n\n")
	out, _ := cmd.Output()
	return !strings.Contains(string(out), "password=tried"), nil
}

// quotesReturn tries whether Git keeps the carriage return at the end of a value
// that it writes to a file of configuration.
func quotesReturn(ctx context.Context, m *Machine) (bool, error) {
	dir, err := os.MkdirTemp("", "patrol-doctor-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "config")
	if _, err := m.run(ctx, "config", "--file", file, "tried.key", "value\r"); err != nil {
		return false, err
	}
	text, err := os.ReadFile(file)
	return strings.Contains(string(text), "\"value\r\""), err
}

// run runs git outside any repository and returns what it prints.
func (m *Machine) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Git, args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = m.alone(), filepath.Dir(m.Git), time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return string(out), nil
}

// version is a version number of up to four parts.
type version [4]int

// parseVersion reads as much of text as is a version: 2.39.5 of "2.39.5
// (Apple Git-154)", 2.53.0.2 of "2.53.0.windows.2".
func parseVersion(text string) (v version, ok bool) {
	text, _, _ = strings.Cut(text, " ")
	n := 0
	for part := range strings.SplitSeq(text, ".") {
		number := 0
		if _, err := fmt.Sscanf(part, "%d", &number); err != nil {
			continue // windows, rc1
		}
		if v[n] = number; n == len(v)-1 {
			break
		}
		n++
	}
	return v, n > 1
}

// has reports whether v has what came to several lines of versions with the
// given ones: to its own line at v or before, or to all lines before its own.
func (v version) has(fixed []string) bool {
	later := true
	for _, text := range fixed {
		f, _ := parseVersion(text)
		if f[0] == v[0] && f[1] == v[1] {
			return slices.Compare(v[:], f[:]) >= 0
		}
		later = later && slices.Compare(v[:], f[:]) > 0
	}
	return later
}

// findCurlUser tries which user name Git asks for, at a server of ours that
// refuses everybody. libcurl no longer tells the user part of the URL it fetched,
// from 8.23.0 on and where a distribution has that change earlier; Git takes
// the difference for a redirect, until a version of it knows better.
// See https://github.com/curl/curl/pull/23016.
func findCurlUser(ctx context.Context, m *Machine) ([]Finding, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="patrol doctor"`)
		w.WriteHeader(http.StatusUnauthorized)
	})}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Git, "-c", "credential.helper=", "-c", "core.askPass=", "-c", "http.proxy=", "ls-remote", "http://patrol@"+listener.Addr().String()+"/x")
	cmd.Env, cmd.Dir, cmd.WaitDelay = m.alone("GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS="), filepath.Dir(m.Git), time.Second
	var says strings.Builder
	cmd.Stderr = &says
	_ = cmd.Run() // Git must fail: it has nobody to ask
	switch {
	case strings.Contains(says.String(), "Password for"):
		return nil, nil
	case strings.Contains(says.String(), "Username for"):
		return []Finding{{Where: m.Git, What: "asked to fetch as a user, it asks for any user"}}, nil
	}
	return nil, errors.New("git does not say what it asks for")
}

// alone is an environment in which git reads no configuration but the
// command's, and speaks English.
func (m *Machine) alone(more ...string) []string {
	env := slices.DeleteFunc(git.Environ(m.Environ), func(kv string) bool { return strings.HasPrefix(kv, "GIT_") && !strings.HasPrefix(kv, "GIT_EXEC_PATH=") })
	return append(env, append(more, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "HOME="+os.DevNull, "XDG_CONFIG_HOME="+os.DevNull, "LC_ALL=C")...)
}

// findEnvTokens goes by the checksum, so that the name does not matter.
func findEnvTokens(_ context.Context, m *Machine) ([]Finding, error) {
	var found []Finding
	for _, kv := range m.Environ {
		name, value, _ := strings.Cut(kv, "=")
		if len(azdo.FindPATs([]byte(value))) == 0 {
			continue
		}
		f := Finding{Where: "the variable " + name, What: "it holds an Azure DevOps token (its checksum is right)"}
		if name == "SYSTEM_ACCESSTOKEN" {
			f.Severity, f.Remedy = Medium, "map it in the one step of the pipeline that needs it"
		}
		found = append(found, f)
	}
	// A program that answers Git's question for a password is often a script of
	// one line. See https://git-scm.com/docs/gitcredentials#_requesting_credentials.
	for _, name := range []string{"GIT_ASKPASS", "SSH_ASKPASS"} {
		path := m.Getenv(name)
		if text, err := foreign.ReadOwn(path, MaxFile); err == nil && len(azdo.FindPATs(text)) > 0 {
			found = append(found, Finding{
				Where: m.Short(path) + ", which " + name + " names", What: "it holds an Azure DevOps token (its checksum is right)",
				Remedy: "remove it, unset " + name + ", and revoke the token in the portal",
			})
		}
	}
	return found, nil
}
