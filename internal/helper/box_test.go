package helper_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// mark is in every secret of the tests, so that one look finds a leak.
const mark = "S3CRET"

// box is a vault on disk and the program that Git runs, around it.
type box struct {
	t     *testing.T
	vault *vault.Vault
	key   vault.Key
	now   time.Time

	locked error // what the key source answers in place of the key
}

// result is all that came of one run.
type result struct {
	stdout, stderr string
	code           int
	became         []became
	heard          int
}

// became is a call of Become: what patrol would have been asked.
type became struct {
	operation string
	request   cred.Request
	written   string
}

// instead is the exit code of the patrol that takes over.
const instead = 77

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, vault: vault.In(filepath.Join(t.TempDir(), "patrol")), now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	var err error
	b.key, err = b.vault.Create(t.Context(), "test", func(string, vault.Key) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// made is the box of the attack rows: what patrol made for two organisations,
// and passwords of other hosts.
func made(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	b.add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: "good-org", Account: "me@corp", HasAccount: true}, mark+"-good-org")
	b.add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: "other-org", Account: "me@corp", HasAccount: true}, mark+"-other-org")
	b.store("https", "github.com", "", "octocat", mark+"-github")
	b.store("https", "victim.example.com", "", "victim", mark+"-victim")
	return b
}

// typed is the same with nothing but what Git stored.
func typed(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	b.store("https", "dev.azure.com", "good-org/p/_git/r", "me@corp", mark+"-good-org")
	b.store("https", "good-org.visualstudio.com", "p/_git/r", "me@corp", mark+"-good-org")
	b.store("https", "dev.azure.com", "other-org/p/_git/r", "me@corp", mark+"-other-org")
	b.store("https", "github.com", "", "octocat", mark+"-github")
	b.store("https", "victim.example.com", "", "victim", mark+"-victim")
	return b
}

// boxes are the ways in which the same secrets can have come into a vault.
var boxes = map[string]func(*testing.T) *box{"made": made, "typed": typed}

func (b *box) add(rec vault.Record, secret string) {
	b.t.Helper()
	b.change(func(r *vault.Records) {
		rec.Created, rec.Verified = b.now, b.now
		rec.SetSecrets(vault.Secrets{Secret: cred.NewSecret(secret)})
		r.Add(rec)
		r.Remember(cred.NewSecret(secret), b.now.Add(365*24*time.Hour), b.now)
	})
}

func (b *box) change(f func(*vault.Records)) {
	b.t.Helper()
	if err := b.vault.Update(b.t.Context(), b.key, func(r *vault.Records) error { f(r); return nil }); err != nil {
		b.t.Fatal(err)
	}
}

// store has Git store a password; it fails the test when that says anything.
func (b *box) store(protocol, host, path, user, password string) {
	b.t.Helper()
	in := fmt.Sprintf("protocol=%s\nhost=%s\n", protocol, host)
	if path != "" {
		in += "path=" + path + "\n"
	}
	b.quiet("store", in+"username="+user+"\npassword="+password+"\n")
}

// run runs one operation with in as its input.
func (b *box) run(in string, args ...string) result {
	b.t.Helper()
	return b.runOn(strings.NewReader(in), args...)
}

func (b *box) runOn(in io.Reader, args ...string) result {
	b.t.Helper()
	var r result
	var out, err bytes.Buffer
	r.code = b.program(in, &out, &err, &r).Run(args)
	r.stdout, r.stderr = out.String(), err.String()
	return r
}

func (b *box) program(in io.Reader, stdout, stderr io.Writer, r *result) helper.Program {
	return helper.Program{
		Stdin: in, Stdout: stdout, Stderr: stderr,
		Dir: func() (string, error) { return b.vault.Dir(), nil },
		Now: func() time.Time { return b.now },
		Key: func(string) (vault.Key, error) {
			if b.locked != nil {
				return vault.Key{}, b.locked
			}
			return b.key, nil
		},
		Heard: func() { r.heard++ },
		Become: func(operation string, req *cred.Request) int {
			var w bytes.Buffer
			if err := req.Write(&w); err != nil {
				b.t.Error(err)
			}
			r.became = append(r.became, became{operation, *req, w.String()})
			return instead
		},
	}
}

// quiet runs an operation that must say nothing.
func (b *box) quiet(operation, in string) {
	b.t.Helper()
	if r := b.run(in, operation); r.stdout != "" || r.stderr != "" || r.code != helper.Done || len(r.became) > 0 {
		b.t.Errorf("%s %q: %+v", operation, in, r)
	}
}

// get asks for what the lines say and wants exactly these lines.
func (b *box) get(in, want string) {
	b.t.Helper()
	r := b.run(in, "get")
	if r.stdout != want || r.stderr != "" || r.code != helper.Done || len(r.became) > 0 {
		b.t.Errorf("get\n%swants\n%sgot %+v", in, want, r)
	}
}

// passes runs get and wants patrol to take over.
func (b *box) passes(in string) {
	b.t.Helper()
	r := b.run(in, "get")
	if r.stdout != "" || r.stderr != "" || r.code != instead || len(r.became) != 1 || r.became[0].operation != "get" {
		b.t.Errorf("get %q is no matter for patrol: %+v", in, r)
	}
}

// contents is the vault file and the names of all that lies beside and around
// it.
func (b *box) contents() string {
	b.t.Helper()
	raw, err := os.ReadFile(b.vault.Path())
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	err = filepath.WalkDir(filepath.Dir(b.vault.Dir()), func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(raw) + strings.Join(names, "\n")
}

// unchanged runs f and wants the vault as it was, to the byte.
func (b *box) unchanged(f func()) {
	b.t.Helper()
	before := b.contents()
	f()
	if b.contents() != before {
		b.t.Errorf("the vault changed")
	}
}

func (b *box) records() *vault.Records {
	b.t.Helper()
	f, err := b.vault.Load()
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := f.Open(b.key)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// list shows the vault as lines of host, organisation, path, account, secret.
func (b *box) list() string {
	b.t.Helper()
	r := b.records()
	var lines strings.Builder
	for i := range r.List {
		rec := &r.List[i]
		s, err := r.Secrets(rec)
		if err != nil {
			b.t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s %s %s %s %s", rec.Kind, rec.Host, rec.Org+rec.Path, rec.Account, s.Secret.Reveal())
		if !rec.Suspect.IsZero() {
			lines.WriteString(" suspect")
		}
		lines.WriteByte('\n')
	}
	return lines.String()
}

// answer is what Azure gets for a user name and a secret.
func answer(user, secret string) string { return "username=" + user + "\npassword=" + secret + "\n" }

const (
	azure    = "protocol=https\nhost=dev.azure.com\n"
	goodRepo = azure + "path=good-org/p/_git/r\n"
	stop     = "quit=1\n"
)
