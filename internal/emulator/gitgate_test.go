package emulator

import (
	"net/http"
	"strings"
	"testing"
)

func TestScopes(t *testing.T) {
	t.Parallel()
	e := start(t)
	for _, tt := range []struct {
		scope       string
		fetch, push bool
	}{
		{"vso.code", true, false},
		{"vso.code_write", true, true},
		{"vso.code_manage", true, true},
		{"vso.code_full", true, true},
		{"app_token", true, true},
		{"vso.packaging vso.code_write", true, true},
		{"vso.code_status", false, false},
		{"vso.packaging_write", false, false},
		{"vso.profile", false, false},
	} {
		t.Run(tt.scope, func(t *testing.T) {
			t.Parallel()
			token := mint(t, e, "ada@contoso.com", tt.scope)
			out, err := gitIn(t, e, t.TempDir(), token, "ls-remote", web)
			if (err == nil) != tt.fetch || err != nil && !strings.Contains(out, "403") {
				t.Errorf("fetch: %v\n%s", err, out)
			}
			// Asking what a push would find is enough to meet the gate.
			r := get(t, client(t, e), "GET", web+"/info/refs?service=git-receive-pack", token)
			if want := map[bool]int{true: 200, false: 403}[tt.push]; r.status != want {
				t.Errorf("push: %d, want %d", r.status, want)
			}
		})
	}
}

func TestMissingScopeMayBe401(t *testing.T) {
	t.Parallel()
	seed, _ := ParseSeed([]byte(testSeed))
	seed.MissingScopeStatus = http.StatusUnauthorized
	e := startSeed(t, seed)
	out, err := gitIn(t, e, t.TempDir(), mint(t, e, "ada@contoso.com", "vso.build"), "ls-remote", web)
	if err == nil || !strings.Contains(out, "Authentication failed") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestMissingAndHiddenRepositoriesLookAlike(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	for _, name := range []string{"nothing", "hidden", "off"} {
		out, err := gitIn(t, e, t.TempDir(), token, "ls-remote", "https://dev.azure.com/contoso/shop/_git/"+name)
		want := "remote: TF401019: The Git repository with name or identifier " + name + " does not exist or you do not have permissions for the operation you are attempting."
		if err == nil || !strings.Contains(out, want) || !strings.Contains(out, "not found") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	for _, path := range []string{"shop/_git", "shop/_git/", "a/b/_git/web", "nowhere/_git/web", "shop/_git/web%2F..%2Fhidden", "shop/_git/..%2f..%2fetc"} {
		if r := get(t, client(t, e), "GET", "https://dev.azure.com/contoso/"+path+"/info/refs?service=git-upload-pack", token); r.status != 404 && r.status != 400 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if r := get(t, client(t, e), "GET", web+"/objects/info/packs", token); r.status != 404 {
		t.Errorf("dumb protocol: %d", r.status)
	}
}

func TestPushWithoutRight(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "rita@contoso.com", "vso.code_write")
	dir := clone(t, e, token, web)
	commit(t, e, dir, "new.txt", "new\n")
	out, err := gitIn(t, e, dir, token, "push", "origin", "main")
	for _, want := range []string{
		"remote: 001f# service=git-receive-pack",
		`TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: identity '11111111-2222-4333-8444-555555555555\rita@contoso.com', scope 'repository'.`,
		"403",
	} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("no %q: %v\n%s", want, err, out)
		}
	}
	r := get(t, client(t, e), "GET", web+"/info/refs?service=git-receive-pack", token)
	if !strings.HasPrefix(r.body, "001f# service=git-receive-pack\n00000000") || !strings.Contains(r.body, "TF401027") {
		t.Errorf("body %q", r.body)
	}
}

// wantRejected pushes and expects one remote rejection with a text.
func wantRejected(t *testing.T, e *Emulator, dir, token, text string, args ...string) {
	t.Helper()
	out, err := gitIn(t, e, dir, token, append([]string{"push", "origin"}, args...)...)
	if err == nil || !strings.Contains(out, "[remote rejected]") || !strings.Contains(out, "("+text) {
		t.Errorf("push %v: want (%s, got %v\n%s", args, text, err, out)
	}
}

func TestForcePush(t *testing.T) {
	t.Parallel()
	e := start(t)
	ada, adam := mint(t, e, "ada@contoso.com", "vso.code_write"), mint(t, e, "adam@contoso.com", "vso.code_write")
	dir := clone(t, e, ada, web)
	mustGit(t, e, dir, ada, "push", "-q", "origin", "main:own", "main:refs/tags/v1")
	mustGit(t, e, dir, adam, "push", "-q", "origin", "main:his")
	mustGit(t, e, dir, "", "commit", "-q", "--amend", "-m", "Rewritten")
	force := "TF401027: You need the Git 'ForcePush' permission to perform this action. Details: identity '11111111-2222-4333-8444-555555555555\\ada@contoso.com', scope 'branch'."
	wantRejected(t, e, dir, ada, force, "--force", "main")
	wantRejected(t, e, dir, ada, force, ":his")
	mustGit(t, e, dir, ada, "push", "-q", "--force", "origin", "main:own") // a creator may
	mustGit(t, e, dir, ada, "push", "-q", "origin", ":own")
	mustGit(t, e, dir, adam, "push", "-q", "--force", "origin", "main")
	if out := mustGit(t, e, dir, ada, "ls-remote", "origin"); strings.Contains(out, "refs/heads/own") || !strings.Contains(out, "refs/tags/v1") {
		t.Errorf("refs:\n%s", out)
	}
}

func TestProtectedBranch(t *testing.T) {
	t.Parallel()
	e := start(t)
	ada, adam := mint(t, e, "ada@contoso.com", "vso.code_write"), mint(t, e, "adam@contoso.com", "vso.code_write")
	dir := clone(t, e, ada, "https://dev.azure.com/contoso/shop/_git/guarded")
	mustGit(t, e, dir, ada, "push", "-q", "origin", "main:release/1", "main:released")
	commit(t, e, dir, "b.txt", "b\n")
	policy := "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch."
	wantRejected(t, e, dir, ada, policy, "main")
	wantRejected(t, e, dir, ada, policy, "main:release/1")
	wantRejected(t, e, dir, ada, policy, ":release/1")
	// One refused ref does not hold back the others.
	out, err := gitIn(t, e, dir, ada, "push", "origin", "main", "main:topic", "main:released")
	if err == nil || strings.Count(out, "[remote rejected]") != 1 || !strings.Contains(out, "main -> topic") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := gitIn(t, e, dir, ada, "push", "--atomic", "origin", "main", "main:other"); err == nil || strings.Contains(out, "[new branch]") {
		t.Errorf("atomic: %v\n%s", err, out)
	}
	mustGit(t, e, dir, adam, "push", "-q", "origin", "main")
}

func TestCreateRights(t *testing.T) {
	t.Parallel()
	seed, _ := ParseSeed([]byte(testSeed))
	seed.Users = append(seed.Users, SeedUser{UPN: "otto@contoso.com", Access: []SeedAccess{{On: "contoso", Allow: []Right{Read, Contribute}}}})
	e := startSeed(t, seed)
	token := mint(t, e, "otto@contoso.com", "vso.code_write")
	dir := clone(t, e, token, web)
	wantRejected(t, e, dir, token, "TF401027: You need the Git 'CreateBranch' permission", "main:topic")
	wantRejected(t, e, dir, token, "TF401027: You need the Git 'CreateTag' permission", "main:refs/tags/v1")
	commit(t, e, dir, "new.txt", "new\n")
	mustGit(t, e, dir, token, "push", "-q", "origin", "main")
}

// A ref name is data to the hook, whatever a shell would make of it.
func TestHookDoesNotEvaluateRefNames(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	dir := clone(t, e, token, web)
	for _, name := range []string{"$(touch${IFS}x)", "`touch${IFS}x`", "a';touch${IFS}x;'", "ünïcode-ref", "-n", "100%s"} {
		out, err := gitIn(t, e, dir, token, "push", "origin", "main:refs/heads/"+name)
		if err != nil || !strings.Contains(out, "[new branch]") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	repo := e.world.org("contoso").project("shop").repository("web")
	if listed := mustGit(t, e, e.repositoryDir(repo), "", "for-each-ref", "--format=%(refname)"); strings.Count(listed, "\n") != 7 {
		t.Errorf("refs:\n%s", listed)
	}
}

// Two services in one query must not show one to the gate and the other to Git.
func TestServiceCannotBeSmuggled(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code")
	for _, query := range []string{"service=git-upload-pack&service=git-receive-pack", "service=git-upload-pack;service=git-receive-pack", "service=git-upload-pack&x=%00"} {
		r := get(t, client(t, e), "GET", web+"/info/refs?"+query, token)
		if strings.Contains(r.body, "receive-pack") {
			t.Errorf("%s: %d %q", query, r.status, r.body)
		}
	}
	for _, method := range []string{"PUT", "POST", "DELETE"} {
		if r := get(t, client(t, e), method, web+"/info/refs?service=git-receive-pack", token); r.status != 404 {
			t.Errorf("%s: %d", method, r.status)
		}
	}
}

func TestPublicProject(t *testing.T) {
	t.Parallel()
	e := start(t)
	const lib = "https://dev.azure.com/personal/open/_git/lib"
	dir := clone(t, e, "", lib)
	commit(t, e, dir, "b.txt", "b\n")
	if out, err := gitIn(t, e, dir, "", "push", "origin", "main"); err == nil || !strings.Contains(out, "could not read Username") {
		t.Errorf("anonymous push: %v\n%s", err, out)
	}
	seed, _ := ParseSeed([]byte(testSeed))
	seed.Users = append(seed.Users, SeedUser{UPN: "eve@contoso.com", Access: []SeedAccess{{On: "personal"}}})
	e = startSeed(t, seed)
	token, _, err := e.Mint(MintOptions{User: "eve@contoso.com", Organization: "personal", Scope: "vso.code_write"})
	if err != nil {
		t.Fatal(err)
	}
	if r := get(t, client(t, e), "GET", lib+"/info/refs?service=git-upload-pack", token); r.status != 200 {
		t.Errorf("signed in without any right: %d", r.status)
	}
	if r := get(t, client(t, e), "GET", lib+"/info/refs?service=git-receive-pack", token); r.status != 403 {
		t.Errorf("push without any right: %d", r.status)
	}
	r := get(t, client(t, e), "GET", "https://dev.azure.com/personal/_apis/connectionData", "", suppress()...)
	if r.status != 200 || !strings.Contains(r.body, anonymousID) {
		t.Errorf("connectionData: %d %s", r.status, r.body)
	}
}
