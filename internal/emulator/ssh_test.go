package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sshBox is a person's machine with the real ssh, ssh-keygen and git, led to
// an emulator by nothing but its ssh_config.
type sshBox struct {
	t   *testing.T
	e   *Emulator
	dir string
}

func newSSHBox(t *testing.T) *sshBox {
	t.Helper()
	seed, err := ParseSeed([]byte(testSeed))
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Seed: seed, Dir: filepath.Join(t.TempDir(), "emulator"), Clock: time.Now, SSH: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return &sshBox{t: t, e: e, dir: t.TempDir()}
}

// keygen makes a key pair with ssh-keygen and returns the public half.
func (b *sshBox) keygen(name string, args ...string) string {
	b.t.Helper()
	file := filepath.Join(b.dir, name)
	if out, err := exec.CommandContext(b.t.Context(), "ssh-keygen", append([]string{"-q", "-N", "", "-C", "x", "-f", file}, args...)...).CombinedOutput(); err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(public))
}

// ssh runs ssh with the keys named.
func (b *sshBox) ssh(keys []string, args ...string) (string, error) {
	b.t.Helper()
	all := []string{"-F", b.e.SSHConfigFile(), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"}
	for _, k := range keys {
		all = append(all, "-i", filepath.Join(b.dir, k))
	}
	cmd := exec.CommandContext(b.t.Context(), "ssh", append(all, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// git runs git with one key.
func (b *sshBox) git(key, dir string, args ...string) (string, error) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), "git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@contoso.com"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_SSH_COMMAND=ssh -F " + b.e.SSHConfigFile() + " -o BatchMode=yes -o IdentitiesOnly=yes -i " + filepath.Join(b.dir, key),
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (b *sshBox) add(user, name, public string) SSHKey {
	b.t.Helper()
	k, err := b.e.AddSSHKey(user, "contoso", name, public)
	if err != nil {
		b.t.Fatal(err)
	}
	return k
}

func want(t *testing.T, what, out, text string) {
	t.Helper()
	if !strings.Contains(out, text) {
		t.Errorf("%s:\n%s\nwant %q", what, out, text)
	}
}

func TestSSHWithRealClient(t *testing.T) {
	t.Parallel()
	b := newSSHBox(t)
	key := b.add("ada@contoso.com", "laptop", b.keygen("ada", "-t", "rsa", "-b", "2048"))
	b.keygen("stranger", "-t", "rsa", "-b", "2048")
	b.keygen("ed", "-t", "ed25519")

	out, err := b.ssh([]string{"ada"}, "-T", "git@ssh.dev.azure.com")
	if want(t, "ssh -T", out, "remote: Shell access is not supported."); err == nil {
		t.Error("a shell was given")
	}
	out, _ = b.ssh([]string{"stranger"}, "-T", "git@ssh.dev.azure.com")
	want(t, "ssh -T with an unknown key", out, "remote: Shell access is not supported.")
	const pack = "git-upload-pack 'v3/contoso/shop/web'"
	out, _ = b.ssh([]string{"stranger"}, "git@ssh.dev.azure.com", pack)
	want(t, "unknown key", out, "remote: Public key authentication failed.")
	out, _ = b.ssh([]string{"ed"}, "-T", "git@ssh.dev.azure.com")
	want(t, "Ed25519", out, "Permission denied (publickey)")
	out, _ = b.ssh([]string{"stranger", "ada"}, "git@ssh.dev.azure.com", pack)
	want(t, "the first key alone is judged", out, "remote: Public key authentication failed.")
	out, _ = b.ssh([]string{"ada"}, "-o", "PubkeyAcceptedAlgorithms=ssh-rsa", "-T", "git@ssh.dev.azure.com")
	want(t, "SHA-1", out, "Permission denied (publickey)")
	out, _ = b.ssh([]string{"ada"}, "-T", "contoso@vs-ssh.visualstudio.com")
	want(t, "the older host", out, "Shell access is not supported.")
	out, _ = b.ssh([]string{"ada"}, "git@ssh.dev.azure.com", "rm -rf /")
	want(t, "another command", out, "Public key authentication failed.")

	work := filepath.Join(b.dir, "web")
	for _, url := range []string{"git@ssh.dev.azure.com:v3/contoso/shop/web", "contoso@vs-ssh.visualstudio.com:v3/contoso/shop/web", "ssh://git@ssh.dev.azure.com/v3/contoso/Two%20Words/My%20Repo"} {
		_ = os.RemoveAll(work)
		if out, err := b.git("ada", b.dir, "clone", "-q", url, work); err != nil {
			t.Fatalf("%s: %v\n%s", url, err, out)
		}
	}
	if out, err := b.git("ada", work, "commit", "-q", "--allow-empty", "-m", "x"); err != nil {
		t.Fatal(out)
	}
	out, err = b.git("ada", work, "push", "origin", "HEAD:refs/heads/topic")
	if want(t, "push", out, "Storing packfile... done"); err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(b.e.Requests(), func(r Request) bool {
		return r.Service == receivePack && r.Status == 200 && r.PAT == key.ID && strings.Contains(r.String(), "ssh://ssh.dev.azure.com/v3/contoso/")
	}) {
		t.Errorf("log: %v", b.e.Requests())
	}
	if err := b.e.DeleteSSHKey(key.ID); err != nil {
		t.Fatal(err)
	}
	out, err = b.git("ada", work, "fetch")
	if want(t, "deleted", out, "remote: Public key authentication failed."); err == nil {
		t.Error("a deleted key works")
	}
}

func TestSSHRightsAndPolicies(t *testing.T) {
	t.Parallel()
	b := newSSHBox(t)
	b.add("rita@contoso.com", "reader", b.keygen("rita", "-t", "rsa", "-b", "2048"))
	work := filepath.Join(b.dir, "web")
	if out, err := b.git("rita", b.dir, "clone", "-q", "git@ssh.dev.azure.com:v3/contoso/shop/web", work); err != nil {
		t.Fatal(out)
	}
	for _, c := range []struct{ do, want string }{
		{"push origin HEAD:refs/heads/topic", "remote: TF401027: You need the Git 'GenericContribute' permission"},
		{"ls-remote git@ssh.dev.azure.com:v3/contoso/shop/hidden2", "remote: TF401019: The Git repository with name or identifier hidden2"},
		{"ls-remote git@ssh.dev.azure.com:v3/contoso/shop/off", "TF401019"},
		{"ls-remote git@ssh.dev.azure.com:v3/fabrikam/p/r", "remote: Public key authentication failed."},
		{"ls-remote git@ssh.dev.azure.com:v3/nowhere/p/r", "remote: Public key authentication failed."},
		{"ls-remote git@ssh.dev.azure.com:contoso/shop/web", "remote: Public key authentication failed."},
	} {
		out, err := b.git("rita", work, strings.Fields(c.do)...)
		if want(t, c.do, out, c.want); err == nil {
			t.Errorf("%s works", c.do)
		}
	}
	b.e.Advance(366 * 24 * time.Hour)
	out, _ := b.git("rita", work, "fetch")
	want(t, "after a year", out, "Public key authentication failed.")
	if err := b.e.SetOrgPolicy("contoso", OrgPolicy{SSHExpiredWorks: true}); err != nil {
		t.Fatal(err)
	}
	if out, err := b.git("rita", work, "fetch"); err != nil {
		t.Errorf("an expired key where that does not matter: %s", out)
	}
	if err := b.e.SetOrgPolicy("contoso", OrgPolicy{SSHOff: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.git("rita", work, "fetch"); err == nil {
		t.Error("SSH is off, and works")
	}
}

// The portal's own calls, as recorded tools make them.
func TestSSHKeyCalls(t *testing.T) {
	t.Parallel()
	b := newSSHBox(t)
	public, ed := b.keygen("ada", "-t", "rsa", "-b", "2048"), b.keygen("ed", "-t", "ed25519")
	token, err := b.e.MintBearer(BearerOptions{User: "ada@contoso.com", Organization: "contoso"})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, b.e)
	call := func(method, url, body string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		reply, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		var out map[string]any
		_ = json.NewDecoder(reply.Body).Decode(&out)
		return reply.StatusCode, out
	}
	const query = "https://dev.azure.com/contoso/_apis/Contribution/HierarchyQuery?api-version=5.0-preview.1"
	add := func(data string) map[string]any {
		t.Helper()
		status, out := call("POST", query, `{"contributionIds":["`+issueProvider+`"],"dataProviderContext":{"properties":{"displayName":"laptop","publicData":"`+data+
			`","validTo":"2027-11-01T00:00:00Z","scope":"app_token","isPublic":true,"targetAccounts":["x"]}}}`)
		if status != 200 {
			t.Fatalf("status %d", status)
		}
		return out
	}
	made, _ := add(public)["dataProviders"].(map[string]any)[issueProvider].(map[string]any)
	id, _ := made["authorizationId"].(string)
	if !isGUID(id) || made["isPublic"] != true {
		t.Fatalf("made %v", made)
	}
	for data, word := range map[string]string{public: "duplicateHash", ed: "invalidPublicKey", public[:40] + " " + public[40:]: "invalidPublicKey"} {
		failed, _ := json.Marshal(add(data)["dataProviderExceptions"])
		want(t, data[:11], string(failed), word)
	}
	const tokens = "https://vssps.dev.azure.com/contoso/_apis/Token/SessionTokens"
	for version, field := range map[string]string{"5.0-preview.1": "value", "7.1-preview.1": "sessionTokens"} {
		_, out := call("GET", tokens+"?isPublic=true&includePublicData=true&api-version="+version, "")
		list, _ := out[field].([]any)
		if len(list) != 1 {
			t.Errorf("%s: %v", version, out)
		}
	}
	if status, _ := call("DELETE", tokens+"/"+id+"?isPublic=true&api-version=5.0-preview.1", ""); status != 200 {
		t.Errorf("delete: %d", status)
	}
	if status, _ := call("DELETE", tokens+"/"+id+"?isPublic=true&api-version=5.0-preview.1", ""); status != 404 {
		t.Errorf("delete again: %d", status)
	}
}

// A person adds and removes keys on the page.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	b := newSSHBox(t)
	public := b.keygen("ada", "-t", "rsa", "-b", "2048")
	const keysURL = "https://dev.azure.com/contoso/_usersSettings/keys"
	p := newPerson(t, b.e).visit(keysURL).signIn("ada@contoso.com")
	if p.title() != "SSH Public Keys" || p.at.String() != keysURL {
		t.Fatalf("%q at %v", p.title(), p.at)
	}
	p.submit("Add", "name", "laptop", "data", public+"\n")
	want(t, "a new line at the end", p.page, "not a valid RSA key")
	p.submit("Add", "name", "laptop", "data", public)
	want(t, "added", p.page, "The key laptop was added.")
	md5, err := exec.CommandContext(t.Context(), "ssh-keygen", "-l", "-E", "md5", "-f", filepath.Join(b.dir, "ada.pub")).Output()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "fingerprint", p.page, strings.TrimPrefix(strings.Fields(string(md5))[1], "MD5:"))
	p.submit("Add", "name", "again", "data", public)
	want(t, "twice", p.page, "in use already")
	const from = "git@ssh.dev.azure.com:v3/contoso/shop/web"
	if out, err := b.git("ada", b.dir, "ls-remote", from); err != nil {
		t.Errorf("added: %s", out)
	}
	p.submit("Remove laptop")
	want(t, "removed", p.page, "The key was removed.")
	out, _ := b.git("ada", b.dir, "ls-remote", from)
	want(t, "after removing", out, "Public key authentication failed.")
	if p.post(keysURL, map[string][]string{"action": {"addkey"}, "name": {"x"}, "data": {public}, "csrf": {"guess"}}); p.status != http.StatusForbidden {
		t.Errorf("a form from elsewhere: %d", p.status)
	}
}
