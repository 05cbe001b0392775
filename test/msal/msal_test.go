package msal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
)

const (
	tenant       = "6f9d3a52-41c8-4b7e-9d55-0c1f2a3b4c5d" // of the built-in seed
	visualStudio = "872cd9fa-d31f-45e0-9eab-6e460a02d1f1"
	sampleApp    = "5a3e1c7b-9d20-4f68-8a4b-6c5d4e3f2a1b"
	azureDevOps  = "499b84ac-1321-427f-aa17-267ca6975798"
)

// envCase makes a child process run one case: proxy and authority are read
// from the environment once per process.
const envCase = "MSAL_CASE"

// cases are what the child processes do.
func cases() map[string]func(*testing.T, process) {
	return map[string]func(*testing.T, process){
		"visual studio":           visualStudioCase,
		"own application":         ownApplication,
		"silent after an hour":    silentAfterAnHour,
		"after a password change": afterPasswordChange,
		"wrong client":            wrongClient,
		"cancelled":               cancelled,
		"common":                  common,
	}
}

// TestCase is the child's side; the parent's is TestLibrary.
func TestCase(t *testing.T) {
	if run, ok := cases()[os.Getenv(envCase)]; ok {
		run(t, process{binary: os.Getenv(envBinary)})
	}
}

func TestLibrary(t *testing.T) {
	p := serve(t)
	for name := range cases() {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCase$", "-test.v", "-test.timeout=30s")
			cmd.Env = append(append(os.Environ(), p.env...), envCase+"="+name, envBinary+"="+p.binary)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestCase") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// client makes a client of the library for an application and an authority.
func client(t *testing.T, id, realm string) public.Client {
	t.Helper()
	c, err := public.New(id, public.WithAuthority("https://login.microsoftonline.com/"+realm))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func visualStudioCase(t *testing.T, p process) {
	c := client(t, visualStudio, tenant)
	got, err := c.AcquireTokenInteractive(t.Context(), []string{azureDevOps + "/.default"}, public.WithOpenURL(p.person(t, "adam@contoso.com")))
	if err != nil {
		t.Fatal(err)
	}
	if got.Account.PreferredUsername != "adam@contoso.com" || got.Account.Realm != tenant || got.IDToken.TenantID != tenant {
		t.Errorf("%+v", got.Account)
	}
	if claims := claimsOf(t, got.AccessToken); claims["aud"] != azureDevOps || claims["upn"] != "adam@contoso.com" || claims["scp"] != "user_impersonation" {
		t.Errorf("%v", claims)
	}
	checkUser(t, got.AccessToken, "adam@contoso.com")
}

func ownApplication(t *testing.T, p process) {
	scopes := []string{azureDevOps + "/vso.pats_manage", azureDevOps + "/vso.code_write"}
	got, err := client(t, sampleApp, tenant).AcquireTokenInteractive(t.Context(), scopes, public.WithOpenURL(p.person(t, "ben@contoso.com")))
	if err != nil {
		t.Fatal(err)
	}
	if claims := claimsOf(t, got.AccessToken); claims["appid"] != sampleApp || claims["scp"] != "vso.pats_manage vso.code_write" {
		t.Errorf("%v", claims)
	}
}

func silentAfterAnHour(t *testing.T, p process) {
	c := client(t, visualStudio, tenant)
	scopes := []string{azureDevOps + "/.default"}
	first, err := c.AcquireTokenInteractive(t.Context(), scopes, public.WithOpenURL(p.person(t, "rita@contoso.com")))
	if err != nil {
		t.Fatal(err)
	}
	// The library goes by its own clock, so the claims parameter makes it pass
	// its cache by, as after a claims challenge.
	p.run(t, "clock", "+61m")
	second, err := c.AcquireTokenSilent(t.Context(), scopes, public.WithSilentAccount(first.Account), public.WithClaims(`{"access_token":{"nbf":{"essential":true,"value":"1"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if second.AccessToken == first.AccessToken {
		t.Error("the token was not renewed")
	}
	checkUser(t, second.AccessToken, "rita@contoso.com")
}

func afterPasswordChange(t *testing.T, p process) {
	c := client(t, visualStudio, tenant)
	scopes := []string{azureDevOps + "/.default"}
	first, err := c.AcquireTokenInteractive(t.Context(), scopes, public.WithOpenURL(p.person(t, "wim@wingtip.com")), public.WithTenantID("b81c9e07-5d2f-4a3b-9c4d-7f6e5d4c3b2a"))
	if err != nil {
		t.Fatal(err)
	}
	p.run(t, "user", "revoke", "wim@wingtip.com")
	_, err = c.AcquireTokenSilent(t.Context(), scopes, public.WithSilentAccount(first.Account), public.WithTenantID("b81c9e07-5d2f-4a3b-9c4d-7f6e5d4c3b2a"), public.WithClaims(`{"access_token":{"nbf":{"essential":true,"value":"1"}}}`))
	checkError(t, err, "AADSTS50173", "invalid_grant")
}

func wrongClient(t *testing.T, p process) {
	ctx, stop := context.WithCancel(t.Context())
	var page string
	open := func(address string) error {
		b := p.browser(t)
		b.visit(address)
		page = b.page
		stop() // nobody comes back from an error page
		return nil
	}
	_, err := client(t, "11111111-1111-1111-1111-111111111111", tenant).AcquireTokenInteractive(ctx, []string{azureDevOps + "/.default"}, public.WithOpenURL(open))
	if err == nil || !strings.Contains(page, "AADSTS700016") {
		t.Errorf("%v\n%s", err, page)
	}
}

func cancelled(t *testing.T, p process) {
	open := func(address string) error {
		b := p.browser(t)
		b.visit(address)
		b.submit("Cancel")
		b.submit("Continue to [^<]*")
		return nil
	}
	_, err := client(t, visualStudio, tenant).AcquireTokenInteractive(t.Context(), []string{azureDevOps + "/.default"}, public.WithOpenURL(open))
	if err == nil || !strings.Contains(err.Error(), "AADSTS65004") {
		t.Errorf("%v", err)
	}
}

func common(t *testing.T, p process) {
	got, err := client(t, visualStudio, "organizations").AcquireTokenInteractive(t.Context(), []string{azureDevOps + "/.default"},
		public.WithOpenURL(p.person(t, "nina@northwind.com")), public.WithLoginHint("nina@northwind.com"))
	if err != nil {
		t.Fatal(err)
	}
	if got.IDToken.TenantID != "0d4f8c1e-7a35-4c62-8b9f-2e6d5a4b3c2d" {
		t.Errorf("%+v", got.IDToken)
	}
}

// checkError expects an error of the token endpoint.
func checkError(t *testing.T, err error, code, kind string) {
	t.Helper()
	var call msalerrors.CallErr
	if !errors.As(err, &call) || call.Resp == nil || call.Resp.StatusCode != http.StatusBadRequest ||
		!strings.Contains(call.Error(), code) || !strings.Contains(call.Error(), kind) {
		t.Errorf("%v", err)
	}
}

// claimsOf reads a token's claims.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// checkUser asks Azure DevOps whose the token is.
func checkUser(t *testing.T, token, want string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://dev.azure.com/contoso/_apis/connectionData", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
		t.Errorf("%v %d %s", err, res.StatusCode, body)
	}
}
