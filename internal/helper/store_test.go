package helper_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

const (
	example  = "protocol=https\nhost=git.example\n"
	wrong    = "username=me@corp\npassword=wrong\n"
	goodPair = "username=me@corp\npassword=" + mark + "-good-org\n"
)

// E01: another secret than the one that is there erases nothing.
func TestE01EraseOfAnotherSecret(t *testing.T) {
	t.Parallel()
	for how, fill := range boxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := fill(t)
			b.unchanged(func() {
				for _, in := range []string{
					goodRepo + wrong, goodRepo + "username=me@corp\npassword=\n", goodRepo + "password=wrong\n", goodRepo + "username=other@corp\npassword=wrong\n",
					goodRepo + "username=me@corp\npassword=" + mark + "-other-org\n", goodRepo + "username=me@corp\npassword=" + mark + "-good-or\n",
					goodRepo + goodPair + "authtype=Bearer\ncredential=c\n", goodRepo + "authtype=Bearer\ncredential=" + mark + "-good-org\n",
					"protocol=https\nhost=github.com\nusername=octocat\npassword=wrong\n", "protocol=https\nhost=github.com\npassword=wrong\n",
					"protocol=https\nhost=github.com\nusername=other\npassword=" + mark + "-github\n",
					"protocol=https\nhost=evil.example\nusername=octocat\npassword=" + mark + "-github\n",
				} {
					b.quiet("erase", in)
				}
			})
		})
	}
}

// E02: without user name and password, everything of that host goes that Git
// stored there, and nothing else.
func TestE02EraseOfAHost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, in, want string }{
		{"host", "", "password other.example  u s\npassword git.example:8443  u s\n"},
		{"host and user", "username=u\n", "password other.example  u s\npassword git.example:8443  u s\npassword git.example  v s\n"},
		{"host and path", "path=a.git\n", "password other.example  u s\npassword git.example:8443  u s\npassword git.example b.git u s\npassword git.example  v s\npassword git.example  u s\n"},
		{"host, path and user", "path=a.git\nusername=v\n", "password other.example  u s\npassword git.example:8443  u s\npassword git.example b.git u s\npassword git.example a.git u s\npassword git.example  v s\npassword git.example  u s\n"},
		{"host and secret", "password=s\n", "password other.example  u s\npassword git.example:8443  u s\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.store("https", "git.example", "", "u", "s")
			b.store("https", "git.example", "", "v", "s")
			b.store("https", "git.example", "a.git", "u", "s")
			b.store("https", "git.example", "b.git", "u", "s")
			b.store("https", "git.example:8443", "", "u", "s")
			b.store("https", "other.example", "", "u", "s")
			b.quiet("erase", example+test.in)
			if got := b.list(); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// E02: what patrol made for the organisation outlives it; what Git stored for
// it does not; other organisations keep both.
func TestE02EraseOfAnOrganisation(t *testing.T) {
	t.Parallel()
	b := made(t)
	b.store("https", "dev.azure.com", "third-org", "me", "typed")
	b.unchanged(func() { b.quiet("erase", goodRepo); b.quiet("erase", goodRepo+"username=me@corp\n") })
	b.quiet("erase", azure+"path=third-org\n")
	if strings.Contains(b.list(), "third-org") {
		t.Error("what Git stored is still there")
	}
	b = typed(t)
	b.quiet("erase", "protocol=https\nhost=good-org.visualstudio.com\n")
	if got := b.list(); strings.Contains(got, "good-org") || !strings.Contains(got, "other-org") || !strings.Contains(got, "github") {
		t.Errorf("got\n%s", got)
	}
}

// E04 and decision 7: a token patrol made is not destroyed by erase, whoever
// asks, however often; it is put to the question before it is used again.
func TestE04EraseMakesSuspect(t *testing.T) {
	t.Parallel()
	for _, in := range []string{goodRepo + goodPair, goodRepo + "username=good-org\npassword=" + mark + "-good-org\n", "protocol=https\nhost=Good-Org.visualstudio.com\npassword=" + mark + "-good-org\n"} {
		b := made(t)
		b.get(goodRepo, answer("good-org", mark+"-good-org"))
		b.quiet("store", goodRepo+goodPair)
		r := b.run(in, "erase")
		if r.stdout != "" || r.code != helper.Failed || len(r.became) > 0 {
			t.Errorf("erase: %+v", r)
		}
		checkSays(t, r.stderr, "refused the token for good-org") // Git will only say that authentication failed
		if got := b.list(); !strings.Contains(got, "pat dev.azure.com good-org me@corp "+mark+"-good-org suspect\n") || strings.Count(got, "suspect") != 1 {
			t.Errorf("got\n%s", got)
		}
		b.passes(goodRepo)
		b.get(azure+"path=other-org\n", answer("other-org", mark+"-other-org"))
		if when := b.records().Find(suspect(b)).Suspect; !when.Equal(b.now) {
			t.Errorf("suspect since %v", when)
		}
		// Once more changes nothing: the hour of the first is what counts.
		b.now = b.now.Add(time.Minute)
		b.unchanged(func() { b.run(in, "erase") })
		b.unchanged(func() { b.quiet("store", goodRepo+goodPair) })
	}
}

func suspect(b *box) string {
	for _, rec := range b.records().List {
		if !rec.Suspect.IsZero() {
			return rec.ID
		}
	}
	return ""
}

// E06: what is ephemeral is not kept.
func TestE06Ephemeral(t *testing.T) {
	t.Parallel()
	b := made(t)
	b.unchanged(func() {
		for _, word := range []string{"1", "true", "yes", "on"} {
			b.quiet("store", example+"username=u\npassword=p\nephemeral="+word+"\n")
			b.quiet("store", azure+"path=third-org\nusername=u\npassword=p\nephemeral="+word+"\n")
			b.quiet("store", example+"capability[]=authtype\nauthtype=Bearer\ncredential=c\nephemeral="+word+"\n")
		}
	})
	b.quiet("store", example+"username=u\npassword=p\nephemeral=0\n")
	b.get(example, answer("u", "p"))
}

// E07: half a credential takes nobody's place.
func TestE07StoreOfHalf(t *testing.T) {
	t.Parallel()
	for how, fill := range boxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := fill(t)
			b.unchanged(func() {
				for _, host := range []string{goodRepo, azure + "path=third-org\n", "protocol=https\nhost=github.com\n", example} {
					for _, half := range []string{"", "username=octocat\n", "username=me@corp\n", "password=p\n", "password=\n", "oauth_refresh_token=r\n", "authtype=Bearer\n", "username=octocat\noauth_refresh_token=r\n"} {
						b.quiet("store", host+half)
					}
				}
				b.quiet("store", azure+"path=third-org\nusername=me\npassword=\n") // Azure has no empty passwords
			})
		})
	}
}

// E08: store of what get gave is no write; it does not even wait for the lock
// (TestE08StoreTakesNoLock holds it). The same for what Git stored itself.
func TestE08StoreOfWhatWasGiven(t *testing.T) {
	t.Parallel()
	for how, fill := range boxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := fill(t)
			b.unchanged(func() {
				for _, in := range []string{
					goodRepo, goodRepo + "username=me@corp\n", goodRepo + "username=ME@CORP\n", goodRepo + "username=good-org\n", azure + "username=good-org\n",
					azure + "path=Other-Org/x\n", "protocol=https\nhost=good-org.visualstudio.com\n", "protocol=https\nhost=github.com\n", "protocol=https\nhost=victim.example.com\nusername=victim\n",
				} {
					r := b.run(in, "get")
					if r.stdout == "" || r.code != helper.Done {
						t.Errorf("%q: %+v", in, r)
					}
					// Git sends back what it asked with what it was told.
					asked := strings.Join(strings.Split(in, "username=")[:1], "")
					b.quiet("store", asked+r.stdout)
					b.quiet("store", asked+r.stdout+"wwwauth[]=Basic\nstate[]=other:1\ncapability[]=authtype\n")
				}
			})
		})
	}
}

// E09: a token typed into a URL takes the place of none that patrol keeps.
func TestE09TypedToken(t *testing.T) {
	t.Parallel()
	b := made(t)
	b.unchanged(func() {
		b.quiet("store", goodRepo+"username=me@corp\npassword=typed\n")
		b.quiet("store", goodRepo+"username=ME@corp\npassword=typed\n")
		b.quiet("store", goodRepo+"username=good-org\npassword=typed\n")
		b.quiet("store", goodRepo+"username=\npassword=typed\n")
		b.quiet("store", "protocol=https\nhost=good-org.visualstudio.com\nusername=me@corp\npassword=typed\n")
	})
	// Under another name it is another account, and used only for that.
	b.quiet("store", goodRepo+"username=build@corp\npassword=typed\n")
	b.get(goodRepo, answer("good-org", mark+"-good-org"))
	b.get(goodRepo+"username=me@corp\n", answer("me@corp", mark+"-good-org"))
	b.get(goodRepo+"username=build@corp\n", answer("build@corp", "typed"))
}

// E11: state[] is nobody's secret, so nothing rests on it.
func TestE11State(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"other:1", "patrol:1", "patrol:seen=1", "patrol:" + strings.Repeat("x", 70_000)} {
		b := made(t)
		b.get("capability[]=state\nstate[]="+state+"\n"+goodRepo, answer("good-org", mark+"-good-org"))
		b.unchanged(func() {
			b.quiet("store", "state[]="+state+"\n"+goodRepo+goodPair)
			b.quiet("erase", "state[]="+state+"\n"+goodRepo+wrong)
		})
		b.quiet("store", "state[]="+state+"\n"+example+"username=u\npassword=p\n")
		b.get(example, answer("u", "p"))
	}
}

// E12: while the vault cannot be opened nothing is deleted, nothing is asked;
// patrol is told and decides.
func TestE12LockedVault(t *testing.T) {
	t.Parallel()
	for _, locked := range []error{vault.ErrLocked, vault.ErrNoKey, vault.ErrNoSource} {
		b := typed(t)
		b.locked = locked
		b.unchanged(func() {
			for _, operation := range []string{"store", "erase"} {
				for _, in := range []string{goodRepo + goodPair, goodRepo, "protocol=https\nhost=github.com\n", example + "username=u\npassword=p\n"} {
					r := b.run(in, operation)
					if operation == "store" && !strings.Contains(in, "password") {
						if r.code != helper.Done || len(r.became) > 0 {
							t.Errorf("%v: store of nothing: %+v", locked, r)
						}
						continue
					}
					if r.stdout != "" || r.stderr != "" || r.code != instead || len(r.became) != 1 || r.became[0].operation != operation {
						t.Errorf("%v: %s %q: %+v", locked, operation, in, r)
					}
				}
			}
		})
	}
}

// E14: an expiry that is none, or is over, never makes a credential that lasts
// for ever.
func TestE14Expiry(t *testing.T) {
	t.Parallel()
	for _, expiry := range []string{"-1", "0", "", "9223372036854775808", "9223372036854775807", "18446744073709551615", "soon", "1e9", " 1700000000", "1700000000", "1"} {
		b := made(t)
		b.unchanged(func() {
			for _, in := range []string{example + "username=u\npassword=p\n", azure + "path=third-org\nusername=u\npassword=p\n", example + "authtype=Bearer\ncredential=c\n"} {
				if r := b.run(in+"password_expiry_utc="+expiry+"\n", "store"); r.stdout != "" || len(r.became) > 0 {
					t.Errorf("%q: %+v", expiry, r)
				}
			}
			b.get(example, "")
		})
	}
	b := newBox(t)
	expires := b.now.Add(time.Hour)
	line := "password_expiry_utc=1795525200\n"
	if expires.Unix() != 1795525200 {
		t.Fatal(expires.Unix())
	}
	b.quiet("store", example+"username=u\npassword=p\n"+line)
	b.quiet("store", azure+"path=third-org\nusername=third-org\npassword=p\n"+line)
	b.get(example, answer("u", "p")+line)
	b.get(azure+"path=third-org\n", answer("third-org", "p")+line)
	b.now = expires.Add(-time.Second)
	b.get(example, answer("u", "p")+line)
	b.now = expires // from then on it is over
	b.get(example, "")
	b.passes(azure + "path=third-org\n")
	// Git stores it anew without an end: then it has none.
	b.quiet("store", example+"username=u\npassword=q\n")
	b.get(example, answer("u", "q"))
}

// C10: an erase of the old token, late, leaves the new one alone.
func TestC10LateErase(t *testing.T) {
	t.Parallel()
	b := made(t)
	b.rotate("good-org", mark+"-successor")
	b.unchanged(func() { b.quiet("erase", goodRepo+goodPair) })
	b.get(goodRepo, answer("good-org", mark+"-successor"))
}

// rotate puts a successor in the place of what patrol made for org.
func (b *box) rotate(org, secret string) {
	b.t.Helper()
	b.change(func(r *vault.Records) {
		r.Delete(func(rec *vault.Record) bool { return rec.Org == org })
	})
	b.add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: org, Account: "me@corp", HasAccount: true}, secret)
}

// C11: a store of the old token, late, does not come before the new one, nor
// beside it.
func TestC11LateStore(t *testing.T) {
	t.Parallel()
	b := made(t)
	b.rotate("good-org", mark+"-successor")
	b.unchanged(func() {
		b.quiet("store", goodRepo+goodPair)
		b.quiet("store", goodRepo+"username=good-org\npassword="+mark+"-good-org\n")
		b.quiet("store", goodRepo+"username=someone\npassword="+mark+"-good-org\n")
		b.quiet("store", "protocol=https\nhost=github.com\nusername=someone\npassword="+mark+"-good-org\n")
		b.quiet("store", example+"authtype=Bearer\ncredential="+mark+"-good-org\n")
	})
	b.get(goodRepo, answer("good-org", mark+"-successor"))
}

// C12: after a logout the store that Git still owes brings nothing back.
func TestC12StoreAfterLogout(t *testing.T) {
	t.Parallel()
	b := made(t)
	r := b.run(goodRepo, "get")
	b.change(func(r *vault.Records) {
		r.Delete(func(rec *vault.Record) bool { return rec.Org == "good-org" })
	})
	b.unchanged(func() { b.quiet("store", goodRepo+r.stdout) })
	b.passes(goodRepo)
	// A token patrol never gave is welcome.
	b.quiet("store", goodRepo+"username=me\npassword=typed\n")
	b.get(goodRepo, answer("good-org", "typed"))
}

// C31: two accounts on one host do not meet.
func TestC31TwoAccounts(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: "good-org", Account: "me@corp", HasAccount: true}, "mine")
	b.add(vault.Record{Kind: vault.PAT, Host: "dev.azure.com", Org: "good-org", Account: "you@corp", HasAccount: true}, "yours")
	b.store("https", "git.example", "", "me", "my own")
	b.store("https", "git.example", "", "you", "your own")
	for range 2 {
		b.get(goodRepo+"username=me@corp\n", answer("me@corp", "mine"))
		b.get(goodRepo+"username=you@corp\n", answer("you@corp", "yours"))
		b.passes(goodRepo + "username=they@corp\n")
		b.get(goodRepo, answer("good-org", "yours")) // the newest
		b.get(example+"username=me\n", answer("me", "my own"))
		b.get(example+"username=you\n", answer("you", "your own"))
		b.get(example+"username=they\n", "")
		b.get(example, answer("you", "your own"))
		b.unchanged(func() {
			b.quiet("store", goodRepo+"username=me@corp\npassword=mine\n")
			b.quiet("store", goodRepo+"username=good-org\npassword=yours\n")
			b.quiet("store", example+"username=me\npassword=my own\n")
			b.quiet("store", example+"username=you\npassword=your own\n")
		})
	}
	b.run(goodRepo+"username=me@corp\npassword=mine\n", "erase")
	b.passes(goodRepo + "username=me@corp\n")
	b.get(goodRepo+"username=you@corp\n", answer("you@corp", "yours"))
	b.quiet("erase", example+"username=me\npassword=my own\n")
	b.get(example+"username=me\n", "")
	b.get(example+"username=you\n", answer("you", "your own"))
}

// A password that Git stored under one name and hands back under the name it
// asked with is one password, and erase takes it away.
func TestOnePasswordUnderTwoNames(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.store("https", "dev.azure.com", "good-org", "me", "typed")
	b.get(goodRepo, answer("good-org", "typed"))
	b.unchanged(func() { b.quiet("store", goodRepo+answer("good-org", "typed")) })
	b.quiet("erase", goodRepo+answer("good-org", "typed"))
	if got := b.list(); got != "" {
		t.Errorf("there is still\n%s", got)
	}
}

// A store takes the place of its predecessor whole: nothing of the old one is
// mixed into the new.
func TestStoreReplacesWhole(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.quiet("store", example+"username=u\npassword=1\npassword_expiry_utc=9999999998\noauth_refresh_token=r\nauthtype=Bearer\ncredential=c\n")
	b.quiet("store", example+"username=u\npassword=2\n")
	b.get("capability[]=authtype\n"+example+"username=u\n", answer("u", "2"))
	if r := b.records(); len(r.List) != 1 || !r.List[0].Expires.IsZero() || r.List[0].AuthType != "" {
		t.Errorf("got %+v", r.List)
	}
	expires, refresh, typed := "password_expiry_utc=9999999999\n", "oauth_refresh_token=r2\n", "authtype=Bearer\ncredential=c2\n"
	for _, change := range []string{ // each differs from the one before in one thing
		"password=3\n", "password=3\n" + expires, "password=3\n" + expires + refresh, "password=3\n" + expires + refresh + typed,
		"password=3\n" + expires + refresh + "authtype=Bearer\ncredential=c3\n",
		"password=3\n" + expires + refresh + "authtype=Basic\ncredential=c3\n", "password=3\n" + expires + refresh, "password=3\n" + refresh, "password=3\n",
	} {
		before := b.records().Generation
		b.quiet("store", example+"username=u\n"+change)
		b.quiet("store", example+"username=u\n"+change)
		if got := b.records().Generation; got != before+1 {
			t.Errorf("%q was written %d times", change, got-before)
		}
	}
}

func TestStorable(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	p, empty := cred.NewSecret("p"), cred.NewSecret("")
	for _, test := range []struct {
		name    string
		req     cred.Request
		azure   bool
		generic bool
	}{
		{"nothing", cred.Request{}, false, false},
		{"user and password", cred.Request{HasUsername: true, Password: p}, true, true},
		{"empty password", cred.Request{HasUsername: true, Password: empty}, false, true},
		{"no user", cred.Request{Password: p}, false, false},
		{"no password", cred.Request{HasUsername: true}, false, false},
		{"typed", cred.Request{AuthType: "Bearer", Credential: p}, false, true},
		{"typed, with password", cred.Request{HasUsername: true, Password: p, Credential: p}, false, true},
		{"ephemeral", cred.Request{HasUsername: true, Password: p, Ephemeral: true}, false, false},
		{"over", cred.Request{HasUsername: true, Password: p, Expiry: now}, false, false},
		{"nearly over", cred.Request{HasUsername: true, Password: p, Expiry: now.Add(time.Second)}, true, true},
	} {
		if got := helper.Storable(&test.req, helper.Target{Azure: true}, now); got != test.azure {
			t.Errorf("%s, Azure: %v", test.name, got)
		}
		if got := helper.Storable(&test.req, helper.Target{}, now); got != test.generic {
			t.Errorf("%s, generic: %v", test.name, got)
		}
	}
}
