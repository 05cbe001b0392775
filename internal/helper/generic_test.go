package helper_test

import (
	"testing"
)

// TestGitSuite is what Git's own tests ask of any helper that stores, request
// by request, as Git sends them.
// See t/lib-credential.sh in https://github.com/git/git/tree/master/t.
func TestGitSuite(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	request := func(host, rest string) string { return "protocol=https\nhost=" + host + "\n" + rest }
	typed := "capability[]=authtype\n"
	for _, step := range []struct{ name, operation, in, out string }{
		{"clean up where nothing is", "erase", request("example.com", "username=store-user\n"), ""},
		{"clean up http", "erase", "protocol=http\nhost=path.tld\nusername=user\n", ""},
		{"clean up an empty user", "erase", request("sso.tld", "username=\n"), ""},
		{"has no existing data", "get", request("example.com", ""), ""},
		{"stores password", "store", request("example.com", "username=store-user\npassword=store-pass\n"), ""},
		{"can retrieve password", "get", request("example.com", ""), "username=store-user\npassword=store-pass\n"},
		{"requires matching protocol", "get", "protocol=http\nhost=example.com\n", ""},
		{"requires matching host", "get", request("other.tld", ""), ""},
		{"requires matching username", "get", request("example.com", "username=other\n"), ""},
		{"stores with path", "store", request("path.tld", "path=foo.git\nusername=user\npassword=pass\n"), ""},
		{"requires matching path", "get", request("path.tld", "path=bar.git\n"), ""},
		{"finds the path", "get", request("path.tld", "path=foo.git\n"), "username=user\npassword=pass\n"},
		{"stores to be overwritten", "store", request("example.com", "username=user-overwrite\npassword=pass1\n"), ""},
		{"overwrites on store", "store", request("example.com", "username=user-overwrite\npassword=pass2\n"), ""},
		{"finds the new one", "get", request("example.com", "username=user-overwrite\n"), "username=user-overwrite\npassword=pass2\n"},
		{"erases the new one", "erase", request("example.com", "username=user-overwrite\npassword=pass2\n"), ""},
		{"and finds no old one", "get", request("example.com", "username=user-overwrite\n"), ""},
		{"can forget host", "erase", request("example.com", ""), ""},
		{"has forgotten host", "get", request("example.com", ""), ""},
		{"can store multiple users", "store", request("example.com", "username=user1\npassword=pass1\n"), ""},
		{"can store multiple users", "store", request("example.com", "username=user2\npassword=pass2\n"), ""},
		{"finds the first user", "get", request("example.com", "username=user1\n"), "username=user1\npassword=pass1\n"},
		{"finds the second user", "get", request("example.com", "username=user2\n"), "username=user2\npassword=pass2\n"},
		{"stores for a distinct erase", "store", request("example.com", "username=user-distinct-pass\npassword=pass1\n"), ""},
		{"does not erase a password distinct from input", "erase", request("example.com", "username=user-distinct-pass\npassword=pass2\n"), ""},
		{"still finds it", "get", request("example.com", "username=user-distinct-pass\n"), "username=user-distinct-pass\npassword=pass1\n"},
		{"can forget user", "erase", request("example.com", "username=user1\n"), ""},
		{"has forgotten user", "get", request("example.com", "username=user1\n"), ""},
		{"remembers other user", "get", request("example.com", "username=user2\n"), "username=user2\npassword=pass2\n"},
		{"can store empty username", "store", request("sso.tld", "username=\npassword=\n"), ""},
		{"finds empty username", "get", request("sso.tld", ""), "username=\npassword=\n"},
		{"stores for erase of all", "store", request("example.com", "username=user-erase1\npassword=pass1\n"), ""},
		{"stores for erase of all", "store", request("example.com", "username=user-erase2\npassword=pass1\n"), ""},
		{"erases all matching credentials", "erase", request("example.com", ""), ""},
		{"has erased all", "get", request("example.com", ""), ""},
		{"stores what is to be stolen", "store", request("victim.example.com", "username=user\npassword=to-be-stolen\n"), ""},
		{"is not confused by long header", "get", request("badguy.example.com", "wwwauth[]=basic realm="+string(make1001('a'))+"host=victim.example.com\n"), ""},
		{"stores password_expiry_utc", "store", request("example.com", "username=user-expiry\npassword=pass\npassword_expiry_utc=9999999999\n"), ""},
		{"gets password_expiry_utc", "get", request("example.com", "username=user-expiry\n"), "username=user-expiry\npassword=pass\npassword_expiry_utc=9999999999\n"},
		{"stores an expiry", "store", request("example.com", "username=user-expiry-overwrite\npassword=pass1\npassword_expiry_utc=9999999998\n"), ""},
		{"overwrites when password_expiry_utc changes", "store", request("example.com", "username=user-expiry-overwrite\npassword=pass2\npassword_expiry_utc=9999999999\n"), ""},
		{"finds the new expiry", "get", request("example.com", "username=user-expiry-overwrite\n"), "username=user-expiry-overwrite\npassword=pass2\npassword_expiry_utc=9999999999\n"},
		{"erases without expiry", "erase", request("example.com", "username=user-expiry-overwrite\npassword=pass2\n"), ""},
		{"has erased it", "get", request("example.com", "username=user-expiry-overwrite\n"), ""},
		{"stores oauth_refresh_token", "store", request("example.com", "username=user4\npassword=pass\noauth_refresh_token=xyzzy\n"), ""},
		{"gets oauth_refresh_token", "get", request("example.com", "username=user4\n"), "username=user4\npassword=pass\noauth_refresh_token=xyzzy\n"},
		{"stores authtype and credential", "store", request("git.example.com", typed+"authtype=Bearer\ncredential=random-token\n"), ""},
		{"gets authtype and credential", "get", request("git.example.com", typed), typed + "authtype=Bearer\ncredential=random-token\n"},
		{"gets them only if announced", "get", request("git.example.com", ""), ""},
		{"stores them with username", "store", request("git.example.com", typed+"authtype=Bearer\ncredential=other-token\nusername=foobar\n"), ""},
		{"gets them with username", "get", request("git.example.com", typed+"username=foobar\n"), typed + "authtype=Bearer\ncredential=other-token\nusername=foobar\n"},
		{"does not get them with different username", "get", request("git.example.com", typed+"username=barbaz\n"), ""},
		{"does not store ephemeral ones", "store", request("git2.example.com", typed+"authtype=Bearer\ncredential=git2-token\nephemeral=1\n"), ""},
		{"has not stored them", "get", request("git2.example.com", typed), ""},
	} {
		r := b.run(step.in, step.operation)
		if r.stdout != step.out || r.stderr != "" || r.code != 0 || len(r.became) > 0 {
			t.Errorf("%s: %s\n%swants\n%sgot %+v", step.name, step.operation, step.in, step.out, r)
		}
	}
}

func make1001(c byte) []byte {
	b := make([]byte, 1001)
	for i := range b {
		b[i] = c
	}
	return b
}

// Git's rule of matching, and where patrol is stricter: a request without a
// path is not answered with what was stored for one.
func TestGenericMatching(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.store("https", "git.example", "a.git", "u", "of a")
	b.store("https", "git.example", "", "u", "of all")
	b.store("https", "git.example", "A.git", "u", "of A")
	b.store("https", "git.example:8443", "", "u", "of the port")
	for _, test := range []struct{ in, out string }{
		{"host=git.example\n", answer("u", "of all")},
		{"host=git.example\npath=a.git\n", answer("u", "of a")},
		{"host=git.example\npath=A.git\n", answer("u", "of A")},
		{"host=git.example\npath=a.git/\n", ""},
		{"host=git.example\npath=a\n", ""},
		{"host=git.example\npath=\n", ""},
		{"host=git.example\npath=b.git\n", ""},
		{"host=git.example\npath=a.git\nusername=u\n", answer("u", "of a")},
		{"host=git.example\npath=a.git\nusername=v\n", ""},
		{"host=git.example:8443\n", answer("u", "of the port")},
		{"host=git.example:8080\n", ""},
		{"host=example\n", ""},
		{"host=git.example.example\n", ""},
	} {
		b.get("protocol=https\n"+test.in, test.out)
	}
	b.quiet("erase", example) // what the request does not say matches anything
	b.get("protocol=https\nhost=git.example\npath=a.git\n", "")
	b.get("protocol=https\nhost=git.example:8443\n", answer("u", "of the port"))
}

// Typed credential and password in one entry: who announced the capability
// gets both, who did not gets the password.
func TestTypedAndPasswordTogether(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.quiet("store", "capability[]=authtype\n"+example+"authtype=Bearer\ncredential=c\nusername=u\npassword=p\n")
	b.get("capability[]=authtype\n"+example, "capability[]=authtype\nauthtype=Bearer\ncredential=c\n"+answer("u", "p"))
	b.get(example, answer("u", "p"))
	b.unchanged(func() { b.quiet("erase", example+"password=p\ncredential=other\n") })
	b.unchanged(func() { b.quiet("erase", example+"credential=p\n") })
	b.quiet("erase", example+"password=p\ncredential=c\n")
	b.get("capability[]=authtype\n"+example, "")
}

// A generic host is never a reason to ask, to quit or to complain.
func TestGenericHostsAreSilent(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for _, operation := range []string{"get", "store", "erase"} {
		for _, in := range []string{example, "protocol=http\nhost=git.example\n", "protocol=ftp\nhost=git.example\n", "protocol=cert\nhost=\npath=/x\n", "protocol=cert\nhost=\npath=/x\nusername=\npassword=p\n"} {
			b.unchanged(func() { b.quiet(operation, in) })
		}
	}
}
