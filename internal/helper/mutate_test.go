package helper_test

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/helper"
	"github.com/gitpatrol/patrol/internal/vault"
)

// identity is who a request is for, as mutations are judged by it: read from
// the bytes by a second, simple reader that shares nothing with the first.
type identity struct{ host, org, path, user string }

var urlParts = regexp.MustCompile(`(?s)^(?P<protocol>.*?)://(?:(?P<username>[^@:/?#]*)(?::[^@/?#]*)?@)?(?P<host>[^/?#]*)/*(?P<path>.*?)/*$`)

// identityOf reads as Git does: the last line of a key wins. ok is false where
// the request is for nobody.
func identityOf(in string) (id identity, ok bool) {
	found := map[string]string{}
	for in != "" {
		line, rest, whole := strings.Cut(in, "\n")
		if in = rest; whole {
			line = strings.TrimSuffix(line, "\r")
		}
		if line == "" {
			break
		}
		key, value, _ := strings.Cut(line, "=")
		found[key] = value
		if m := urlParts.FindStringSubmatch(value); key == "url" && m != nil {
			for i, name := range urlParts.SubexpNames() {
				if text, err := url.PathUnescape(m[i]); err == nil && m[i] != "" {
					found[name] = text
				}
			}
		}
	}
	host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(found["host"]), ":443"), ".")
	id = identity{host: host, path: found["path"], user: found["username"]}
	org, old := strings.CutSuffix(host, ".visualstudio.com")
	switch {
	case !strings.EqualFold(found["protocol"], "https"):
		return id, false
	case host == "dev.azure.com":
		if id.org, _, _ = strings.Cut(id.path, "/"); id.path == "" {
			id.org = id.user
		}
	case old && !strings.Contains(org, "."):
		id.host, id.org = "dev.azure.com", org
	}
	id.org = strings.ToLower(id.org)
	return id, true
}

// mayHave reports whether a record's secret may go to id.
func (id identity) mayHave(rec *vault.Record) bool {
	if rec.Host != id.host || rec.Org != id.org {
		return false
	}
	noAccount := id.org != "" && !strings.Contains(id.user, "@")
	return id.user == "" || noAccount || strings.EqualFold(id.user, rec.Account)
}

var seeds = []string{
	goodRepo + "username=me@corp\npassword=" + mark + "-good-org\n",
	"capability[]=authtype\nprotocol=https\nhost=dev.azure.com\npath=other-org/p/_git/r\nwwwauth[]=Basic realm=x\n\n",
	azure + "username=good-org\npassword=" + mark + "-good-org\npassword_expiry_utc=9999999999\n",
	"protocol=https\nhost=good-org.visualstudio.com\nusername=good-org\n",
	"protocol=https\r\nhost=other-org.visualstudio.com:443\r\npassword=" + mark + "-other-org\r\n",
	"protocol=https\nhost=github.com\nusername=octocat\npassword=" + mark + "-github\n",
	"protocol=https\nhost=victim.example.com\n",
	"url=https://good-org@dev.azure.com/good-org/p/_git/r\n",
	"url=https://octocat:" + mark + "-github@github.com/\n",
}

var insertions = []string{
	"\n", "\r", "\r\n", "\x00", "=", "@", ":", "/", "\\", "%", "%2f", "%0a", "%00", ".", "..", "/../", "#", "?", " ", "-", "x", "\xff", "\u202e", ":443", ":8443", "[::1]",
	"\nhost=dev.azure.com\n", "\nhost=evil.example\n", "\npath=good-org\n", "\npath=other-org/x\n", "\nusername=me@corp\n", "\nusername=\n", "\nprotocol=http\n",
	"\nurl=https://github.com/\n", "\nurl=https://dev.azure.com/other-org\n", "\npassword=x\n", "\nephemeral=1\n", "evil.example", "visualstudio.com", "github.com", "dev.azure.com", "other-org",
}

func mutate(random *rand.Rand) string {
	s := seeds[random.IntN(len(seeds))]
	for range 1 + random.IntN(4) {
		at := random.IntN(len(s) + 1)
		to := at + min(random.IntN(8), len(s)-at)
		switch random.IntN(9) {
		case 0, 1: // another byte
			if at < len(s) {
				s = s[:at] + string([]byte{byte(random.Uint32())}) + s[at+1:]
			}
		case 2: // another bit
			if at < len(s) {
				s = s[:at] + string([]byte{s[at] ^ 1<<random.IntN(8)}) + s[at+1:]
			}
		case 3, 4:
			s = s[:at] + insertions[random.IntN(len(insertions))] + s[at:]
		case 5:
			s = s[:at] + s[to:]
		case 6:
			s = s[:at] + s[at:to] + s[at:]
		case 7: // the lines in another order
			lines := strings.SplitAfter(s, "\n")
			random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			s = strings.Join(lines, "")
		case 8: // half of another request
			other := seeds[random.IntN(len(seeds))]
			s = s[:at] + other[random.IntN(len(other)+1):]
		}
	}
	return s
}

// The reader that judges must know the seeds.
func TestIdentityOf(t *testing.T) {
	t.Parallel()
	for i, want := range []identity{
		{"dev.azure.com", "good-org", "good-org/p/_git/r", "me@corp"}, {"dev.azure.com", "other-org", "other-org/p/_git/r", ""}, {"dev.azure.com", "good-org", "", "good-org"},
		{"dev.azure.com", "good-org", "", "good-org"}, {"dev.azure.com", "other-org", "", ""}, {"github.com", "", "", "octocat"}, {"victim.example.com", "", "", ""},
		{"dev.azure.com", "good-org", "good-org/p/_git/r", "good-org"}, {"github.com", "", "", "octocat"},
	} {
		if got, ok := identityOf(seeds[i]); !ok || got != want {
			t.Errorf("%q: got %+v, want %+v", seeds[i], got, want)
		}
	}
}

const mutations = 10_000

// P29: no mutation of a request gets a secret that is not its own.
func TestP29Get(t *testing.T) {
	t.Parallel()
	for how, fill := range boxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := fill(t)
			records := b.records()
			random := rand.New(rand.NewPCG(5, 6))
			answered, refused := 0, 0
			b.unchanged(func() {
				for range mutations {
					in := mutate(random)
					r := b.run(in, "get")
					if r.code == helper.Failed && r.stdout == "" {
						refused++
					}
					if strings.Contains(r.stderr, mark) || strings.Count(r.stderr, "\n") > 2 {
						t.Fatalf("%q: stderr %q", in, r.stderr)
					}
					if !strings.Contains(r.stdout, mark) {
						if r.stdout != "" && r.stdout != stop {
							t.Fatalf("%q: %q", in, r.stdout)
						}
						continue
					}
					answered++
					id, ok := identityOf(in)
					if !ok || !slices.ContainsFunc(records.List, func(rec vault.Record) bool {
						s, err := records.Secrets(&rec)
						return err == nil && id.mayHave(&rec) && strings.Contains(r.stdout, "\npassword="+s.Secret.Reveal()+"\n")
					}) {
						t.Fatalf("%q, which is for %+v, got\n%s", in, id, r.stdout)
					}
				}
			})
			// Few answers, or few refusals, would prove little.
			if answered < mutations/50 || refused < mutations/50 {
				t.Errorf("%d were answered, %d refused", answered, refused)
			}
		})
	}
}

// P29: no mutation of a store or erase changes anything but what it is for.
func TestP29StoreAndErase(t *testing.T) {
	t.Parallel()
	for how, fill := range boxes {
		for _, operation := range []string{"store", "erase"} {
			t.Run(operation+" "+how, func(t *testing.T) {
				t.Parallel()
				b := fill(t)
				f, err := b.vault.Load()
				if err != nil {
					t.Fatal(err)
				}
				random := rand.New(rand.NewPCG(7, 8))
				changed := 0
				for n := range mutations {
					in := mutate(random)
					r, err := f.Open(b.key)
					if err != nil {
						t.Fatal(err)
					}
					was := slices.Clone(r.List)
					if n%100 == 0 { // as Git would run it; the rest without the disk
						fresh := fill(t)
						was = fresh.records().List
						if out := fresh.run(in, operation); out.stdout != "" || strings.Contains(out.stderr, mark) {
							t.Fatalf("%q: %+v", in, out)
						}
						r = fresh.records()
					} else if apply(r, operation, in, b) {
						changed++
					}
					judge(t, in, was, r)
					if t.Failed() {
						return
					}
				}
				if changed < mutations/100 {
					t.Errorf("only %d changed anything", changed)
				}
			})
		}
	}
}

// apply does what Program.Run does for store and erase, without the disk.
func apply(r *vault.Records, operation, in string, b *box) (changed bool) {
	req, err := cred.Read(strings.NewReader(in))
	if err != nil {
		return false
	}
	target, err := helper.Identify(&req)
	if err != nil || operation == "store" && !helper.Storable(&req, target, b.now) {
		return false
	}
	return !errors.Is(helper.Change(operation, r, target, &req, b.now), vault.ErrUnchanged)
}

func isNew(was []vault.Record) func(vault.Record) bool {
	return func(rec vault.Record) bool {
		return !slices.ContainsFunc(was, func(old vault.Record) bool { return old.ID == rec.ID })
	}
}

// judge wants every record that in is not for to be as it was, and every new
// one to be for it.
func judge(t *testing.T, in string, was []vault.Record, r *vault.Records) {
	t.Helper()
	id, ok := identityOf(in)
	for i := range was {
		now := r.Find(was[i].ID)
		touched := now == nil || !now.Suspect.Equal(was[i].Suspect)
		if touched && (!ok || now == nil && !id.mayHave(&was[i]) || now != nil && (id.host != now.Host || id.org != now.Org)) {
			t.Errorf("%q, which is for %+v, took %s %s %s", in, id, was[i].Host, was[i].Org, was[i].Account)
		}
		if now == nil && was[i].Ours() {
			t.Errorf("%q destroyed a token of patrol's", in)
		}
	}
	for i := range r.List {
		rec := &r.List[i]
		if isNew(was)(*rec) && (!ok || rec.Host != id.host || rec.Org != id.org || rec.Ours()) {
			t.Errorf("%q, which is for %+v, made %s %s", in, id, rec.Host, rec.Org)
		}
	}
}
