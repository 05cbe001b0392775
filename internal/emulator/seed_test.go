package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExampleSeedIsValid(t *testing.T) {
	t.Parallel()
	seed, err := ParseSeed([]byte(ExampleSeed))
	if err != nil {
		t.Fatal(err)
	}
	e := startSeed(t, seed)
	if urls := e.State().Organizations[1].CloneURLs; len(urls) != 4 {
		t.Errorf("%q", urls)
	}
}

// Ids are the same at each start, and those of the seed if it has them.
func TestIDsAreStable(t *testing.T) {
	t.Parallel()
	one, two := start(t), start(t)
	if a, b := one.State().Organizations, two.State().Organizations; a[1].InstanceID != b[1].InstanceID || a[1].Tenant != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("%+v %+v", a[1], b[1])
	}
}

func TestBadSeeds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"organisations": []}`: "unknown field",
		`{} {}`:                 "more than one",
		`{"organizations": [{"name": "a", "tenant": "t"}]}`:                                                                        "tenant \"t\" is not in the seed",
		`{"organizations": [{"name": "a b"}]}`:                                                                                     "letters, digits and hyphens",
		`{"organizations": [{"name": "a"}, {"name": "A"}]}`:                                                                        "listed twice",
		`{"organizations": [{"name": "a", "instanceId": "1"}]}`:                                                                    "not a GUID",
		`{"tenants": [{"name": "t", "id": "1"}]}`:                                                                                  "not a GUID",
		`{"organizations": [{"name": "a", "projects": [{"name": "p/q"}]}]}`:                                                        "cannot be a name",
		`{"organizations": [{"name": "a", "projects": [{"name": "p", "visibility": "open"}]}]}`:                                    "private or public",
		`{"organizations": [{"name": "a", "projects": [{"name": "p", "repositories": [{"name": "_git"}]}]}]}`:                      "cannot be a name",
		`{"organizations": [{"name": "a", "projects": [{"name": "p", "repositories": [{"name": "r"}, {"name": "R"}]}]}]}`:          "listed twice",
		`{"organizations": [{"name": "a", "projects": [{"name": "p", "repositories": [{"name": "r", "protected": ["main"]}]}]}]}`:  "use a full name",
		`{"organizations": [{"name": "a", "projects": [{"name": "p", "repositories": [{"name": "r", "defaultBranch": "a b"}]}]}]}`: "default branch",
		`{"organizations": [{"name": "a", "projects": [{"name": "p", "repositories": [{"name": "r", "files": {"../x": ""}}]}]}]}`:  "relative path",
		`{"users": [{"upn": "ada"}]}`:                                                                                "looks like",
		`{"users": [{"upn": "a@b", "access": [{"on": "nowhere"}]}]}`:                                                 "no such organization",
		`{"organizations": [{"name": "a"}], "users": [{"upn": "a@b", "access": [{"on": "a/p"}]}]}`:                   "no such project",
		`{"organizations": [{"name": "a"}], "users": [{"upn": "a@b", "access": [{"on": "a", "role": "owner"}]}]}`:    "unknown role",
		`{"organizations": [{"name": "a"}], "users": [{"upn": "a@b", "access": [{"on": "a", "allow": ["write"]}]}]}`: "unknown right",
		`{"pats": [{"user": "a@b", "scope": "vso.code"}]}`:                                                           "no user",
		`{"users": [{"upn": "a@b"}], "pats": [{"user": "a@b", "scope": "code"}]}`:                                    "scope",
		`{"users": [{"upn": "a@b"}], "pats": [{"user": "a@b", "scope": "vso.code", "organizations": ["x"]}]}`:        "no organization",
		`{"users": [{"upn": "a@b"}], "pats": [{"user": "a@b", "scope": "vso.code", "token": "short"}]}`:              "checksum",
		`{"users": [{"upn": "a@b"}], "pats": [{"user": "a@b", "scope": "vso.code", "life": "soon"}]}`:                "invalid duration",
		`{"missingScopeStatus": 500}`: "use 401 or 403",
	} {
		seed, err := ParseSeed([]byte(text))
		if err == nil {
			_, err = New(Config{Seed: seed, Dir: t.TempDir(), Clock: time.Now})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\tgot %v, want %q", text, err, want)
		}
	}
}

func TestReadSeedNamesTheFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSeed(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("%v", err)
	}
}

func TestSeededTokens(t *testing.T) {
	t.Parallel()
	known, err := NewToken(strings.NewReader(strings.Repeat("z", 99)), FormatNew, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := ParseSeed([]byte(testSeed))
	seed.Clock = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	org := []string{"contoso"}
	seed.PATs = []SeedPAT{
		{User: "ada@contoso.com", Name: "known", Scope: "vso.code", Organizations: org, Token: known, Life: Duration(48 * time.Hour)},
		{User: "ada@contoso.com", Name: "old", Scope: "vso.code", Organizations: org, ValidFrom: seed.Clock.AddDate(-1, 0, 0), ValidTo: seed.Clock.AddDate(0, -1, 0)},
		{User: "ada@contoso.com", Name: "gone", Scope: "vso.code", Organizations: org, Revoked: true, Format: FormatClassic},
	}
	e := startSeed(t, seed)
	if r := get(t, client(t, e), "GET", connection, known); r.status != 200 {
		t.Errorf("known: %d", r.status)
	}
	pats := e.PATs()
	if pats[0].ValidTo.Sub(seed.Clock).Round(time.Minute) != 48*time.Hour || pats[0].Uses != 1 || pats[0].Format != FormatNew {
		t.Errorf("%+v", pats[0])
	}
	if !pats[1].ValidTo.Before(e.Now()) || pats[2].Revoked.IsZero() || pats[2].Format != FormatClassic {
		t.Errorf("%+v", pats[1:])
	}
	seed.PATs = append(seed.PATs, seed.PATs[0])
	if _, err := New(Config{Seed: seed, Dir: t.TempDir(), Clock: time.Now}); err == nil {
		t.Error("the same secret twice")
	}
}

func TestMintMistakes(t *testing.T) {
	t.Parallel()
	e := start(t)
	for _, o := range []MintOptions{
		{},
		{User: "ada@contoso.com", Scope: "vso.code"},
		{User: "ada@contoso.com", Scope: "vso.code", Organization: "contoso", Global: true},
		{User: "ada@contoso.com", Scope: "", Organization: "contoso"},
		{User: "ada@contoso.com", Scope: "vso.code", Organization: "nowhere"},
		{User: "ada@contoso.com", Scope: "vso.code", Organization: "contoso", Format: "long"},
	} {
		if _, _, err := e.Mint(o); err == nil {
			t.Errorf("%+v was minted", o)
		}
	}
	if len(e.PATs()) != 0 {
		t.Error("a refused token is kept")
	}
	if err := e.Revoke(zeroGUID); err == nil {
		t.Error("an unknown id was revoked")
	}
	mint(t, e, "ada@contoso.com", "vso.code")
	mint(t, e, "rita@contoso.com", "vso.code")
	if n := e.RevokeAll(); n != 2 || e.RevokeAll() != 0 {
		t.Errorf("revoked %d", n)
	}
}

func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{{}, {Clock: time.Now}, {Clock: time.Now, Dir: filepath.Join(os.DevNull, "x")}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "-1d12h": -36 * time.Hour, "90m": 90 * time.Minute, "0d": 0, "-5s": -5 * time.Second,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "7", "1d-2h", "1.5d", "99999d", "d7"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

// What the clock of Config says is the base; the seed's time goes on from it.
func TestClock(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	c := clock{base: func() time.Time { return base }}
	c.advance(time.Hour)
	if !c.now().Equal(base.Add(time.Hour)) {
		t.Error(c.now())
	}
	c.set(base.AddDate(1, 0, 0))
	base = base.Add(time.Minute)
	if want := time.Date(2027, 5, 1, 0, 1, 0, 0, time.UTC); !c.now().Equal(want) {
		t.Errorf("%s, want %s", c.now(), want)
	}
}
