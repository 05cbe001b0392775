package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// reply is what a test looks at of an HTTP reply.
type reply struct {
	status int
	header http.Header
	body   string
}

// get makes one request; extra are header names and values in turn. The
// password, if not empty, goes in with an empty user name, as REST clients do.
func get(t *testing.T, c *http.Client, method, url, password string, extra ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		r.SetBasicAuth("", password)
	}
	for i := 0; i+1 < len(extra); i += 2 {
		r.Header.Set(extra[i], extra[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(body)}
}

// suppress is the header by which clients that are no browsers ask for 401.
func suppress() []string { return []string{"X-TFS-FedAuthRedirect", "Suppress"} }

func TestAnonymous401(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	r := get(t, c, "GET", "https://dev.azure.com/contoso/_apis/connectionData", "", suppress()...)
	if r.status != http.StatusUnauthorized {
		t.Fatalf("status %d", r.status)
	}
	tenant := "11111111-2222-4333-8444-555555555555"
	challenges := r.header.Values("WWW-Authenticate")
	if len(challenges) != 3 || challenges[0] != "Bearer authorization_uri=https://login.microsoftonline.com/"+tenant ||
		!strings.HasPrefix(challenges[1], `Basic realm="https://tfsprod`) || challenges[2] != "TFS-Federated" {
		t.Errorf("challenges %q", challenges)
	}
	for name, want := range map[string]string{
		"X-VSS-ResourceTenant":        tenant,
		"X-VSS-AuthorizationEndpoint": "https://vssps.dev.azure.com/contoso/",
		"X-TFS-FedAuthRealm":          "https://dev.azure.com/",
		"X-TFS-FedAuthIssuer":         "https://dev.azure.com/contoso/",
		"X-TFS-ServiceError":          "TF400813%3A+Resource+not+available+for+anonymous+access.+Client+authentication+required.",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(r.header.Get("X-TFS-FedAuthRedirect"), "https://app.vssps.visualstudio.com/_signin?") {
		t.Errorf("X-TFS-FedAuthRedirect: %q", r.header.Get("X-TFS-FedAuthRedirect"))
	}
	checkCommonHeaders(t, r)
	if r.header.Get("X-VSS-UserData") != "" {
		t.Error("X-VSS-UserData for nobody")
	}
}

func checkCommonHeaders(t *testing.T, r reply) {
	t.Helper()
	for _, name := range []string{
		"ActivityId", "X-TFS-ProcessId", "X-TFS-Session", "X-VSS-E2EID", "X-VSS-SenderDeploymentId",
		"X-Frame-Options", "Strict-Transport-Security", "P3P", "Cache-Control",
	} {
		if r.header.Get(name) == "" {
			t.Errorf("no %s in a %d reply", name, r.status)
		}
	}
}

func TestAnonymous401OfPersonalAccounts(t *testing.T) {
	t.Parallel()
	e := startSeed(t, Seed{Organizations: []SeedOrganization{{Name: "home"}}})
	r := get(t, client(t, e), "GET", "https://dev.azure.com/home/_apis/connectionData", "", suppress()...)
	if got := r.header.Values("WWW-Authenticate"); r.status != 401 || got[0] != "Bearer" {
		t.Errorf("%d %q", r.status, got)
	}
	if got := r.header.Get("X-VSS-ResourceTenant"); got != zeroGUID {
		t.Errorf("tenant %q", got)
	}
}

// The form of a refusal depends on who seems to ask, and on nothing else.
func TestRefusalForms(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	const rest, git = "https://dev.azure.com/contoso/_apis/projects", web + "/info/refs?service=git-upload-pack"
	bad, err := NewToken(strings.NewReader(strings.Repeat("x", 99)), FormatNew, e.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, method, url, password string
		headers                     []string
		status                      int
		page                        bool
	}{
		{"a browser is sent to sign in", "GET", rest, "", []string{"Accept", "text/html"}, 302, true},
		{"asking for the tenant only", "HEAD", "https://dev.azure.com/contoso", "", nil, 302, true},
		{"asking for the tenant, and saying so", "HEAD", "https://dev.azure.com/contoso/", "", suppress(), 401, false},
		{"a client that says so gets 401", "GET", rest, "", suppress(), 401, false},
		{"git gets 401", "GET", git, "", []string{"User-Agent", "git/2.39.5"}, 401, true},
		{"a browser looking at a repository", "GET", web, "", []string{"User-Agent", "Mozilla/5.0"}, 302, true},
		{"a git path gets 401 whoever asks", "GET", git, "", nil, 401, true},
		{"a bad token without Suppress gets the page", "GET", rest, bad, nil, 203, true},
		{"a bad token with Suppress gets 401", "GET", rest, bad, suppress(), 401, false},
		{"a bearer token gets the page", "GET", rest, "", append(suppress(), "Authorization", "Bearer x.y.z"), 203, true},
		{"a bearer token gets the page for POST", "POST", rest, "", append(suppress(), "Authorization", "Bearer x.y.z"), 203, true},
		{"a bearer token gets 401 for PATCH", "PATCH", rest, "", []string{"Authorization", "Bearer x.y.z"}, 401, false},
		{"a bearer token gets 401 from Git", "GET", git, "", []string{"Authorization", "Bearer x.y.z"}, 401, true},
		{"another scheme is not signed in", "GET", rest, "", append(suppress(), "Authorization", "Negotiate abc"), 401, false},
		{"Basic that is not base64 is not signed in", "GET", rest, "", append(suppress(), "Authorization", "Basic !!"), 401, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := get(t, c, tt.method, tt.url, tt.password, tt.headers...)
			if r.status != tt.status {
				t.Fatalf("status %d, want %d", r.status, tt.status)
			}
			html := strings.HasPrefix(r.header.Get("Content-Type"), "text/html")
			if html != tt.page || html && tt.method != http.MethodHead && !strings.Contains(r.body, banner) {
				t.Errorf("%s: %.200s", r.header.Get("Content-Type"), r.body)
			}
			checkCommonHeaders(t, r)
			if got := r.header.Get("X-VSS-ResourceTenant"); got != "11111111-2222-4333-8444-555555555555" {
				t.Errorf("tenant %q", got)
			}
		})
	}
}

func TestExpiredIsToldApart(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	token := mint(t, e, "ada@contoso.com", "vso.code")
	const url = "https://dev.azure.com/contoso/_apis/connectionData"
	if r := get(t, c, "GET", url, token); r.status != 200 {
		t.Fatalf("fresh: %d", r.status)
	}
	e.Advance(7*24*time.Hour - time.Minute)
	if r := get(t, c, "GET", url, token); r.status != 200 {
		t.Fatalf("a minute before its end: %d", r.status)
	}
	e.Advance(time.Minute)
	for _, headers := range [][]string{nil, suppress()} {
		r := get(t, c, "GET", url, token, headers...)
		var body struct {
			TypeKey          string
			TypeName         string
			Message          string
			EventID          int
			CustomProperties map[string]any
		}
		if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != 401 {
			t.Fatalf("%d %v: %s", r.status, err, r.body)
		}
		const text = "Access Denied: The Personal Access Token used has expired."
		if r.header.Get("X-TFS-ServiceError") != text || body.Message != text || body.TypeKey != "AccessCheckException" || body.EventID != 3000 {
			t.Errorf("%q %+v", r.header.Get("X-TFS-ServiceError"), body)
		}
		if body.TypeName != "Microsoft.VisualStudio.Services.Security.AccessCheckException, Microsoft.VisualStudio.Services.WebApi" {
			t.Errorf("typeName %q", body.TypeName)
		}
		for _, name := range []string{"Descriptor", "IdentityDisplayName", "Token", "RequestedPermissions", "NamespaceId"} {
			if _, ok := body.CustomProperties[name]; !ok {
				t.Errorf("no customProperties.%s", name)
			}
		}
	}
	e.Advance(-24 * time.Hour)
	if r := get(t, c, "GET", url, token); r.status != 200 {
		t.Errorf("clock moved back: %d", r.status)
	}
}

// Whatever is wrong with a token but its age looks the same from outside.
func TestWorthlessCredentials(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	for name, make := range map[string]func(*testing.T) string{
		"a password": func(*testing.T) string { return "correct horse battery staple" },
		"unknown token": func(*testing.T) string {
			s, _ := NewToken(strings.NewReader(strings.Repeat("y", 99)), FormatNew, e.Now())
			return s
		},
		"revoked": func(t *testing.T) string {
			s, p, err := e.Mint(MintOptions{User: "ada@contoso.com", Organization: "contoso", Scope: "vso.code"})
			if err != nil || e.Revoke(p.ID) != nil {
				t.Fatal(err)
			}
			return s
		},
		"of another organization": func(t *testing.T) string {
			s, _, err := e.Mint(MintOptions{User: "ada@contoso.com", Organization: "personal", Scope: "vso.code"})
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret := make(t)
			r := get(t, c, "GET", "https://dev.azure.com/contoso/_apis/connectionData", secret, suppress()...)
			if r.status != 401 || !strings.Contains(r.header.Get("X-TFS-ServiceError"), "TF400813") {
				t.Errorf("REST: %d %q", r.status, r.header.Get("X-TFS-ServiceError"))
			}
			out, err := gitIn(t, e, t.TempDir(), secret, "ls-remote", web)
			if err == nil || !strings.Contains(out, "Authentication failed for 'https://dev.azure.com/contoso/shop/_git/web/'") {
				t.Errorf("git: %v\n%s", err, out)
			}
		})
	}
}

func TestOnlyMembersAreSignedIn(t *testing.T) {
	t.Parallel()
	e := start(t)
	token, _, err := e.Mint(MintOptions{User: "rita@contoso.com", Global: true, Scope: "vso.code"})
	if err != nil {
		t.Fatal(err)
	}
	for org, want := range map[string]int{"contoso": 200, "fabrikam": 401} {
		if r := get(t, client(t, e), "GET", "https://dev.azure.com/"+org+"/_apis/connectionData", token, suppress()...); r.status != want {
			t.Errorf("%s: %d, want %d", org, r.status, want)
		}
	}
}

func TestGlobalTokensEnd(t *testing.T) {
	t.Parallel()
	seed, _ := ParseSeed([]byte(testSeed))
	seed.Clock = time.Date(2026, 11, 30, 23, 59, 0, 0, time.UTC)
	e := startSeed(t, seed)
	c := client(t, e)
	token, p, err := e.Mint(MintOptions{User: "ada@contoso.com", Global: true, Scope: "app_token"})
	if err != nil || p.Organizations != nil {
		t.Fatalf("%+v %v", p, err)
	}
	for _, org := range []string{"contoso", "personal"} {
		if r := get(t, c, "GET", "https://dev.azure.com/"+org+"/_apis/connectionData", token, suppress()...); r.status != 200 {
			t.Errorf("%s before December 2026: %d", org, r.status)
		}
	}
	e.Advance(time.Minute)
	if r := get(t, c, "GET", "https://dev.azure.com/contoso/_apis/connectionData", token, suppress()...); r.status != 401 {
		t.Errorf("in December 2026: %d", r.status)
	}
}

func TestUnknownAndStoppedOrganization(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	if r := get(t, c, "GET", "https://dev.azure.com/nobody/_apis/connectionData", ""); r.status != 404 || !strings.Contains(r.body, banner) {
		t.Errorf("unknown: %d %s", r.status, r.body)
	}
	r := get(t, c, "GET", "https://dev.azure.com/asleep/_apis/connectionData", "")
	if r.status != 503 || !strings.HasPrefix(r.body, "\xef\xbb\xbf{") || !strings.Contains(r.body, "TF24668: The following team project collection is stopped: asleep.") {
		t.Errorf("stopped: %d %s", r.status, r.body)
	}
	out, err := gitIn(t, e, t.TempDir(), "", "ls-remote", "https://dev.azure.com/asleep/p/_git/r")
	if err == nil || !strings.Contains(out, "503") {
		t.Errorf("git: %v\n%s", err, out)
	}
}

// openssl is not ours: it sees the service's names where Go sees them.
func TestCurlSeesTheService(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("no curl here; Go and git cover the rest")
		return
	}
	e := start(t)
	cmd := exec.CommandContext(t.Context(), curl, "-sS", "-o", os.DevNull, "-w", "%{http_code} %{ssl_verify_result}", web+"/info/refs?service=git-upload-pack")
	cmd.Env = append(os.Environ(), e.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "401 0" {
		t.Errorf("%v: %s", err, out)
	}
}
