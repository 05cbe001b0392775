package emulator

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// No password, code or token is in the request log, in what is echoed, in the
// state or in a file.
func TestNothingSecretIsKept(t *testing.T) {
	t.Parallel()
	seed, err := ParseSeed([]byte(entraSeed))
	if err != nil {
		t.Fatal(err)
	}
	const password = "canary-password-of-ada"
	for i := range seed.Users {
		seed.Users[i].Password = password
	}
	var echo lockedBuffer
	dir := t.TempDir()
	e, err := New(Config{Seed: seed, Dir: dir, Clock: time.Now, Log: &echo})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	a := newApp()
	p := newPerson(t, e).visit(a.url()).submit("Next", "loginfmt", "ada@contoso.com").submit("Sign in", "passwd", password)
	otc := p.code("ada@contoso.com")
	p.submit("Verify", "otc", otc).submit("Yes")
	code := p.landed.Query().Get("code")
	first := a.code(t, e, code)
	second := a.renew(t, e, first.RefreshToken)
	clone(t, e, second.AccessToken, web)
	if p.visit(settingsURL); p.title() != "Personal Access Tokens" {
		t.Fatal(p.page)
	}
	p.submit("Create", "name", "x", "scope", "vso.code")
	pat := shownToken(p.page)
	if err := e.ChangeUser(UserChange{User: "ada@contoso.com", Action: UserPassword, Password: password + "-2"}); err != nil {
		t.Fatal(err)
	}
	state, err := json.Marshal([]any{e.State(), e.Requests()})
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{"state": string(state), "log": echo.String()}
	maps.Copy(places, filesOf(t, dir))
	if len(places) < 10 || !strings.Contains(places["log"], "/oauth2/v2.0/token") {
		t.Fatalf("%d places", len(places))
	}
	for name, secret := range map[string]string{
		"password": password, "one-time code": "=" + otc, "code": code, "access token": first.AccessToken, "its signature": strings.Split(first.AccessToken, ".")[2],
		"refresh token": first.RefreshToken, "second refresh token": second.RefreshToken, "id token": first.IDToken, "personal access token": pat,
		"totp secret": base32Secret().EncodeToString(derivedTOTPSecret("ada@contoso.com")),
	} {
		if len(secret) < 7 {
			t.Fatalf("%s is %q", name, secret)
		}
		for place, text := range places {
			if strings.Contains(text, secret) {
				t.Errorf("the %s is in %s", name, place)
			}
		}
	}
}

// filesOf reads all files below a directory.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
