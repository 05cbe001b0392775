package helper_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// The rows of the threat model that are about one get: what it may answer.
// Where nothing is said of the answer, there is none.
func TestRows(t *testing.T) {
	t.Parallel()
	// A host in place of dev.azure.com, with all that could tempt a helper.
	host := func(h string) string {
		return "protocol=https\nhost=" + h + "\npath=good-org/p/_git/r\nusername=me@corp\n"
	}
	bare := func(h string) string { return "protocol=https\nhost=" + h + "\n" }
	good := answer("good-org", mark+"-good-org")
	for _, row := range []struct {
		name, in   string
		out        string // stdout
		code       int
		says       string // part of stderr; else it is silent
		becomes    bool   // patrol takes over
		everywhere bool   // store and erase must change nothing either
	}{
		{name: "P01 CR makes a second host", in: "protocol=https\nhost=evil.example\rhost=dev.azure.com\n", code: helper.Failed, says: "NUL or CR", everywhere: true},
		{name: "P02 two hosts", in: "protocol=https\nhost=evil.example\nhost=dev.azure.com\npath=good-org\n", code: helper.Failed, says: "host given twice", everywhere: true},
		{name: "P02 two paths", in: azure + "path=other-org\npath=good-org\n", code: helper.Failed, says: "path given twice", everywhere: true},
		{name: "P03 protocol only", in: "protocol=https\n", code: helper.Failed, says: "missing", everywhere: true},
		{name: "P04 host only", in: "host=dev.azure.com\npath=good-org\n", code: helper.Failed, says: "missing", everywhere: true},
		{name: "P04 user only", in: "username=octocat\n", code: helper.Failed, says: "missing", everywhere: true},
		{name: "P06 zero bytes", in: "", code: helper.Failed, says: "missing", everywhere: true},
		{name: "P06 an empty line", in: "\n", code: helper.Failed, says: "missing", everywhere: true},
		{name: "P07 NUL ends the host", in: "protocol=https\nhost=dev.azure.com\x00.evil.example\npath=good-org\n", code: helper.Failed, says: "NUL or CR", everywhere: true},
		{name: "P09 a line without =", in: "garbage\n" + goodRepo, code: helper.Failed, says: "no \"=\"", everywhere: true},
		{name: "P10 Host", in: "protocol=https\nHost=dev.azure.com\npath=good-org\n", code: helper.Failed, says: "missing", everywhere: true},
		{name: "P10 blank before =", in: "protocol=https\nhost =dev.azure.com\npath=good-org\n", code: helper.Failed, says: "missing", everywhere: true},
		{name: "P15 long header", in: "wwwauth[]=" + strings.Repeat("a", 100_000) + "\n" + goodRepo, out: good},
		{name: "P15 too long", in: "wwwauth[]=" + strings.Repeat("a", 1<<20) + "\n" + goodRepo, code: helper.Failed, says: "longer than", everywhere: true},
		{name: "P15 header that looks like lines", in: "wwwauth[]=basic realm=x host=github.com\n" + bare("evil.example")},
		{name: "P17 reset list", in: "wwwauth[]=A\nwwwauth[]=\nwwwauth[]=B\n" + goodRepo, out: good},
		{name: "P19 CRLF", in: strings.ReplaceAll(goodRepo, "\n", "\r\n") + "\r\n", out: good},
		{name: "P19 LF", in: goodRepo + "\n", out: good},
		{name: "P22 unknown attributes", in: "capability[]=future\nx-new[]=1\nntlm=suppressed\n" + goodRepo, out: good},
		{name: "P22 typed credentials are offered in vain", in: "capability[]=authtype\ncapability[]=state\n" + goodRepo, out: good},
		{name: "P24 a guessed password", in: goodRepo + "password=guess\n", out: good},
		{name: "P24 a guessed password, nothing to find", in: bare("nothing.example") + "password=guess\n"},
		{name: "P25 url of another host", in: "url=https://evil.example/\nhost=dev.azure.com\nprotocol=https\npath=good-org\n", code: helper.Failed, says: "host given twice", everywhere: true},
		{name: "P25 the other way", in: "host=dev.azure.com\nprotocol=https\npath=good-org\nurl=https://evil.example/\n", code: helper.Failed, says: "given twice", everywhere: true},
		{name: "P25 url takes the path back", in: goodRepo + "url=https://dev.azure.com/\n", code: helper.Failed, says: "take back", everywhere: true},
		{name: "P25 url alone", in: "url=https://dev.azure.com/good-org/p/_git/r\n", out: good},
		{name: "P25 url with two @", in: "url=https://good-org@evil.example@dev.azure.com/good-org\n", code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "P27 http", in: "protocol=http\nhost=dev.azure.com\npath=good-org/p/_git/r\n", out: stop, code: helper.Failed, says: "use https://", everywhere: true},
		{name: "P27 http, old name", in: "protocol=http\nhost=good-org.visualstudio.com\n", out: stop, code: helper.Failed, says: "use https://", everywhere: true},
		{name: "P27 http, port of https", in: "protocol=http\nhost=dev.azure.com:443\npath=good-org\n", everywhere: true},
		{name: "P27 http, another host", in: "protocol=http\nhost=github.com\nusername=octocat\n", everywhere: true},
		{name: "P27 another protocol", in: "protocol=ftp\nhost=github.com\n", everywhere: true},
		{name: "P27 another protocol, Azure", in: "protocol=smtp\nhost=dev.azure.com\npath=good-org\n", everywhere: true},
		{name: "P27 cert", in: "protocol=cert\nhost=\npath=/etc/x\n", everywhere: true},

		{name: "H01 suffix", in: host("dev.azure.com.evil.example")},
		{name: "H01 suffix, bare", in: bare("dev.azure.com.evil.example")},
		{name: "H01 GitHub suffix", in: bare("github.com.attacker.example")},
		{name: "H01 old name, suffix", in: bare("good-org.visualstudio.com.evil.example")},
		{name: "H02 prefix", in: host("xdev.azure.com")},
		{name: "H02 prefix with hyphen", in: host("evil-dev.azure.com")},
		{name: "H02 hyphen for dot", in: host("dev-azure.com")},
		{name: "H02 letter for dot", in: host("devXazure.com")},
		{name: "H02 subdomain", in: host("x.dev.azure.com")},
		{name: "H02 parent", in: host("azure.com")},
		{name: "H02 GitHub prefix", in: bare("xgithub.com")},
		{name: "H02 GitHub subdomain", in: bare("gist.github.com")},
		{name: "H03 no dot", in: bare("good-orgvisualstudio.com")},
		{name: "H03 evil", in: bare("evilvisualstudio.com")},
		{name: "H03 no organisation", in: bare("visualstudio.com")},
		{name: "H03 empty organisation", in: bare(".visualstudio.com"), code: helper.Failed, says: "invalid label", everywhere: true},
		{name: "H03 two labels", in: bare("x.good-org.visualstudio.com")},
		{name: "H03 a service of the organisation", in: bare("good-org.pkgs.visualstudio.com")},
		{name: "H03 a service", in: bare("app.vssps.visualstudio.com")},
		{name: "H05 @", in: host("dev.azure.com@evil.example"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H05 @, the other way", in: host("evil.example@dev.azure.com"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H05 slash", in: host("evil.example/.visualstudio.com"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H07 #", in: host("dev.azure.com#.evil.example"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H07 ?", in: host("dev.azure.com?.evil.example"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H07 %", in: host("dev.azure.com%23.evil.example"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H08 backslash", in: host(`dev.azure.com\.evil.example`), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H08 backslash in the user name", in: goodRepo + "username=evil.example\\@dev.azure.com\n", code: instead, becomes: true},
		{name: "H10 user and password", in: host("user:pw@dev.azure.com"), code: helper.Failed, says: "no valid port", everywhere: true},
		{name: "H11 default port", in: "protocol=https\nhost=dev.azure.com:443\npath=good-org/p/_git/r\n", out: good},
		{name: "H11 default port, old name", in: "protocol=https\nhost=good-org.visualstudio.com:443\n", out: good},
		{name: "H11 other port", in: host("dev.azure.com:8443")},
		{name: "H11 other port, old name", in: bare("good-org.visualstudio.com:8443")},
		{name: "H11 other port, GitHub", in: bare("github.com:8443")},
		{name: "H11 default port, GitHub", in: bare("github.com:443"), out: answer("octocat", mark+"-github")},
		{name: "H13 capitals", in: "protocol=https\nhost=DEV.Azure.COM\npath=good-org/p/_git/r\n", out: good},
		{name: "H13 capitals, old name", in: "protocol=HTTPS\nhost=Good-Org.VisualStudio.com\n", out: good},
		{name: "H13 capitals, GitHub", in: bare("GitHub.com"), out: answer("octocat", mark+"-github")},
		{name: "H14 trailing dot", in: "protocol=https\nhost=dev.azure.com.\npath=good-org/p/_git/r\n", out: good},
		{name: "H14 trailing dot, old name", in: bare("good-org.visualstudio.com."), out: good},
		{name: "H14 two trailing dots", in: host("dev.azure.com.."), code: helper.Failed, says: "invalid label", everywhere: true},
		{name: "H17 short IPv4", in: bare("127.1")},
		{name: "H17 hexadecimal", in: bare("0x7f000001")},
		{name: "H17 localhost", in: bare("localhost")},
		{name: "H17 IPv6", in: bare("[::1]")},
		{name: "H17 IPv4 in IPv6", in: bare("[::ffff:127.0.0.1]:8443")},
		{name: "H19 ESC", in: host("dev.azure.com\x1b[2J"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H19 BEL", in: host("dev.azure.com\a"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H19 right to left", in: host("dev.azure.com\u202e"), code: helper.Failed, says: "invalid character", everywhere: true},
		{name: "H20 long label", in: bare(strings.Repeat("a", 64) + ".visualstudio.com"), code: helper.Failed, says: "invalid label", everywhere: true},
		{name: "H20 long organisation", in: bare(strings.Repeat("a", 51) + ".visualstudio.com")},
		{name: "H20 long host", in: bare(strings.Repeat("a.", 126) + "aa"), code: helper.Failed, says: "too long", everywhere: true},
		{name: "H20 empty label", in: host("dev..azure.com"), code: helper.Failed, says: "invalid label", everywhere: true},
		{name: "H20 leading hyphen", in: host("-dev.azure.com"), code: helper.Failed, says: "invalid label", everywhere: true},
		{name: "H21 GitHub's realm elsewhere", in: "wwwauth[]=Basic realm=\"GitHub\"\n" + host("evil.example")},
		{name: "H21 Azure's realm elsewhere", in: "wwwauth[]=Basic realm=\"https://tfsprodcus1.visualstudio.com/\"\nwwwauth[]=Bearer authorization_uri=https://login.microsoftonline.com/x\n" + host("evil.example")},
		{name: "H21 Gitea's realm elsewhere", in: "wwwauth[]=Basic realm=\"Gitea\"\n" + bare("evil.example")},
		{name: "H24 two tenants", in: "wwwauth[]=Bearer authorization_uri=https://login.microsoftonline.com/a\nwwwauth[]=Bearer authorization_uri=https://login.microsoftonline.com/b\n" + goodRepo, out: good},
		{name: "H26 no path, two organisations", in: azure, out: stop, code: helper.Failed, says: "useHttpPath true", everywhere: true},
		{name: "H26 an empty path", in: azure + "path=\n", out: stop, code: helper.Failed, says: "useHttpPath true", everywhere: true},
		{name: "H26 no path, an account", in: azure + "username=me@corp\n", out: stop, code: helper.Failed, says: "useHttpPath true", everywhere: true},
		{name: "H26 no path, an empty user", in: azure + "username=\n", out: stop, code: helper.Failed, says: "useHttpPath true", everywhere: true},
		{name: "H28 dot segments", in: azure + "path=good-org/../evil-org/_git/r\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 dot segments to ours", in: azure + "path=evil-org/../good-org/_git/r\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 a dot segment", in: azure + "path=good-org/./_git/r\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 only dots", in: azure + "path=..\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 dots at the end", in: azure + "path=good-org/..\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 two slashes", in: azure + "path=//evil-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 a leading slash", in: azure + "path=/good-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 escaped slash", in: azure + "path=good-org%2f..%2fevil-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 an escape further on", in: azure + "path=good-org/a%2f..%2f..%2fevil-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 a backslash", in: azure + "path=good-org\\..\\evil-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 a query", in: azure + "path=good-org?x=/evil-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 a fragment", in: azure + "path=good-org#/evil-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 a blank", in: azure + "path=good-org /p\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H28 capitals", in: azure + "path=Good-Org/p/_git/r\n", out: good},
		{name: "H28 the organisation alone", in: azure + "path=good-org\n", out: good},
		{name: "H28 a longer name", in: azure + "path=good-organisation/p/_git/r\n", code: instead, becomes: true},
		{name: "H28 a shorter name", in: azure + "path=good/p/_git/r\n", code: instead, becomes: true},
		{name: "H28 Kelvin sign for k", in: azure + "path=\u212agood-org\n", out: stop, code: helper.Failed, says: "dev.azure.com/ORG", everywhere: true},
		{name: "H32 another account", in: goodRepo + "username=other@corp\n", code: instead, becomes: true},
		{name: "H32 another account, old name", in: bare("good-org.visualstudio.com") + "username=other@corp\n", code: instead, becomes: true},
		{name: "H32 a user name that is no account", in: goodRepo + "username=other-org\n", out: answer("other-org", mark+"-good-org")},
		{name: "H32 the account", in: goodRepo + "username=me@corp\n", out: answer("me@corp", mark+"-good-org")},
		{name: "H32 the account in capitals", in: goodRepo + "username=ME@Corp\n", out: answer("ME@Corp", mark+"-good-org")},
		{name: "H32 another user of GitHub", in: bare("github.com") + "username=me\n"},
		{name: "H32 a user of GitHub in capitals", in: bare("github.com") + "username=OCTOCAT\n"},
		{name: "H32 no user of GitHub", in: bare("github.com") + "username=\n"},
		{name: "H33 organisation as user", in: goodRepo + "username=good-org\n", out: good},
		{name: "H33 organisation as user, capitals", in: goodRepo + "username=Good-Org\n", out: answer("Good-Org", mark+"-good-org")},
		{name: "H33 organisation as user, no path", in: azure + "username=good-org\n", out: good},
		{name: "H33 organisation as user, old name", in: bare("good-org.visualstudio.com") + "username=good-org\n", out: good},
		{name: "H33 no user", in: goodRepo + "username=\n", out: good},
		{name: "H33 an unknown organisation as user, no path", in: azure + "username=evil-org\n", code: instead, becomes: true},
		{name: "H35 old name", in: bare("good-org.visualstudio.com"), out: good},
		{name: "H35 old name with path", in: bare("good-org.visualstudio.com") + "path=DefaultCollection/p/_git/r\n", out: good},
		{name: "H35 old name, another organisation in the path", in: bare("good-org.visualstudio.com") + "path=other-org/_git/r\n", out: good},
	} {
		for how, fill := range boxes {
			t.Run(row.name+" "+how, func(t *testing.T) {
				t.Parallel()
				b := fill(t)
				b.unchanged(func() {
					r := b.run(row.in, "get")
					if r.stdout != row.out || r.code != row.code || r.heard != 1 || (len(r.became) == 1) != row.becomes {
						t.Errorf("got %+v, want %q and code %d", r, row.out, row.code)
					}
					checkSays(t, r.stderr, row.says)
				})
				if !row.everywhere {
					return
				}
				for _, operation := range []string{"store", "erase"} {
					// As it is, and with a secret that would match.
					for _, in := range []string{row.in, strings.TrimSuffix(row.in, "\n") + "\npassword=" + mark + "-good-org\n", strings.TrimSuffix(row.in, "\n") + "\nusername=u@corp\npassword=p\n"} {
						b.unchanged(func() {
							if r := b.run(in, operation); r.stdout != "" || len(r.became) > 0 || strings.Contains(r.stderr, mark) {
								t.Errorf("%s: %+v", operation, r)
							}
						})
					}
				}
			})
		}
	}
}

// checkSays wants two lines that hold no secret and no byte a terminal could
// obey, or none.
func checkSays(t *testing.T, stderr, part string) {
	t.Helper()
	if part == "" {
		if stderr != "" {
			t.Errorf("stderr: %q", stderr)
		}
		return
	}
	lines := strings.Split(stderr, "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "patrol: ") || !strings.HasPrefix(lines[1], "hint: ") || lines[2] != "" || !strings.Contains(stderr, part) {
		t.Errorf("stderr: %q, want two lines with %q", stderr, part)
	}
	checkPlain(t, lines[0]+lines[1])
	if strings.Contains(stderr, mark) || strings.Contains(stderr, "guess") {
		t.Errorf("a secret on stderr: %q", stderr)
	}
}

// checkPlain wants text that no terminal obeys.
func checkPlain(t *testing.T, text string) {
	t.Helper()
	for _, c := range text {
		if !unicode.IsGraphic(c) || c == unicode.ReplacementChar {
			t.Errorf("%q is shown", c)
		}
	}
}

// P12 to P14 and R8: whatever bytes a password has come back as they were.
func TestP12P13P14RoundTrip(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"a=b==", " x \t", "\xff\xfe\x80\xc3\x28", "=", " ", "\t", "\x01\x7f\x80", "quit=1", "%0a%0d", `\n`, "ä€𝄞", strings.Repeat("x", 500_000),
	} {
		b := newBox(t)
		b.store("https", "git.example", "", "u= \xff", password)
		b.get("protocol=https\nhost=git.example\n", answer("u= \xff", password))
		b.get("protocol=https\nhost=git.example\nusername=u= \xff\n", answer("u= \xff", password))
		b.store("https", "dev.azure.com", "good-org", "good-org", password)
		b.get(goodRepo, answer("good-org", password))
	}
	b := newBox(t)
	b.store("https", "git.example", "", "", "")
	b.get("protocol=https\nhost=git.example\n", answer("", ""))
	b.get("protocol=https\nhost=git.example\nusername=\n", answer("", ""))
	b.get("protocol=https\nhost=git.example\nusername=u\n", "")
}

// P21: what is no operation is none of our business.
func TestP21Operations(t *testing.T) {
	t.Parallel()
	b := made(t)
	for _, args := range [][]string{
		{"frobnicate"}, {""}, {}, {"GET"}, {"Store"}, {"get", "extra"}, {"get", "get"}, {"erase", ""}, {"store", "--all"}, {"get "}, {" get"}, {"get\n"}, {"--help"}, {"-h"}, {"capability", "x"},
	} {
		b.unchanged(func() {
			if r := b.run(goodRepo+"username=me@corp\npassword="+mark+"-good-org\n", args...); r.stdout != "" || r.stderr != "" || r.code != helper.Done || r.heard > 0 || len(r.became) > 0 {
				t.Errorf("%q: %+v", args, r)
			}
		})
	}
}

func TestCapability(t *testing.T) {
	t.Parallel()
	b := made(t)
	b.locked = vault.ErrLocked
	if r := b.run("", "capability"); r.stdout != "version 0\ncapability authtype\ncapability state\n" || r.stderr != "" || r.code != helper.Done || len(r.became) > 0 {
		t.Errorf("got %+v", r)
	}
}

// P23: a token that a server laced with line ends is never said to Git, which
// would take what follows for lines of ours.
func TestP23TokenWithLineEnds(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"abc\nhost=evil", "abc\rhost=evil", "abc\x00", "\n"} {
		b := newBox(t)
		b.add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: "good-org"}, mark+token)
		b.add(vault.Record{Kind: vault.PAT, Host: "git.example", Account: "u", HasAccount: true}, mark+token)
		b.unchanged(func() {
			r := b.run(goodRepo, "get")
			if r.stdout != stop || r.code != helper.Failed || len(r.became) > 0 {
				t.Errorf("%q: %+v", token, r)
			}
			checkSays(t, r.stderr, "cannot carry")
			r = b.run("protocol=https\nhost=git.example\n", "get")
			if r.stdout != "" || r.code != helper.Failed {
				t.Errorf("%q: %+v", token, r)
			}
			checkSays(t, r.stderr, "cannot carry")
		})
	}
}

// P23: no token at all is not half an answer.
func TestP23EmptyToken(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.change(func(r *vault.Records) {
		r.Add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: "good-org"})
	})
	b.passes(goodRepo)
	b.add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: "other-org"}, "")
	b.passes(azure + "path=other-org\n")
}

// H13, H14, H11 and H35: however a host is spelt, there is one entry.
func TestH13OneEntryForEverySpelling(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for n, host := range []string{"git.example", "GIT.Example", "git.example.", "git.example:443", "GIT.example.:443"} {
		password := strings.Repeat("p", n+1)
		b.store("https", host, "", "u", password)
		b.get("protocol=https\nhost=git.example\n", answer("u", password))
	}
	b.store("https", "git.example:8443", "", "u", "other")
	for n, host := range []string{"dev.azure.com", "DEV.Azure.COM", "dev.azure.com.", "dev.azure.com:443"} {
		b.store("https", host, "Good-Org/p", "me@corp", strings.Repeat("q", n+1))
	}
	for n, host := range []string{"good-org.visualstudio.com", "Good-Org.VisualStudio.com.", "good-org.visualstudio.com:443"} {
		b.store("https", host, "p", "me@corp", strings.Repeat("r", n+1))
	}
	if got, want := b.list(), "password dev.azure.com good-org me@corp rrr\npassword git.example:8443  u other\npassword git.example  u ppppp\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.quiet("erase", "protocol=https\nhost=GOOD-ORG.visualstudio.com\nusername=me@corp\npassword=rrr\n")
	b.quiet("erase", "protocol=https\nhost=GIT.EXAMPLE:443\nusername=u\npassword=ppppp\n")
	if got, want := b.list(), "password git.example:8443  u other\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// H29: a submodule of another organisation gets nothing, though its token is
// there.
func TestH29AllowList(t *testing.T) {
	t.Parallel()
	for how, fill := range boxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := fill(t)
			b.change(func(r *vault.Records) { r.AllowOrg = []string{"good-org"} })
			b.get(goodRepo, answer("good-org", mark+"-good-org"))
			b.get("protocol=https\nhost=Good-Org.visualstudio.com\n", answer("good-org", mark+"-good-org"))
			b.get("protocol=https\nhost=github.com\n", answer("octocat", mark+"-github"))
			b.unchanged(func() {
				for _, in := range []string{
					azure + "path=other-org/p/_git/r\n", azure + "path=Other-Org\n", azure + "username=other-org\n",
					"protocol=https\nhost=other-org.visualstudio.com\n", azure + "path=other-org\nusername=good-org\n", azure + "path=other-org\nusername=me@corp\n",
				} {
					b.passes(in)
				}
				b.quiet("store", azure+"path=other-org\nusername=u\npassword=p\n")
				b.quiet("store", azure+"path=third-org\nusername=u\npassword=p\n")
			})
		})
	}
}

// H31: a user name is a name, never a path.
func TestH31UserNames(t *testing.T) {
	t.Parallel()
	for _, user := range []string{
		"../../../x", `..\x`, "con", "/", "/etc/passwd", ".", "..", "vault", "vault.lock", strings.Repeat("a", 300), strings.Repeat("a", 8<<10), "a b", "-x", "--help", "$(id)", "`id`", "ü", "\xff", "%s%n",
	} {
		b := newBox(t)
		names := func() string { c := b.contents(); return c[strings.LastIndex(c, "\n")-len(b.vault.Dir()):] }
		before := names()
		b.store("https", "git.example", "", user, "p")
		b.get("protocol=https\nhost=git.example\nusername="+user+"\n", answer(user, "p"))
		b.store("https", "dev.azure.com", "good-org", user, "q")
		b.get(goodRepo+"username="+user+"\n", answer(user, "q"))
		b.quiet("erase", "protocol=https\nhost=git.example\nusername="+user+"\n")
		b.get("protocol=https\nhost=git.example\n", "")
		if names() != before {
			t.Errorf("%.20q: there are other files now", user)
		}
	}
	b := newBox(t)
	b.unchanged(func() {
		for _, user := range []string{"a\x00b", strings.Repeat("a", 8<<10+1)} {
			if r := b.run("protocol=https\nhost=git.example\nusername="+user+"\npassword=p\n", "store"); r.code != helper.Failed || r.stdout != "" {
				t.Errorf("%.20q: %+v", user, r)
			}
		}
	})
}

// T01: what others wrote is shown in a form that no terminal obeys.
func TestT01MessagesAreEscaped(t *testing.T) {
	t.Parallel()
	target := helper.Target{Azure: true, Org: "good-org", Account: "\x1b]8;;evil\a\r\b\u202e" + strings.Repeat("x", 10_000), HasAccount: true}
	what, hint := helper.Explain(helper.ErrAccount, target)
	checkPlain(t, what+hint)
	if !strings.Contains(what, "^[]8;;evil^G^M") || len(what) > 500 {
		t.Errorf("got %d bytes: %.100s", len(what), what)
	}
}
