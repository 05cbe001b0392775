package sshkey

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/gitpatrol/patrol/internal/cred"
)

// The key that is pinned is the one whose fingerprint Microsoft publishes.
func TestPinnedHostKey(t *testing.T) {
	t.Parallel()
	key, err := HostKey("")
	if err != nil {
		t.Fatal(err)
	}
	if got := Fingerprint(key); got != HostKeyFingerprint {
		t.Errorf("%s, want %s", got, HostKeyFingerprint)
	}
	if name, _ := Algorithm(key); name != "RSA 2048" {
		t.Errorf("%s", name)
	}
	for _, bad := range []string{"x", "ssh-rsa", "ssh-rsa AAAA", `command="x" ` + hostKey, hostKey + "\n" + hostKey, HostKeyFingerprint} {
		if _, err := HostKey(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// What is made can be read by OpenSSH, with its passphrase only, and replaces nothing.
func TestCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	passphrase := NewPassphrase()
	public, err := Create(path, "comment of mine", 2048, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-l", "-f", path).CombinedOutput()
	if want := "2048 " + Fingerprint(public) + " comment of mine (RSA)\n"; err != nil || string(out) != want {
		t.Errorf("%v %s, want %s", err, out, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, err := Unlock(path, passphrase); err != nil {
		t.Error(err)
	}
	if _, err := Unlock(path, cred.NewSecret("x")); err == nil || Plain(path) {
		t.Error("it opens without its passphrase")
	}
	before, _ := os.ReadFile(path)
	if _, err := Create(path, "", 2048, passphrase); !errors.Is(err, os.ErrExist) {
		t.Errorf("twice: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the key was replaced")
	}
	if err := os.Remove(path + ".pub"); err != nil {
		t.Fatal(err)
	}
	if got, err := Public(path); err != nil || Line(got) != Line(public) {
		t.Errorf("without its public file: %v", err)
	}
	if left, _ := filepath.Glob(path + ".*new*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestAlgorithm(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if name, objection := Algorithm(key); name != "Ed25519" || objection == "" {
		t.Errorf("%q %q", name, objection)
	}
}

// The block as ssh reads it, and what it leaves of the rest.
func TestBlockForSSH(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	block, err := Block([]Entry{{Host: "azure-x", File: "/home/a b/100%/key"}, {Host: Host, File: "/k", Unlock: "/bin/false", Agent: "/a"}}, "/home/a b/100%/known")
	if err != nil {
		t.Fatal(err)
	}
	config, err := Edit("User outside\nHost ssh.dev.azure.com\n  IdentityFile /mine\n  StrictHostKeyChecking no\n", block)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Client{Program: "/usr/bin/ssh", Config: file, Environ: []string{"PATH=/usr/bin:/bin"}}
	for host, want := range map[string]map[string]string{
		Host:        {"user": "git", "identityfile": "/k", "stricthostkeychecking": "true", "identitiesonly": "yes", "hostkeyalias": Host},
		LegacyHost:  {"user": "git", "identityfile": "/k"},
		"azure-x":   {"hostname": Host, "identityfile": "/home/a b/100%/key", "userknownhostsfile": "/home/a b/100%/known"},
		"other.com": {"user": "outside", "identitiesonly": "no"},
	} {
		s, err := c.Settings(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		for keyword, value := range want {
			// Some versions print tokens as they are written.
			if got := strings.ReplaceAll(s.First(keyword), "%%", "%"); got != value {
				t.Errorf("%s: %s is %q, want %q", host, keyword, got, value)
			}
		}
	}
	for _, bad := range []string{"/a\nb", "/a\"b", "/a\\b", "/${X}"} {
		if _, err := Block([]Entry{{Host: Host, File: bad}}, "/k"); err == nil {
			t.Errorf("%q is written", bad)
		}
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	const b, e = blockBegin + "\n", blockEnd + "\n"
	for _, c := range []struct{ config, block, want string }{
		{"", b + "x\n" + e, b + "x\n" + e},
		{"a", b + e, b + e + "a"},
		{"\r\na\r\n", b + e, b + e + "\r\na\r\n"},
		{"a\n" + b + "old\n" + e + "z", b + "new\n" + e, "a\n" + b + "new\n" + e + "z"},
		{"a\n" + b + "old\n" + e + "z", "", "a\nz"},
		{b + "old\n" + blockEnd, "", ""},
		{" " + b + "indented\n", b + e, b + e + " " + b + "indented\n"},
		{b + "x\n", b + e, "error"},
		{e, b + e, "error"},
		{e + b + e, b + e, "error"},
		{b + e + b + e, b + e, "error"},
	} {
		got, err := Edit(c.config, c.block)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.config, c.block, got, c.want)
		}
	}
}

// Whatever the configuration is, the block comes and goes without a trace.
func FuzzEdit(f *testing.F) {
	f.Add("a\n", "x")
	f.Add(blockBegin+"\n"+blockEnd, "")
	f.Fuzz(func(t *testing.T, config, inside string) {
		if lineIndex(config, blockBegin) >= 0 || lineIndex(config, blockEnd) >= 0 || strings.Contains(inside, "patrol") {
			return
		}
		block := blockBegin + "\n" + inside + "\n" + blockEnd + "\n"
		with, err := Edit(config, block)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Edit(with, block); err != nil || again != with {
			t.Errorf("twice: %q %v", again, err)
		}
		if without, err := Edit(with, ""); err != nil || without != config {
			t.Errorf("%q, want %q (%v)", without, config, err)
		}
	})
}

func TestReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	to := func(text string) func(string) (string, error) {
		return func(string) (string, error) { return text, nil }
	}
	if changed, err := Replace(file, true, to("x")); !changed || err != nil {
		t.Errorf("dry: %v %v", changed, err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Error("dry, and a file is there")
	}
	if changed, err := Replace(file, false, to("x")); !changed || err != nil {
		t.Errorf("new: %v %v", changed, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if changed, err := Replace(file, false, to("x")); changed || err != nil {
		t.Errorf("the same: %v %v", changed, err)
	}
	if _, err := Replace(file, false, to("y")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode: %v %v", info.Mode(), err)
	}
	other := func(string) (string, error) { return "z", os.WriteFile(file, []byte("somebody else's"), 0o640) }
	if _, err := Replace(file, false, other); err == nil {
		t.Error("what another program wrote is lost")
	}
	for name, spoil := range map[string]func() error{
		"writable by others": func() error { return os.Chmod(file, 0o666) },
		"a link":             func() error { return errors.Join(os.Remove(file), os.Symlink("/etc/passwd", file)) },
		"a directory":        func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := Replace(file, false, to("y")); err == nil {
			t.Errorf("%s is replaced", name)
		}
		if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() {
			_ = os.Chmod(file, 0o600)
		} else {
			_ = os.Remove(file)
			_ = os.WriteFile(file, nil, 0o600)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	failed := errors.New("exit status 255")
	for out, want := range map[string]error{
		"remote: TF401019: The Git repository with name or identifier patrol does not exist\r\n":                nil,
		"remote: TF200016: The following project does not exist: patrol.\r\n":                                   nil,
		"remote: Public key authentication failed.\r\n":                                                         ErrRefused,
		"git@ssh.dev.azure.com: Permission denied (publickey).\r\n":                                             ErrRefused,
		"No RSA host key is known for x and you have requested strict checking.\nHost key verification failed.": ErrHostKey,
		"Unable to negotiate with 1.2.3.4 port 22: no matching host key type found. Their offer: ssh-ed25519":   ErrHostKey,
		"ssh: Could not resolve hostname ssh.dev.azure.com: Name or service not known\n":                        ErrUnreachable,
		"": ErrUnreachable,
		"remote: VS800075: The project with id 'patrol' does not exist, or you do not have permission to access it.\r\n": nil,
		"remote: TF24668: The following team project collection is stopped: contoso.\r\n":                                ErrUnreachable,
		"Welcome to another server\n": ErrUnreachable,
	} {
		if err := judge(out, failed); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", out, err, want)
		}
	}
	if err := judgeShell("remote: Shell access is not supported.\r\nshell request failed on channel 0\r\n", failed); err != nil {
		t.Error(err)
	}
	if err := judgeShell("remote: TF401019: x", failed); !errors.Is(err, ErrUnreachable) {
		t.Errorf("no shell's answer: %v", err)
	}
	if err := judge("", context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A known_hosts file is read as ssh reads it, names hashed or not.
func TestCheckKnownHosts(t *testing.T) {
	t.Parallel()
	key, err := HostKey("")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf"
	for text, want := range map[string]Pinned{
		"":                                PinnedNot,
		"gitlab.com " + other + "\n":      PinnedNot,
		KnownHosts(key):                   PinnedRight,
		Host + " " + other + "\n":         PinnedWrong,
		"*.azure.com " + other + "\n":     PinnedWrong,
		LegacyHost + " " + other + "\n":   PinnedWrong,
		"@revoked * " + hostKey + "\n":    PinnedWrong,
		"vs-ssh.visualstudio.com garbage": PinnedNot,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _ := CheckKnownHosts(file, key); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if err := os.WriteFile(file, []byte(Host+" "+other+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-H", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if got, err := CheckKnownHosts(file, key); got != PinnedWrong {
		t.Errorf("hashed: %s %v", got, err)
	}
}

// A server may say more than anybody reads.
func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	much := filepath.Join(dir, "much")
	if err := os.WriteFile(much, make([]byte, 4*mostOutput), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := Client{Program: cat}.run(t.Context(), dir, nil, much)
	if err != nil || len(out) != mostOutput {
		t.Errorf("%d bytes were kept, %v", len(out), err)
	}
}
