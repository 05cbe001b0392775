package command

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/emulator"
)

func TestPeopleAndPolicies(t *testing.T) {
	t.Parallel()
	env, _ := running(t)
	for _, tt := range []struct {
		args []string
		code int
		want string // in either stream
	}{
		{[]string{"policy", "org", "northwind"}, 0, `"restrictPats": true`},
		{[]string{"policy", "org", "contoso", "restrictPats=true", "patUsers=ada@contoso.com,ben@contoso.com", "pageSize=2", "revocationDelay=5m"}, 0, `"ben@contoso.com"`},
		{[]string{"policy", "org", "contoso", "patUsers=", "pageSize=", "restrictPats=", "revocationDelay="}, 0, "{}"},
		{[]string{"policy", "tenant", "contoso", "maxPatDays=3", "conditionalAccess=block", "lockFor=2m"}, 0, `"maxPatDays": 3`},
		{[]string{"policy", "tenant", "contoso", "conditionalAccess=moon"}, 1, "use block"},
		{[]string{"policy", "org", "contoso", "maxPatDays=3"}, 2, "known field"},
		{[]string{"policy", "org", "contoso", "pageSize=x"}, 2, "pageSize"},
		{[]string{"policy", "org", "contoso", "restrictPats"}, 2, "FIELD=VALUE"},
		{[]string{"policy", "team", "contoso"}, 2, "org and tenant"},
		{[]string{"policy", "org"}, 2, "missing"},
		{[]string{"user", "lock", "ada@contoso.com"}, 0, "lock ada@contoso.com"},
		{[]string{"user", "remove", "ada@contoso.com", "--org", "contoso"}, 0, "remove ada@contoso.com"},
		{[]string{"user", "remove", "ada@contoso.com"}, 2, "--org"},
		{[]string{"user", "lock", "ada@contoso.com", "--org", "contoso"}, 2, "--org"},
		{[]string{"user", "praise", "ada@contoso.com"}, 2, "is not one of"},
		{[]string{"user", "lock", "nobody@contoso.com"}, 1, "no user"},
		{[]string{"user", "password", "ada@contoso.com"}, 1, "standard input"},
		{[]string{"totp", "nate@contoso.com"}, 1, "no second factor"},
		{[]string{"totp"}, 2, "missing"},
		{[]string{"bearer", "--user", "ada@contoso.com"}, 2, "are needed"},
		{[]string{"bearer", "--user", "ada@contoso.com", "--org", "x"}, 1, "no organization"},
	} {
		code, out, errs := run(t, env, tt.args...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%v: %d\n%s%s\nwant %q", tt.args, code, out, errs, tt.want)
		}
	}
	if code, out, errs := run(t, env, "totp", "ada@contoso.com"); code != 0 || !regexp.MustCompile(`^[0-9]{6}\n$`).MatchString(out) || errs != "" {
		t.Errorf("totp: %d %q %s", code, out, errs)
	}
	code, out, _ := run(t, env, "bearer", "--user", "ada@contoso.com", "--org", "contoso", "--scope", "vso.code")
	if code != 0 || strings.Count(out, ".") != 2 {
		t.Errorf("bearer: %d %q", code, out)
	}
}

// A password comes by standard input and is nowhere to be seen.
func TestNewPassword(t *testing.T) {
	t.Parallel()
	env, _ := running(t)
	var out, errs buffer
	p := Program{Stdin: strings.NewReader("another one\n"), Stdout: &out, Stderr: &errs, Getenv: func(name string) string { return env[name] }, Now: time.Now}
	if code := p.Main(t.Context(), []string{"user", "password", "ben@contoso.com"}); code != 0 || strings.Contains(out.String()+errs.String(), "another") {
		t.Errorf("%d %s %s", code, out.String(), errs.String())
	}
	for _, input := range []string{"", "\n"} {
		p.Stdin = strings.NewReader(input)
		if code := p.Main(t.Context(), []string{"user", "password", "ben@contoso.com"}); code != 1 {
			t.Errorf("%q: %d", input, code)
		}
	}
}

// The built-in seed has what docs/emulator.md says.
func TestExampleSeed(t *testing.T) {
	t.Parallel()
	seed, err := emulator.ParseSeed([]byte(emulator.ExampleSeed))
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Config{Seed: seed, Dir: t.TempDir(), Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := e.OrgPolicy("northwind"); err != nil || !p.RestrictPATs {
		t.Errorf("northwind: %+v %v", p, err)
	}
	if p, err := e.TenantPolicy("wingtip"); err != nil || p.MaxPATDays != 3 {
		t.Errorf("wingtip: %+v %v", p, err)
	}
	e.SetClock(time.Unix(59, 0))
	if code, err := e.TOTP("ada@contoso.com"); err != nil || code != "287082" { // RFC 6238, appendix B
		t.Errorf("ada's code: %s %v", code, err)
	}
}
