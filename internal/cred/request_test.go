package cred_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

// plain is what a Request says, in types that compare.
type plain struct {
	Protocol, Host, Path, Username, Password string
	HasPath, HasUsername, HasPassword        bool
}

func plainOf(r cred.Request) plain {
	return plain{
		r.Protocol, r.Host, r.Path, r.Username, r.Password.Reveal(),
		r.HasPath, r.HasUsername, r.Password.IsSet(),
	}
}

const azure = "protocol=https\nhost=dev.azure.com\n"

var azureRequest = plain{Protocol: "https", Host: "dev.azure.com"}

// TestRefused are requests that must not be understood at all: whoever goes on
// with one could be made to answer for another host.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, in string }{
		{"P01 CR makes a second host", "protocol=https\nhost=evil.example\rhost=dev.azure.com\n"},
		{"P01 CR ends a value twice", "protocol=https\nhost=dev.azure.com\r\r\n"},
		{"P01 CR in a user name", azure + "username=a\rhost=evil.example\n"},
		{"P01 CR in an unknown key", azure + "x\ry=1\n"},
		{"P01 CR in a list", azure + "wwwauth[]=Basic\rhost=evil.example\n"},
		{"P01 CR at the end of input", "protocol=https\nhost=dev.azure.com\r"},
		{"P01 CR alone", "protocol=https\rhost=dev.azure.com\r"},
		{"P02 two hosts", "protocol=https\nhost=evil.example\nhost=dev.azure.com\n"},
		{"P02 two hosts, the other way", "protocol=https\nhost=dev.azure.com\nhost=evil.example\n"},
		{"P02 two protocols", "protocol=http\nprotocol=https\nhost=dev.azure.com\n"},
		{"P02 two paths", azure + "path=good-org/a\npath=evil-org/a\n"},
		{"P02 two user names", azure + "username=me\nusername=you\n"},
		{"P02 two passwords", azure + "password=a\npassword=b\n"},
		{"P02 user name and none", azure + "username=me\nusername=\n"},
		{"P02 two spellings of one host", "protocol=https\nhost=dev.azure.com\nhost=DEV.azure.com\n"},
		{"P03 only a protocol", "protocol=https\n"},
		{"P03 a protocol and an empty host", "protocol=https\nhost=\n"},
		{"P04 only a host", "host=dev.azure.com\n"},
		{"P04 an empty protocol", "protocol=\nhost=dev.azure.com\n"},
		{"P06 zero bytes", ""},
		{"P06 an empty line", "\n"},
		{"P06 an empty line with CR", "\r\n"},
		{"P06 an empty line before the rest", "\n" + azure},
		{"P07 NUL ends a host", "protocol=https\nhost=dev.azure.com\x00.evil.example\n"},
		{"P07 NUL in a password", azure + "password=a\x00b\n"},
		{"P07 NUL in a key", "protocol=https\nhost\x00=dev.azure.com\n"},
		{"P07 NUL in an unknown value", azure + "x=\x00\n"},
		{"P09 a line without =", "garbage\n" + azure},
		{"P09 a line without = at the end", azure + "garbage\n"},
		{"P09 blanks alone", " \n" + azure},
		{"P10 Host in capitals", "protocol=https\nHost=dev.azure.com\n"},
		{"P10 a blank before =", "protocol=https\nhost =dev.azure.com\n"},
		{"P10 a blank before the key", "protocol=https\n host=dev.azure.com\n"},
		{"P10 a blank before the host", "protocol=https\nhost= dev.azure.com\n"},
		{"P10 a blank in the protocol", "protocol=https \nhost=dev.azure.com\n"},
		{"P25 url and another host", "url=https://evil.example/\nhost=dev.azure.com\nprotocol=https\n"},
		{"P25 another host and url", "host=dev.azure.com\nprotocol=https\nurl=https://evil.example/\n"},
		{"P25 url and another protocol", "url=http://dev.azure.com/\nprotocol=https\n"},
		{"P25 url and another path", "url=https://dev.azure.com/evil-org/r\npath=good-org/r\n"},
		{"P25 path, which url without one takes back", "path=good-org/r\nurl=https://dev.azure.com/\n"},
		{"P25 user name, which url without one takes back", "username=me\nurl=https://dev.azure.com/good-org\n"},
		{"P25 password, which url without one takes back", "password=p\nurl=https://dev.azure.com/good-org\n"},
		{"P25 two urls", "url=https://dev.azure.com/\nurl=https://evil.example/\n"},
		{"P25 a second url without the path", "url=https://dev.azure.com/good-org\nurl=https://dev.azure.com/\n"},
		{"P25 url with two @", "url=https://a@evil.example@dev.azure.com/\n"},
		{"P25 url with %0a in the host", "url=https://evil.example%0ahost=dev.azure.com/\n"},
		{"P25 url with %0d in the path", "url=https://dev.azure.com/a%0db\n"},
		{"P25 url with %00 in the host", "url=https://dev.azure.com%00.evil.example/\n"},
		{"P25 url with %2f in the host", "url=https://dev.azure.com%2f.evil.example/\n"},
		{"P25 url with %40 in the host", "url=https://dev.azure.com%40evil.example/\n"},
		{"P25 url with %23 in the host", "url=https://dev.azure.com%23.evil.example/\n"},
		{"P25 url with half an escape", "url=https://dev.azure.com/a%4\n"},
		{"P25 url with a false escape", "url=https://dev.azure.com/a%zz\n"},
		{"P25 url with an escaped protocol", "url=http%73://dev.azure.com/\n"},
		{"P25 url without a protocol", "url=dev.azure.com\n"},
		{"P25 url with an empty protocol", "url=://dev.azure.com\n"},
		{"P25 url with an empty host", "url=https:///good-org\n"},
		{"E06 ephemeral is no boolean", azure + "ephemeral=banana\n"},
		{"E14 expiry -1", azure + "password_expiry_utc=-1\n"},
		{"E14 expiry 0", azure + "password_expiry_utc=0\n"},
		{"E14 no expiry", azure + "password_expiry_utc=\n"},
		{"E14 expiry 2^63", azure + "password_expiry_utc=9223372036854775808\n"},
		{"E14 expiry 2^63-1", azure + "password_expiry_utc=9223372036854775807\n"},
		{"E14 expiry 2^64-5", azure + "password_expiry_utc=18446744073709551611\n"},
		{"E14 expiry in year 10000", azure + "password_expiry_utc=253402300800\n"},
		{"E14 expiry soon", azure + "password_expiry_utc=soon\n"},
		{"E14 expiry +5", azure + "password_expiry_utc=+5\n"},
		{"E14 expiry 5.5", azure + "password_expiry_utc=5.5\n"},
		{"E14 expiry 0x5", azure + "password_expiry_utc=0x5\n"},
		{"E14 expiry 5 and 6", azure + "password_expiry_utc=5\npassword_expiry_utc=6\n"},
		{"too long: path", azure + "path=" + strings.Repeat("a", 8<<10+1) + "\n"},
		{"too long: user name", azure + "username=" + strings.Repeat("a", 8<<10+1) + "\n"},
		{"too long: protocol", "protocol=" + strings.Repeat("a", 33) + "\nhost=dev.azure.com\n"},
		{"too long: all", azure + "password=" + strings.Repeat("a", 1<<20) + "\n"},
		{"too long: many lines", azure + strings.Repeat("state[]=a\n", 1<<17)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			req, err := cred.Read(strings.NewReader(test.in))
			if !errors.Is(err, cred.ErrMalformed) {
				t.Fatalf("read as %+v, error %v", plainOf(req), err)
			}
			if !reflect.DeepEqual(req, cred.Request{}) {
				t.Errorf("a refused request is not empty: %+v", plainOf(req))
			}
			for _, foreign := range []string{"evil", "\r", "\n", "\x00", "garbage", "banana", "soon"} {
				if strings.Contains(err.Error(), foreign) {
					t.Errorf("the error repeats what was sent: %q", err)
				}
			}
		})
	}
}

// TestRead are requests that are understood, and how.
func TestRead(t *testing.T) {
	t.Parallel()
	with := func(change func(*plain)) plain { p := azureRequest; change(&p); return p }
	password := func(s string) plain {
		return with(func(p *plain) { p.Password, p.HasPassword = s, true })
	}
	full := plain{"https", "dev.azure.com", "good-org/p/_git/r", "me", "pw", true, true, true}
	for _, test := range []struct {
		name, in string
		want     plain
	}{
		{"the least there is", azure, azureRequest},
		{"R1 any order, end of input", "host=dev.azure.com\nprotocol=https\n", azureRequest},
		{"R1 last line without LF", "protocol=https\nhost=dev.azure.com", azureRequest},
		{"R1 an empty line ends it", azure + "\nhost=evil.example\n", azureRequest},
		{"R1 an empty line with CR ends it", azure + "\r\nhost=evil.example\n", azureRequest},
		{"P02 the same twice", azure + azure + "username=\nusername=\n", with(func(p *plain) { p.HasUsername = true })},
		{"P10 other cases are other keys", azure + "Username=me\nusername =me\nPassword=x\n=x\n", azureRequest},
		{"P12 = in a value", azure + "password=a=b==\n", password("a=b==")},
		{"P13 blanks in a value", azure + "password= x \t\n", password(" x \t")},
		{"P14 bytes that are no UTF-8", azure + "password=\xff\xfe\x80\xc3\x28\n", password("\xff\xfe\x80\xc3\x28")},
		{"P15 a long header", "wwwauth[]=" + strings.Repeat("a", 100_000) + "\n" + azure, azureRequest},
		{"P19 CRLF", "protocol=https\r\nhost=dev.azure.com\r\npath=good-org/p/_git/r\r\nusername=me\r\npassword=pw\r\n\r\n", full},
		{"P19 LF", "protocol=https\nhost=dev.azure.com\npath=good-org/p/_git/r\nusername=me\npassword=pw\n\n", full},
		{"P19 CRLF without the last line", "protocol=https\r\nhost=dev.azure.com\r\n", azureRequest},
		{"P22 what is unknown", "capability[]=future\nx-new[]=1\nx-new[]=2\nntlm=suppressed\nquit=banana\n" + azure, azureRequest},
		{"P22 an unknown key twice", azure + "x=1\nx=2\n", azureRequest},
		{"P25 url alone", "url=https://me:pw@dev.azure.com/good-org/p/_git/r\n", full},
		{"P25 url escaped", "url=https://%6de:p%77@dev%2eazure.com/good-org/p%2f_git/r/\n", full},
		{"P25 url and the same lines", "url=https://me:pw@dev.azure.com/good-org/p/_git/r\n" + azure + "username=me\n", full},
		{"P25 the same lines and url", azure + "username=me\nurl=https://me:pw@dev.azure.com/good-org/p/_git/r\n", full},
		{"P25 url, then what it left open", "url=https://dev.azure.com/good-org/p/_git/r\nusername=me\npassword=pw\n", full},
		{"P25 url with a query", "url=https://dev.azure.com?x=y\n", with(func(p *plain) { p.HasPath, p.Path = true, "?x=y" })},
		{"P25 url with colon in the path", "url=https://dev.azure.com/a:b@c\n", with(func(p *plain) { p.HasPath, p.Path = true, "a:b@c" })},
		{"P25 url with empty user and password", "url=https://:@dev.azure.com\n", with(func(p *plain) { p.HasUsername, p.HasPassword = true, true })},
		{"R8 empty user and password", azure + "username=\npassword=\n", with(func(p *plain) { p.HasUsername, p.HasPassword = true, true })},
		{"R8 empty path", azure + "path=\n", with(func(p *plain) { p.HasPath = true })},
		{"the protocol in capitals", "protocol=HTTPS\nhost=dev.azure.com\n", azureRequest},
		{"cert has no host", "protocol=cert\nhost=\npath=/etc/x\n", plain{Protocol: "cert", Path: "/etc/x", HasPath: true}},
		{"H10 url keeps user and password apart", "url=https://user:pw@dev.azure.com\n", with(func(p *plain) {
			p.Username, p.HasUsername, p.Password, p.HasPassword = "user", true, "pw", true
		})},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// One byte at a time must make no difference.
			for _, r := range []io.Reader{strings.NewReader(test.in), iotest.OneByteReader(strings.NewReader(test.in))} {
				req, err := cred.Read(r)
				if err != nil {
					t.Fatal(err)
				}
				if got := plainOf(req); got != test.want {
					t.Errorf("got  %+v\nwant %+v", got, test.want)
				}
			}
		})
	}
}

func TestReadLists(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, in                   string
		capabilities, state, wwwau []string
	}{
		{"order is kept", "capability[]=authtype\ncapability[]=state\nwwwauth[]=A\nwwwauth[]=B\nstate[]=x:1\n",
			[]string{"authtype", "state"}, []string{"x:1"}, []string{"A", "B"}},
		{"P17 an empty value resets", "wwwauth[]=A\nwwwauth[]=\nwwwauth[]=B\n", nil, nil, []string{"B"}},
		{"P17 an empty value at the end", "wwwauth[]=A\nwwwauth[]=\n", nil, nil, nil},
		{"P17 of its own list only", "state[]=s\nwwwauth[]=\ncapability[]=authtype\nstate[]=t\n", []string{"authtype"}, []string{"s", "t"}, nil},
		{"P22 a future capability", "capability[]=future\n", []string{"future"}, nil, nil},
		{"E11 70 kB of state", "state[]=patrol:" + strings.Repeat("x", 70_000) + "\n", nil, []string{"patrol:" + strings.Repeat("x", 70_000)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			req, err := cred.Read(strings.NewReader(test.in + azure))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(req.Capabilities, test.capabilities) || !reflect.DeepEqual(req.State, test.state) || !reflect.DeepEqual(req.WWWAuth, test.wwwau) {
				t.Errorf("got %q %q %q", req.Capabilities, req.State, req.WWWAuth)
			}
			if req.Announces("authtype") != (len(test.capabilities) > 0 && test.capabilities[0] == "authtype") || req.Announces("") || req.Announces("auth") {
				t.Error("Announces says another thing than the list")
			}
		})
	}
}

func TestReadOtherFields(t *testing.T) {
	t.Parallel()
	req, err := cred.Read(strings.NewReader(azure +
		"password_expiry_utc=1700000000\noauth_refresh_token=r\nauthtype=Bearer\ncredential=c\nephemeral=TRUE\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !req.Expiry.Equal(time.Unix(1700000000, 0)) || req.Refresh.Reveal() != "r" ||
		req.AuthType != "Bearer" || req.Credential.Reveal() != "c" || !req.Ephemeral {
		t.Errorf("got %+v", req)
	}
	for word, want := range map[string]bool{"1": true, "true": true, "Yes": true, "ON": true, "0": false, "false": false, "no": false, "off": false, "": false} {
		req, err := cred.Read(strings.NewReader(azure + "ephemeral=" + word + "\n"))
		if err != nil || req.Ephemeral != want {
			t.Errorf("ephemeral=%s is read as %v, %v", word, req.Ephemeral, err)
		}
	}
}

// endless gives the same byte for ever and counts how often it was asked.
type endless struct {
	b    byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.b
	}
	e.read += len(p)
	return len(p), nil
}

// It runs alone, since it measures memory.
func TestP15EndlessInput(t *testing.T) {
	for _, b := range []byte{'a', '=', 0, '\r'} {
		in := &endless{b: b}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := cred.Read(in)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, cred.ErrMalformed) {
			t.Errorf("%q for ever: %v", b, err)
		}
		if in.read > 2<<20 {
			t.Errorf("%q for ever: %d bytes were read", b, in.read)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("%q for ever: %d bytes were allocated", b, used)
		}
	}
}

// C20: the answer may not wait for the end of the input.
func TestReadStopsAtTheEmptyLine(t *testing.T) {
	t.Parallel()
	never := iotest.ErrReader(errors.New("read on after the empty line"))
	in := io.MultiReader(iotest.OneByteReader(strings.NewReader(azure+"\n")), never)
	if _, err := cred.Read(in); err != nil {
		t.Error(err)
	}
}

func TestReadErrorIsNotMalformed(t *testing.T) {
	t.Parallel()
	broken := errors.New("the pipe broke")
	_, err := cred.Read(io.MultiReader(strings.NewReader(azure), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || errors.Is(err, cred.ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

// A request that is handed on arrives as it was, without the server's text.
func TestRequestWrite(t *testing.T) {
	t.Parallel()
	lines := []string{
		"capability[]=authtype", "capability[]=state", "protocol=https", "host=dev.azure.com", "path=good-org/ä b", "username=",
		"password= x\t=\xff", "password_expiry_utc=1700000000", "oauth_refresh_token=r", "authtype=Bearer", "credential=c", "ephemeral=1",
	}
	req, err := cred.Read(strings.NewReader("wwwauth[]=Basic realm=evil\nstate[]=other:1\n" + strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), strings.Join(lines, "\n")+"\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	least, err := cred.Read(strings.NewReader(azure))
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := least.Write(&b); err != nil || b.String() != azure {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestRequestWriteRefusesLineEnds(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a\nhost=evil.example", "a\rb", "a\x00b"} {
		for name, req := range map[string]cred.Request{
			"protocol": {Protocol: bad}, "host": {Host: bad}, "path": {Path: bad, HasPath: true}, "username": {Username: bad, HasUsername: true},
			"password": {Password: cred.NewSecret(bad)}, "refresh": {Refresh: cred.NewSecret(bad)},
			"authtype": {AuthType: bad}, "credential": {Credential: cred.NewSecret(bad)}, "capability": {Capabilities: []string{bad}},
		} {
			var b bytes.Buffer
			if err := req.Write(&b); err == nil || b.Len() > 0 {
				t.Errorf("%s %q: wrote %q, error %v", name, bad, b.String(), err)
			}
		}
	}
}

// FuzzRead holds Read to what a second, naive reader of the same lines finds:
// no identity comes out that the input does not spell.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		azure, azure + "path=good-org/p/_git/r\nusername=me\npassword=pw\n\n", "protocol=https\r\nhost=dev.azure.com:443\r\n",
		"url=https://me:pw@dev.azure.com/good-org/p/_git/r\n", "protocol=https\nhost=evil.example\rhost=dev.azure.com\n",
		"protocol=https\nhost=[::ffff:127.0.0.1]:8443\n", azure + "password_expiry_utc=5\nephemeral=1\ncredential=c\nauthtype=Bearer\n",
		"capability[]=authtype\nwwwauth[]=A\nwwwauth[]=\nstate[]=x\n" + azure, "protocol=cert\nhost=\npath=/x\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		req, err := cred.Read(bytes.NewReader(in))
		if err != nil {
			if !errors.Is(err, cred.ErrMalformed) {
				t.Fatalf("error of another kind: %v", err)
			}
			if !reflect.DeepEqual(req, cred.Request{}) {
				t.Fatal("a refused request is not empty")
			}
			return
		}
		if !bytes.Contains(in, []byte("url=")) {
			if want := naive(in); want.host != "" && !sameHost(want.protocol, want.host, req.Host) {
				t.Fatalf("host %q was read as %q", want.host, req.Host)
			} else if want.path != req.Path || want.username != req.Username || want.password != req.Password.Reveal() {
				t.Fatalf("%+v was read as %+v", want, plainOf(req))
			}
		}
		var b bytes.Buffer
		if err := req.Write(&b); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := cred.Read(&b)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%q", err, b.String())
		}
		if plainOf(again) != plainOf(req) || !again.Expiry.Equal(req.Expiry) || again.Ephemeral != req.Ephemeral {
			t.Fatalf("%+v came back as %+v", plainOf(req), plainOf(again))
		}
	})
}

type naiveRequest struct{ protocol, host, path, username, password string }

// naive reads as Git does: the last line of a key wins.
func naive(in []byte) naiveRequest {
	found := map[string]string{}
	for len(in) > 0 {
		line, rest, whole := bytes.Cut(in, []byte("\n"))
		if in = rest; whole {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		if len(line) == 0 {
			break
		}
		key, value, _ := bytes.Cut(line, []byte("="))
		found[string(key)] = string(value)
	}
	return naiveRequest{found["protocol"], found["host"], found["path"], found["username"], found["password"]}
}

// sameHost says, by other means than Canonical, whether two spellings mean one
// host.
func sameHost(protocol, sent, read string) bool {
	port := map[string]string{"https": ":443", "http": ":80"}[strings.ToLower(protocol)]
	fold := func(s string) string {
		s = strings.ToLower(s)
		if port != "" {
			s = strings.TrimSuffix(s, port)
		}
		if name, p, ok := strings.Cut(s, ":"); ok && !strings.HasPrefix(s, "[") {
			return strings.TrimSuffix(name, ".") + ":" + p
		}
		return strings.TrimSuffix(s, ".")
	}
	if strings.HasPrefix(sent, "[") {
		return strings.HasPrefix(read, "[") // IP literals have many spellings
	}
	return fold(sent) == fold(read)
}

func ExampleRead() {
	req, err := cred.Read(strings.NewReader("protocol=https\nhost=DEV.azure.com:443\npath=contoso/shop/_git/web\npassword=hunter2\n"))
	fmt.Println(req.Host, req.Path, req.Password, err)
	_, err = cred.Read(strings.NewReader("protocol=https\nhost=evil.example\nhost=dev.azure.com\n"))
	fmt.Println(err)
	// Output:
	// dev.azure.com contoso/shop/_git/web [secret] <nil>
	// malformed credential request: host given twice with different values
}
