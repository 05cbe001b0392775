package sshkey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gitpatrol/patrol/internal/capped"
)

// Client runs the ssh program.
type Client struct {
	Program string   // absolute path of ssh
	Environ []string // without secrets
	// Config is the person's configuration, where ssh would not find it by
	// itself: it looks into the home directory of the user database, whatever
	// HOME says. "" for ssh's own choice.
	Config string
}

// The results of Try, for errors.Is.
var (
	// ErrRefused: the service does not know the key, or no longer.
	ErrRefused = errors.New("Azure Repos refuses the key")
	// ErrHostKey: what answers has another host key than the service.
	ErrHostKey = errors.New("what answers is not Azure Repos: its host key is another one")
	// ErrUnreachable: nothing was learnt about the key.
	ErrUnreachable = errors.New("Azure Repos cannot be reached over SSH")
)

const (
	// tryTime bounds one run of ssh.
	tryTime = 30 * time.Second
	// connectTime bounds its connecting, in seconds.
	connectTime = "15"
	// mostOutput bounds what is kept of its output.
	mostOutput = 64 << 10
)

// LookVariable tells the command of the block, which fills an agent, that
// nobody connects.
const LookVariable = "PATROL_SSH_LOOK"

// Settings is what ssh would do for a host, as "ssh -G" prints it: a keyword
// in lower case, and its values.
type Settings map[string][]string

// First is the first value of a keyword.
func (s Settings) First(keyword string) string {
	if len(s[keyword]) == 0 {
		return ""
	}
	return s[keyword][0]
}

// ErrSettings says that ssh cannot read its configuration.
var ErrSettings = errors.New("ssh -G")

// Settings asks ssh what it would do for a host.
func (c Client) Settings(ctx context.Context, host string) (Settings, error) {
	args := []string{"-G", "-T", host}
	if c.Config != "" {
		args = append([]string{"-F", c.Config}, args...)
	}
	out, err := c.run(ctx, os.TempDir(), append(slices.Clone(c.Environ), LookVariable+"=1"), args...)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %s", ErrSettings, host, firstLine(out))
	}
	s := Settings{}
	for _, line := range strings.Split(out, "\n") {
		if keyword, value, ok := strings.Cut(line, " "); ok {
			s[keyword] = append(s[keyword], value)
		}
	}
	return s, nil
}

// Key is what Try shows to the service.
type Key struct {
	File    string // private key, for which Private may stand in
	Public  ssh.PublicKey
	Private any // open; nil: the file has no passphrase
}

// Try shows one key, and no other, to the service, and returns nil if it is
// taken; else ErrRefused, ErrHostKey or ErrUnreachable. Of the person's
// configuration only the way to the host counts.
//
// "ssh -T" alone does not tell: the service lets any RSA key in, and looks
// whose it is only when a repository is asked for
// (https://github.com/MicrosoftDocs/azure-devops-docs/issues/12774). So one of
// the organisation is asked for that need not be there.
func (c Client) Try(ctx context.Context, organization string, key Key, hostKey ssh.PublicKey) error {
	settings, err := c.Settings(ctx, Host)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "patrol-ssh-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	identity, socket := key.File, "none"
	if key.Private != nil {
		identity = filepath.Join(dir, "key.pub")
		if err := os.WriteFile(identity, []byte(Line(key.Public)+"\n"), 0o600); err != nil {
			return err
		}
		var stop func()
		if socket, stop, err = ownAgent(dir, key.Private); err != nil {
			return err
		}
		defer stop()
	}
	if err := os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(KnownHosts(hostKey)), 0o600); err != nil {
		return err
	}
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte(c.tryConfig(settings, dir, identity, socket)), 0o600); err != nil {
		return err
	}
	out, err := c.run(ctx, dir, c.Environ, "-F", config, "-T", Host)
	if err := judgeShell(out, err); err != nil {
		return err
	}
	out, err = c.run(ctx, dir, c.Environ, "-F", config, Host, "git-upload-pack 'v3/"+organization+"/patrol/patrol'")
	return judge(out, err)
}

// tryConfig is the configuration for Try. What leads to the host is the
// person's own: a proxy, another port.
func (c Client) tryConfig(s Settings, dir, identity, socket string) string {
	var b strings.Builder
	line := func(keyword, value string) { fmt.Fprintf(&b, "%s %s\n", keyword, value) }
	line("HostKeyAlias", Host)
	line("User", "git")
	for _, keyword := range []string{"hostname", "port", "bindaddress", "bindinterface", "addressfamily", "proxycommand"} {
		if v := s.First(keyword); v != "" && v != "none" {
			line(keyword, v)
		}
	}
	if jump := s.First("proxyjump"); jump != "" && jump != "none" {
		own := ""
		if c.Config != "" {
			own = " -F '" + c.Config + "'"
		}
		line("ProxyCommand", "'"+c.Program+"'"+own+" -o ClearAllForwardings=yes -W '[%h]:%p' "+jump)
	}
	for _, path := range []struct{ keyword, path string }{
		{"IdentityFile", identity}, {"IdentityAgent", socket}, {"UserKnownHostsFile", filepath.Join(dir, "known_hosts")},
	} {
		line(path.keyword, `"`+strings.ReplaceAll(path.path, "%", "%%")+`"`)
	}
	b.WriteString("IdentitiesOnly yes\nBatchMode yes\nPreferredAuthentications publickey\nStrictHostKeyChecking yes\n" +
		"GlobalKnownHostsFile /dev/null\nUpdateHostKeys no\nHostKeyAlgorithms rsa-sha2-512,rsa-sha2-256\n" +
		"ControlPath none\nForwardAgent no\nLogLevel ERROR\nConnectTimeout " + connectTime + "\n")
	return b.String()
}

// run runs ssh and returns what it printed.
func (c Client) run(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Program, args...)
	cmd.Dir, cmd.Env = dir, env
	out := &capped.Buffer{Max: mostOutput}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), err
}

// judgeShell reads the answer to "ssh -T": whether ssh and the service agree on
// algorithms and the host key is right. See
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
func judgeShell(out string, err error) error {
	if strings.Contains(out, "remote: Shell access is not supported.") {
		return nil
	}
	if err := judge(out, err); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, firstLine(out))
}

// judge reads the answer for a repository. ssh fails in any case, so the
// service's words tell: that there is no such repository (TF401019, or the like
// of a project) it tells only to those it knows.
func judge(out string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case strings.Contains(out, "Host key verification failed"), strings.Contains(out, "no matching host key type"),
		strings.Contains(out, "HOST IDENTIFICATION HAS CHANGED"):
		return ErrHostKey
	case strings.Contains(out, "Public key authentication failed"), strings.Contains(out, "Permission denied"):
		return ErrRefused
	case noRepository(out), strings.Contains(out, "multi_ack"): // the second: it is there
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer in %s", ErrUnreachable, tryTime)
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, firstLine(out))
}

// noRepository finds "remote: TF401019: The Git repository ... does not exist
// ..." or its like about a project (TF200016, VS800075).
func noRepository(out string) bool {
	for _, line := range strings.Split(out, "\n") {
		text, ok := strings.CutPrefix(line, "remote: ")
		if ok && (strings.HasPrefix(text, "TF") || strings.HasPrefix(text, "VS")) && strings.Contains(text, "does not exist") {
			return true
		}
	}
	return false
}

// firstLine is the first line of an output that says something.
func firstLine(out string) string {
	for _, line := range strings.Split(out, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return "ssh says nothing"
}
