package emulator

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Above http.postBuffer (1 MiB) git sends chunks and first an empty probe.
func TestBigPush(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	dir := clone(t, e, token, web)
	noise := make([]byte, 5<<20)
	chacha := rand.NewChaCha8([32]byte{1})
	_, _ = chacha.Read(noise)
	commit(t, e, dir, "noise.bin", string(noise))
	mustGit(t, e, dir, token, "push", "-q", "origin", "main")
	again := clone(t, e, token, web)
	if got, err := os.ReadFile(filepath.Join(again, "noise.bin")); err != nil || !bytes.Equal(got, noise) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

// git compresses what it sends for a fetch if that is more than a kilobyte;
// here that is certain.
func TestGzipBody(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code")
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	_, _ = z.Write([]byte(packet("command=ls-refs\n") + "0001" + packet("ref-prefix refs/heads/\n") + "0000"))
	_ = z.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web+"/git-upload-pack", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("x", token)
	r.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Git-Protocol", "version=2")
	res, err := client(t, e).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(res.Body); err != nil || !strings.Contains(got.String(), " refs/heads/main") {
		t.Errorf("%d %v %q", res.StatusCode, err, got.String())
	}
}

func TestProtocolVersions(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code")
	c := client(t, e)
	for version, want := range map[string]string{"": "# service=git-upload-pack", "version=2": "version 2"} {
		var extra []string
		if version != "" {
			extra = []string{"Git-Protocol", version}
		}
		if r := get(t, c, "GET", web+"/info/refs?service=git-upload-pack", token, extra...); r.status != 200 || !strings.Contains(r.body, want) {
			t.Errorf("%q: %d %q", version, r.status, r.body)
		}
	}
	mustGit(t, e, t.TempDir(), token, "-c", "protocol.version=0", "clone", "-q", web, "work")
}

func TestShallowAndPartialClone(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	full := clone(t, e, token, web)
	commit(t, e, full, "new.txt", "new\n")
	mustGit(t, e, full, token, "push", "-q", "origin", "main")
	dir := t.TempDir()
	mustGit(t, e, dir, token, "clone", "-q", "--depth=1", web, "shallow")
	if out := mustGit(t, e, filepath.Join(dir, "shallow"), "", "rev-list", "--count", "HEAD"); strings.TrimSpace(out) != "1" {
		t.Errorf("shallow clone has %s commits", out)
	}
	mustGit(t, e, dir, token, "clone", "-q", "--filter=blob:none", "--no-checkout", web, "partial")
	if out := mustGit(t, e, filepath.Join(dir, "partial"), token, "show", "HEAD:new.txt"); out != "new\n" {
		t.Errorf("partial clone: %q", out)
	}
}

func TestPushToEmptyRepository(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	dir := clone(t, e, token, "https://dev.azure.com/contoso/shop/_git/empty")
	commit(t, e, dir, "a.txt", "a\n")
	mustGit(t, e, dir, token, "push", "-q", "origin", "main")
	if out := mustGit(t, e, dir, token, "ls-remote", "origin", "HEAD"); !strings.Contains(out, "HEAD") {
		t.Errorf("no HEAD: %q", out)
	}
}

// A second start in the same directory goes on with the repositories it finds.
func TestDirectoryIsKept(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	dir := clone(t, e, token, web)
	commit(t, e, dir, "new.txt", "new\n")
	mustGit(t, e, dir, token, "push", "-q", "origin", "main")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := New(e.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	if _, err := os.Stat(filepath.Join(clone(t, again, mint(t, again, "ada@contoso.com", "vso.code"), web), "new.txt")); err != nil {
		t.Error(err)
	}
}
