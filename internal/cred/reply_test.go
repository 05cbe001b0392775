package cred_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

func TestReplyWrite(t *testing.T) {
	t.Parallel()
	secret := cred.NewSecret
	for _, test := range []struct {
		name  string
		reply cred.Reply
		want  string
	}{
		{"nothing", cred.Reply{}, ""},
		{"quit", cred.Reply{Quit: true}, "quit=1\n"},
		{"user and password", cred.Reply{Username: "u", HasUsername: true, Password: secret("p")}, "username=u\npassword=p\n"},
		{"R8 empty user and password", cred.Reply{HasUsername: true, Password: secret("")}, "username=\npassword=\n"},
		{"P12 =", cred.Reply{Password: secret("a=b==")}, "password=a=b==\n"},
		{"P13 blanks", cred.Reply{Password: secret(" x \t")}, "password= x \t\n"},
		{"P14 no UTF-8", cred.Reply{Password: secret("\xff\xfe\x80\xc3\x28")}, "password=\xff\xfe\x80\xc3\x28\n"},
		{"expiry", cred.Reply{Password: secret("p"), Expiry: time.Unix(1700000000, 999)}, "password=p\npassword_expiry_utc=1700000000\n"},
		{"E14 expiry at 0 is no lack of one", cred.Reply{Password: secret("p"), Expiry: time.Unix(0, 0)}, "password=p\npassword_expiry_utc=1\n"},
		{"E14 expiry before 0", cred.Reply{Password: secret("p"), Expiry: time.Unix(-5, 0)}, "password=p\npassword_expiry_utc=1\n"},
		{"refresh token", cred.Reply{Password: secret("p"), Refresh: secret("r")}, "password=p\noauth_refresh_token=r\n"},
		{"typed credential", cred.Reply{AuthType: "Bearer", Credential: secret("c")}, "capability[]=authtype\nauthtype=Bearer\ncredential=c\n"},
		{"typed and ephemeral", cred.Reply{AuthType: "Bearer", Credential: secret("c"), Ephemeral: true}, "capability[]=authtype\nauthtype=Bearer\ncredential=c\nephemeral=1\n"},
		{"a type without a credential is not said", cred.Reply{AuthType: "Bearer", HasUsername: true}, "username=\n"},
		{
			"all", cred.Reply{Username: "u", HasUsername: true, Password: secret("p"), Expiry: time.Unix(9, 0), Refresh: secret("r"), AuthType: "Basic", Credential: secret("c")},
			"capability[]=authtype\nauthtype=Basic\ncredential=c\nusername=u\npassword=p\npassword_expiry_utc=9\noauth_refresh_token=r\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var w writes
			if err := test.reply.Write(&w); err != nil {
				t.Fatal(err)
			}
			if w.String() != test.want {
				t.Errorf("got\n%swant\n%s", w.String(), test.want)
			}
			if want := min(len(test.want), 1); w.n != want { // R4, C23
				t.Errorf("written in %d pieces", w.n)
			}
		})
	}
}

// writes counts the calls of Write.
type writes struct {
	text []byte
	n    int
}

func (w *writes) Write(p []byte) (int, error) {
	w.n++
	w.text = append(w.text, p...)
	return len(p), nil
}

func (w *writes) String() string { return string(w.text) }

// P23: whatever a server put into a token, it ends no line.
func TestP23ReplyRefusesLineEnds(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"abc\nhost=evil", "abc\rhost=evil", "abc\r\n", "abc\x00", "\n", "\r", "\x00"} {
		for name, reply := range map[string]cred.Reply{
			"username":   {Username: bad, HasUsername: true, Password: cred.NewSecret("p")},
			"password":   {Username: "u", HasUsername: true, Password: cred.NewSecret(bad)},
			"refresh":    {Password: cred.NewSecret("p"), Refresh: cred.NewSecret(bad)},
			"authtype":   {AuthType: bad, Credential: cred.NewSecret("c")},
			"credential": {AuthType: "Bearer", Credential: cred.NewSecret(bad)},
		} {
			var b bytes.Buffer
			if err := reply.Write(&b); err == nil || b.Len() > 0 {
				t.Errorf("%s %q: wrote %q, error %v", name, bad, b.String(), err)
			} else if strings.Contains(err.Error(), "evil") {
				t.Errorf("the error repeats the value: %v", err)
			}
		}
	}
}

// P23: a token of 1 MiB is longer than any request, so it comes back whole or
// not at all.
func TestP23LongReply(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	var w writes
	if err := (cred.Reply{Password: cred.NewSecret(long)}).Write(&w); err != nil {
		t.Fatal(err)
	}
	if w.n != 1 || w.String() != "password="+long+"\n" {
		t.Errorf("%d bytes in %d pieces", len(w.text), w.n)
	}
}

// C19: a closed pipe is an error for the caller, nothing more.
func TestC19ReplyToAClosedPipe(t *testing.T) {
	t.Parallel()
	gone := errors.New("broken pipe")
	err := cred.Reply{Password: cred.NewSecret(canary)}.Write(failing{gone})
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestCapabilities(t *testing.T) {
	t.Parallel()
	if cred.Capabilities != "version 0\ncapability authtype\ncapability state\n" {
		t.Errorf("got %q", cred.Capabilities)
	}
}

// FuzzReply: what is stored comes back byte for byte, or is refused.
func FuzzReply(f *testing.F) {
	f.Add("u", "p", "r", "Bearer", "c", true)
	f.Add("", "", "", "", "", false)
	f.Add("u\n", "a=b==", " x \t", "\r", "\xff\xfe\x80\xc3\x28", true)
	f.Fuzz(func(t *testing.T, user, password, refresh, authtype, credential string, typed bool) {
		reply := cred.Reply{Username: user, HasUsername: true, Password: cred.NewSecret(password), Refresh: cred.NewSecret(refresh)}
		if typed {
			reply.AuthType, reply.Credential = authtype, cred.NewSecret(credential)
		}
		unsayable := strings.ContainsAny(user+password+refresh+reply.AuthType+reply.Credential.Reveal(), "\x00\r\n")
		var b bytes.Buffer
		if err := reply.Write(&b); (err != nil) != unsayable {
			t.Fatalf("error %v for %q", err, b.String())
		}
		if unsayable {
			if b.Len() > 0 {
				t.Fatalf("wrote %q", b.String())
			}
			return
		}
		req, err := cred.Read(strings.NewReader(azure + b.String()))
		if err != nil {
			if len(user) <= 8<<10 && len(reply.AuthType) <= 8<<10 && b.Len() < 1<<20-len(azure) {
				t.Fatalf("what was written cannot be read: %v", err)
			}
			return
		}
		if req.Username != user || !req.HasUsername || !req.Password.Equal(reply.Password) || !req.Refresh.Equal(reply.Refresh) ||
			req.AuthType != reply.AuthType || !req.Credential.Equal(reply.Credential) || req.Announces("authtype") != typed {
			t.Fatalf("%q came back as %+v", b.String(), plainOf(req))
		}
	})
}
