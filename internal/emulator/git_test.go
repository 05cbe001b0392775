package emulator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const web = "https://dev.azure.com/contoso/shop/_git/web"

func TestCloneCommitPushFetch(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code_write")
	one := clone(t, e, token, web)
	if data, err := os.ReadFile(filepath.Join(one, "src", "app.txt")); err != nil || string(data) != "hello\n" {
		t.Fatalf("seeded file: %q, %v", data, err)
	}
	two := clone(t, e, token, "https://contoso@dev.azure.com/contoso/shop/_git/web")
	commit(t, e, one, "new.txt", "new\n")
	out := mustGit(t, e, one, token, "push", "origin", "main")
	for _, want := range []string{"remote: Analyzing objects... (3/3)", "remote: Storing packfile... done", "remote: Storing index... done"} {
		if !strings.Contains(out, want) {
			t.Errorf("push printed no %q:\n%s", want, out)
		}
	}
	mustGit(t, e, two, token, "pull", "-q", "--ff-only")
	if _, err := os.Stat(filepath.Join(two, "new.txt")); err != nil {
		t.Error(err)
	}
}

func TestURLForms(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.code")
	for _, u := range []string{
		web,
		"https://dev.azure.com/CONTOSO/Shop/_git/WEB",
		"https://contoso@dev.azure.com/contoso/shop/_git/web",
		"https://dev.azure.com/contoso/_git/shop",
		"https://contoso.visualstudio.com/shop/_git/web",
		"https://contoso.visualstudio.com/DefaultCollection/shop/_git/web",
		"https://contoso.visualstudio.com/_git/shop",
		"https://contoso.visualstudio.com/DefaultCollection/_git/shop",
		"https://dev.azure.com/contoso/shop/_git/_optimized/web",
		"https://dev.azure.com/contoso/shop/_git/_full/web",
		"https://dev.azure.com/contoso/Two%20Words/_git/My%20Repo",
	} {
		t.Run(u, func(t *testing.T) {
			t.Parallel()
			if out := mustGit(t, e, t.TempDir(), token, "ls-remote", u, "refs/heads/main"); !strings.Contains(out, "refs/heads/main") {
				t.Errorf("ls-remote: %q", out)
			}
		})
	}
}
