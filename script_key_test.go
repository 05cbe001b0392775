//go:build linux

package patrol_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdRecoveryKey has patrol write the vault's recovery key, and makes it a secret
// like any other: it must not be seen again.
func cmdRecoveryKey(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "recoverykey NAME")
	cmd := exec.Command(find(ts, "patrol"), "key", "backup", "--insecure-stdout")
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	text, err := cmd.Output()
	ts.Check(err)
	ts.Check(of(ts).canaries.add(args[0], strings.TrimSpace(string(text))))
}

// toyPlugin is a plugin of age's: it seals as age's own X25519 does, under a
// stanza of its own name, and asks for a PIN before it opens anything. See
// https://github.com/C2SP/C2SP/blob/main/age-plugin.md.
func toyPlugin() int {
	p, err := plugin.New("toy")
	if err != nil {
		return 1
	}
	p.RegisterFlags(flag.CommandLine)
	flag.Parse()
	p.HandleIdentityAsRecipient(func(data []byte) (age.Recipient, error) {
		i, err := age.ParseX25519Identity(string(data))
		if err != nil {
			return nil, err
		}
		return toy{recipient: i.Recipient()}, nil
	})
	p.HandleIdentity(func(data []byte) (age.Identity, error) {
		i, err := age.ParseX25519Identity(string(data))
		return toy{identity: i, p: p}, err
	})
	return p.Main()
}

type toy struct {
	recipient age.Recipient
	identity  age.Identity
	p         *plugin.Plugin
}

// Wrap implements age.Recipient.
func (t toy) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, err := t.recipient.Wrap(fileKey)
	for _, s := range stanzas {
		s.Type = "toy"
	}
	return stanzas, err
}

// Unwrap implements age.Identity. What it says tries to write on the screen, and
// tells whether it was given a secret of the environment.
func (t toy) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	_ = t.p.DisplayMessage("this is a toy\x1b[2J; token: " + os.Getenv("SYSTEM_ACCESSTOKEN"))
	if pin, err := t.p.RequestValue("the PIN of your toy,\x1b[2J please", true); err != nil || pin != "1234" {
		return nil, errors.New("the PIN is wrong")
	}
	for _, s := range stanzas {
		if s.Type == "toy" {
			s.Type = "X25519"
		}
	}
	return t.identity.Unwrap(stanzas)
}

// cmdToyIdentity writes the identity of a toy.
func cmdToyIdentity(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "toyidentity FILE")
	i, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(plugin.EncodeIdentity("toy", []byte(i.String()))+"\n"), 0o600))
}
