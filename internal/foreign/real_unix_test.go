//go:build unix

package foreign

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

// What git-credential-store itself makes of a line is what we make of it.
func TestGitReadsTheSame(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"https://ada%40contoso.com:p%2Fw@h.example", "https://u:p@h.example/path/", "https://u%zz:%41%00%2@h.example",
		"https://u:x%41:y%42@h.example", "https://:@h.example", "https://u@h.example", "https://u:p%0aq@h.example", "https://u:p@h.example?q",
		"https://u:p@x@h.example", "h.example", "https://u:p@h.example:8443", "://u:p@h.example", "https://u:p%C3%A4@H.example",
		"https://u+v:p+q@h.example", "https:///u:p@h.example",
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "credentials")
		if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ours := "none"
		query := "protocol=https\nhost=h.example\n\n"
		for _, e := range parseGitStore([]byte(line + "\n")) {
			ours = "username=" + e.User + "\npassword=" + e.Secret.Reveal() + "\n"
			if e.Host != "h.example" {
				query = "protocol=" + e.Protocol + "\nhost=" + e.Host + "\n\n"
			}
		}
		cmd := exec.CommandContext(t.Context(), "git", "credential-store", "--file", file, "get")
		cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1"}
		cmd.Stdin = strings.NewReader(query)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		gits := string(out)
		if gits == "" {
			gits = "none"
		}
		if ours != gits {
			t.Errorf("%q: we read %q, Git %q", line, ours, gits)
		}
	}
}

// What curl itself sends from a netrc is what we read in it.
func TestCurlReadsTheSame(t *testing.T) {
	t.Parallel()
	sent := make(chan [2]string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		sent <- [2]string{user, password}
	}))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"machine h.example login ada password pw", "machine h.example\n\tlogin ada\n\tpassword pw\n",
		"machine h.example login ada password \"p w\\\"\\\\q\\tr\"\n", "MACHINE h.example LOGIN ada PASSWORD pw",
		"macdef init\nmachine h.example login no password no\n\nmachine h.example login ada password pw\n",
		"machine other login x password y\nmachine h.example login ada password pw\n", "default login ada password pw\n",
		"machine h.example login ada account x password pw\n", "# machine h.example login no password no\nmachine h.example login ada password pw\n",
		"machine h.example password pw login ada",
	} {
		file := filepath.Join(t.TempDir(), "netrc")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "curl", "--silent", "--show-error", "--noproxy", "*", "--netrc-file", file,
			"--resolve", "h.example:"+at.Port()+":"+at.Hostname(), "http://h.example:"+at.Port()+"/")
		cmd.Env = []string{"HOME=" + t.TempDir()}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var ours Entry
		curls := <-sent
		for _, e := range parseNetrc([]byte(text)) {
			if e.Host == "h.example" || e.Host == "" {
				ours = e
			}
		}
		if ours.User != curls[0] || !ours.Secret.Equal(cred.NewSecret(curls[1])) {
			t.Errorf("%q: we read %q, %q; curl %q, %q", text, ours.User, ours.Secret.Reveal(), curls[0], curls[1])
		}
	}
}
