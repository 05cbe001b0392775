package helper_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// TestBecome is the whole of when patrol takes over. Each state of the vault is
// asked for an Azure organisation and for another host, by each operation; the
// letters say which of get, store and erase patrol gets to do.
func TestBecome(t *testing.T) {
	t.Parallel()
	damage := func(b *box, change func([]byte) []byte) {
		raw, err := os.ReadFile(b.vault.Path())
		if err == nil {
			err = os.WriteFile(b.vault.Path(), change(raw), 0o600)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	edit := func(b *box, change func(*vault.Record)) {
		b.change(func(r *vault.Records) {
			for i := range r.List {
				change(&r.List[i])
			}
		})
	}
	// The box holds a token of patrol's for good-org and a password of git.example.
	for _, test := range []struct {
		name           string
		prepare        func(b *box)
		azure, generic string
	}{
		{"there is an answer", func(*box) {}, "", ""},
		{"there is no vault", func(b *box) { _ = os.Remove(b.vault.Path()) }, "gs", "s"},
		{"the key is locked", func(b *box) { b.locked = vault.ErrLocked }, "gse", "gse"},
		{"the key is not there", func(b *box) { b.locked = vault.ErrNoKey }, "gse", "gse"},
		{"there is no keyring", func(b *box) { b.locked = vault.ErrNoSource }, "gse", "gse"},
		{"the key is another's", func(b *box) { b.key = vault.NewKey() }, "gse", "gse"},
		{"the vault is damaged", func(b *box) { damage(b, func([]byte) []byte { return nil }) }, "gse", "gse"},
		{"the vault is newer", func(b *box) { damage(b, func([]byte) []byte { return []byte("patrol-vault 2\n") }) }, "gse", "gse"},
		{"the vault is open to others", func(b *box) { _ = os.Chmod(b.vault.Path(), 0o644) }, "gse", "gse"},
		{"the last secret is damaged", func(b *box) {
			damage(b, func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw })
		}, "g", ""}, // the token's is the last: it was the first record
		{"nothing is in it", func(b *box) { b.change(func(r *vault.Records) { r.List = nil }) }, "g", ""},
		{"the records have expired", func(b *box) { edit(b, func(rec *vault.Record) { rec.Expires = b.now }) }, "g", ""},
		{"the records are suspect", func(b *box) { edit(b, func(rec *vault.Record) { rec.Suspect = b.now }) }, "g", ""},
		{"the records are of another account", func(b *box) { edit(b, func(rec *vault.Record) { rec.Account = "other" }) }, "g", ""},
		{"the records are to be revoked", func(b *box) { edit(b, func(rec *vault.Record) { rec.Due = b.now }) }, "g", ""},
		{"the organisation is not allowed", func(b *box) {
			b.change(func(r *vault.Records) { r.AllowOrg = []string{"other-org"} })
		}, "g", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, operation := range []string{"get", "store", "erase"} {
				for in, want := range map[string]string{goodRepo + "username=me@corp\npassword=x\n": test.azure, example + "username=me@corp\npassword=x\n": test.generic} {
					b := newBox(t)
					b.store("https", "git.example", "", "me@corp", "p")
					b.change(func(r *vault.Records) { // behind the password, so that its secret is the last in the file
						rec := vault.Record{ID: "t", Kind: vault.PAT, Host: "dev.azure.com", Org: "good-org", Account: "me@corp", HasAccount: true}
						rec.SetSecrets(vault.Secrets{Secret: cred.NewSecret(mark)})
						r.List = append(r.List, rec)
					})
					test.prepare(b)
					r := b.run(in, operation)
					if becomes := strings.Contains(want, operation[:1]); becomes != (len(r.became) == 1) {
						t.Errorf("%s for %.40q: %+v", operation, in, r)
					} else if becomes && (r.code != instead || r.stdout != "" || r.stderr != "" || r.became[0].operation != operation) {
						t.Errorf("%s for %.40q: more than patrol: %+v", operation, in, r)
					}
				}
			}
		})
	}
}

// What the helper itself refuses is not for patrol either.
func TestBecomeIsNotForRefusals(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "garbage\n", "protocol=https\n", azure, azure + "path=..\n", "protocol=http\nhost=dev.azure.com\npath=good-org\n",
		"protocol=http\nhost=git.example\n", "protocol=cert\nhost=\npath=/x\n",
	} {
		for _, operation := range []string{"get", "store", "erase"} {
			b := newBox(t)
			b.locked = vault.ErrLocked
			if r := b.run(in, operation); len(r.became) > 0 {
				t.Errorf("%s %q: %+v", operation, in, r)
			}
		}
	}
	// Nor is a store that keeps nothing, and what fails under the lock.
	b := newBox(t)
	b.locked = vault.ErrLocked
	b.quiet("store", example+"username=u\npassword=p\nephemeral=1\n")
	b.quiet("store", example+"username=u\n")
}

// patrol gets the request as Git made it, but for the server's text.
func TestBecomeHandsOnTheRequest(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.locked = vault.ErrLocked
	lines := "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=dev.azure.com\npath=Good-Org/p q/_git/r\nusername=Me@Corp\n" +
		"password= s\xff=\npassword_expiry_utc=1795525200\noauth_refresh_token=r\nauthtype=Bearer\ncredential=c\n"
	for _, operation := range []string{"get", "erase"} {
		r := b.run("wwwauth[]=Bearer authorization_uri=https://evil.example\nwwwauth[]=Basic\nx-new[]=1\nstate[]=other:1\n"+lines, operation)
		if len(r.became) != 1 || r.became[0].operation != operation || r.became[0].written != lines {
			t.Fatalf("%s: got %+v\nwant %q", operation, r.became, lines)
		}
		// And it reads as the same again.
		again, err := cred.Read(strings.NewReader(r.became[0].written))
		if err != nil {
			t.Fatal(err)
		}
		was := r.became[0].request
		if !again.Password.Equal(was.Password) || !again.Refresh.Equal(was.Refresh) || !again.Credential.Equal(was.Credential) {
			t.Error("the secrets differ")
		}
		for _, req := range []*cred.Request{&again, &was} {
			req.Password, req.Refresh, req.Credential = cred.Secret{}, cred.Secret{}, cred.Secret{}
			req.WWWAuth, req.State = nil, nil
		}
		if !reflect.DeepEqual(again, was) {
			t.Errorf("got  %+v\nwant %+v", again, was)
		}
	}
}

// What the directory's own errors come to, without any vault.
func TestNoDirectory(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{goodRepo: stop, example: ""} {
		for _, operation := range []string{"get", "store", "erase"} {
			b := newBox(t)
			var r result
			var out, err bytes.Buffer
			p := b.program(strings.NewReader(in+"username=u\npassword=p\n"), &out, &err, &r)
			p.Dir = func() (string, error) { return "", vault.ErrNoHome }
			code := p.Run([]string{operation})
			if operation != "get" {
				want = ""
			}
			if code != helper.Failed || out.String() != want || len(r.became) > 0 {
				t.Errorf("%s: code %d, %q, %+v", operation, code, out.String(), r)
			}
			checkSays(t, err.String(), "HOME")
		}
	}
}

// TestPick is which of several records answers an Azure organisation.
func TestPick(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	rec := func(id string, change ...func(*vault.Record)) vault.Record {
		r := vault.Record{ID: id, Kind: vault.PAT, Host: "dev.azure.com", Org: "o", Account: "me", HasAccount: true}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	kind := func(k vault.Kind) func(*vault.Record) { return func(r *vault.Record) { r.Kind = k } }
	account := func(a string) func(*vault.Record) { return func(r *vault.Record) { r.Account = a } }
	expires := func(in time.Duration) func(*vault.Record) {
		return func(r *vault.Record) { r.Expires = now.Add(in) }
	}
	suspect := func(r *vault.Record) { r.Suspect = now }
	due := func(r *vault.Record) { r.Due = now.Add(time.Hour) }
	org := func(o string) func(*vault.Record) { return func(r *vault.Record) { r.Org = o } }
	anyone, me := helper.Target{Azure: true, Host: "dev.azure.com", Org: "o"}, helper.Target{Azure: true, Host: "dev.azure.com", Org: "o", Account: "ME", HasAccount: true}
	for _, test := range []struct {
		name   string
		list   []vault.Record
		target helper.Target
		want   string
		err    error
	}{
		{"nothing", nil, anyone, "", helper.ErrNoRecord},
		{"one", []vault.Record{rec("a")}, anyone, "a", nil},
		{"the newest", []vault.Record{rec("a"), rec("b"), rec("c")}, anyone, "a", nil},
		{"ours before Git's", []vault.Record{rec("git", kind(vault.Password)), rec("ours"), rec("older")}, anyone, "ours", nil},
		{"ours, then Git's", []vault.Record{rec("ours"), rec("git", kind(vault.Password))}, anyone, "ours", nil},
		{"an Entra token is ours", []vault.Record{rec("git", kind(vault.Password)), rec("entra", kind(vault.Entra))}, anyone, "entra", nil},
		{"Git's where there is no other", []vault.Record{rec("git", kind(vault.Password))}, anyone, "git", nil},
		{"Git's where ours is over", []vault.Record{rec("ours", expires(0)), rec("git", kind(vault.Password))}, anyone, "git", nil},
		{"Git's where ours is suspect", []vault.Record{rec("git", kind(vault.Password)), rec("ours", suspect)}, anyone, "git", nil},
		{"one second left", []vault.Record{rec("a", expires(time.Second))}, anyone, "a", nil},
		{"no second left", []vault.Record{rec("a", expires(0))}, anyone, "a", helper.ErrExpired},
		{"what is over is passed over", []vault.Record{rec("a", expires(-time.Hour)), rec("b"), rec("c", suspect)}, anyone, "b", nil},
		{"suspect says more than over", []vault.Record{rec("a", expires(0)), rec("b", suspect), rec("c", expires(0))}, anyone, "b", helper.ErrSuspect},
		{"over says more than another account", []vault.Record{rec("a", account("you")), rec("b", expires(0))}, me, "b", helper.ErrExpired},
		{"over and suspect is over", []vault.Record{rec("a", expires(0), suspect)}, anyone, "a", helper.ErrExpired},
		{"the account", []vault.Record{rec("a", account("you")), rec("b")}, me, "b", nil},
		{"the account before ours", []vault.Record{rec("a", account("you")), rec("b", kind(vault.Password))}, me, "b", nil},
		{"another account", []vault.Record{rec("a", account("you"))}, me, "a", helper.ErrAccount},
		{"another account, suspect", []vault.Record{rec("a", account("you"), suspect)}, me, "a", helper.ErrAccount},
		{"no account", []vault.Record{rec("a", account(""))}, me, "a", helper.ErrAccount},
		{"another organisation", []vault.Record{rec("a", org("p")), rec("b", org(""))}, anyone, "", helper.ErrNoRecord},
		{"another host", []vault.Record{rec("a", func(r *vault.Record) { r.Host = "git.example" })}, anyone, "", helper.ErrNoRecord},
		{"on its way out", []vault.Record{rec("a", due), rec("b")}, anyone, "b", nil},
		{"only on its way out", []vault.Record{rec("a", due)}, anyone, "", helper.ErrNoRecord},
		{"never a refresh token", []vault.Record{rec("a", kind(vault.Refresh))}, anyone, "", helper.ErrNoRecord},
		{"never an intent", []vault.Record{rec("a", kind(vault.Intent)), rec("b", kind(vault.Policy))}, anyone, "", helper.ErrNoRecord},
		{"never what a later patrol made", []vault.Record{rec("a", kind("from the future"))}, anyone, "", helper.ErrNoRecord},
	} {
		got, err := helper.Pick(&vault.Records{List: test.list}, test.target, now)
		id := ""
		if got != nil {
			id = got.ID
		}
		if id != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: got %q, %v; want %q, %v", test.name, id, err, test.want, test.err)
		}
		if err != nil && helper.Code(err) != helper.SignIn {
			t.Errorf("%s: exit code %d", test.name, helper.Code(err))
		}
	}
	// The list of allowed organisations comes before all else.
	r := &vault.Records{List: []vault.Record{rec("a")}, AllowOrg: []string{"p"}}
	if got, err := helper.Pick(r, anyone, now); got != nil || !errors.Is(err, helper.ErrOrg) || helper.Code(err) != helper.Failed {
		t.Errorf("not allowed: %v, %v", got, err)
	}
	r.AllowOrg = []string{"p", "o"}
	if got, err := helper.Pick(r, anyone, now); got == nil || err != nil {
		t.Errorf("allowed: %v, %v", got, err)
	}
}

// C20: the answer comes at the empty line, though stdin never closes.
func TestC20StdinNeverCloses(t *testing.T) {
	t.Parallel()
	b := made(t)
	in, hold := io.Pipe()
	defer hold.Close()
	go func() { _, _ = io.WriteString(hold, goodRepo+"\n") }()
	if r := b.runOn(in, "get"); r.stdout != answer("good-org", mark+"-good-org") || r.heard != 1 {
		t.Errorf("got %+v", r)
	}
}

// C22 and C23: whatever its size, the answer is one write.
func TestC22OneWrite(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 4 << 10, 64 << 10, 900 << 10} {
		b := newBox(t)
		secret := strings.Repeat("x", size)
		b.store("https", "git.example", "", "u", secret)
		var w pieces
		var r result
		if code := b.program(strings.NewReader(example), &w, io.Discard, &r).Run([]string{"get"}); code != helper.Done || len(w) != 1 || string(w[0]) != answer("u", secret) {
			t.Errorf("%d bytes: code %d, %d pieces", size, code, len(w))
		}
	}
}

type pieces [][]byte

func (p *pieces) Write(b []byte) (int, error) { *p = append(*p, slices.Clone(b)); return len(b), nil }

// C19: a Git that is gone is no reason for noise, nor for a change.
func TestC19GitIsGone(t *testing.T) {
	t.Parallel()
	b := made(t)
	for _, in := range []string{goodRepo, "protocol=https\nhost=github.com\n"} {
		b.unchanged(func() {
			var r result
			var err bytes.Buffer
			read, write, perr := os.Pipe()
			if perr != nil {
				t.Fatal(perr)
			}
			_ = read.Close()
			code := b.program(strings.NewReader(in), write, &err, &r).Run([]string{"get"})
			_ = write.Close()
			if code != helper.Failed || len(r.became) > 0 {
				t.Errorf("code %d, %+v", code, r)
			}
			if strings.Contains(err.String(), mark) || strings.Count(err.String(), "\n") > 2 {
				t.Errorf("stderr: %q", err.String())
			}
		})
	}
}
