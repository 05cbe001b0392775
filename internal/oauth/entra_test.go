package oauth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	tenantA = "22222222-2222-2222-2222-222222222222"
	tenantB = "33333333-3333-3333-3333-333333333333"
)

// TestScopesO19: no more than is needed, and never user_impersonation.
func TestScopesO19(t *testing.T) {
	t.Parallel()
	const ours = "99999999-9999-9999-9999-999999999999"
	for id, scopes := range map[string]string{
		"":                               azureDevOps + "/.default offline_access openid profile",
		DefaultClientID:                  azureDevOps + "/.default offline_access openid profile",
		strings.ToUpper(DefaultClientID): azureDevOps + "/.default offline_access openid profile",
		ours:                             azureDevOps + "/vso.pats_manage " + azureDevOps + "/vso.code_write offline_access openid profile",
	} {
		p, err := Entra(strings.ToUpper(tenantA), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Scopes, " "); got != scopes || strings.Contains(got, "user_impersonation") {
			t.Errorf("%s: %s", id, got)
		}
		if p.Issuer != "https://login.microsoftonline.com/"+tenantA+"/v2.0" || p.AuthorizeURL != "https://login.microsoftonline.com/"+tenantA+"/oauth2/v2.0/authorize" ||
			p.TokenURL != "https://login.microsoftonline.com/"+tenantA+"/oauth2/v2.0/token" || p.RedirectHost != "localhost" || p.RedirectPath != "/" {
			t.Errorf("%+v", p)
		}
		if _, err := p.check(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range [][2]string{
		{"common", ""}, {"organizations", ""}, {"", ""}, {zeroGUID, ""}, {tenantA + "/../common", ""}, {"contoso.onmicrosoft.com", ""},
		{tenantA[:35], ""}, {tenantA + "\n", ""}, {tenantA, "x"}, {tenantA, ours + "&x=y"},
	} {
		want(t, second(Entra(bad[0], bad[1])), ErrProvider)
	}
}

// TestTokenHostO20: the hosts a token may go to, exactly.
func TestTokenHostO20(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"dev.azure.com", "DEV.Azure.COM", "dev.azure.com:443", "vssps.dev.azure.com", "app.vssps.visualstudio.com", "contoso.visualstudio.com",
		"vsaex.dev.azure.com", "auditservice.dev.azure.com", "advsec.dev.azure.com",
	} {
		if !TokenHost(host) {
			t.Error(host)
		}
	}
	for _, host := range []string{
		"", "dev.azure.com.evil.example", "xdev.azure.com", "evil-dev.azure.com", "dev-azure.com", "devXazure.com", "evil.dev.azure.com", "azure.com",
		"visualstudio.com", ".visualstudio.com", "evilvisualstudio.com", "a.b.visualstudio.com", "contoso.vssps.visualstudio.com", "-.visualstudio.com",
		"dev.azure.com:8443", "dev.azure.com:80", "dev.azure.com.", "dev.azure.com@evil.example", "evil.example#dev.azure.com", "dev.azure.com/", "https://dev.azure.com",
		"dev.azure.com\n", "dev.azure.com\x00", "github.com", "login.microsoftonline.com", "127.0.0.1", "[::1]", "contoso_x.visualstudio.com", "ſ.visualstudio.com",
	} {
		if TokenHost(host) {
			t.Error(host)
		}
	}
}

// anonymous401 is the service's answer to a caller without a credential.
func anonymous401(authorities, tenants []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, a := range authorities {
			h.Add("WWW-Authenticate", strings.TrimSpace("Bearer "+a))
		}
		h.Add("WWW-Authenticate", `Basic realm="https://tfsprod1.visualstudio.com/"`)
		h.Add("WWW-Authenticate", "TFS-Federated")
		for _, t := range tenants {
			h.Add("X-VSS-ResourceTenant", t)
		}
		if r.Header.Get("X-TFS-FedAuthRedirect") != "Suppress" || r.Header.Get("Authorization") != "" || r.URL.Path != "/Contoso/" || r.Host != "dev.azure.com" || r.Method != "GET" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// TestTenantsH24: an answer that contradicts itself names no tenant at all.
func TestTenantsH24(t *testing.T) {
	t.Parallel()
	uri := func(tenant string) string { return "authorization_uri=https://login.microsoftonline.com/" + tenant }
	for name, tt := range map[string]struct {
		authorities, tenants []string
		kind                 error
	}{
		"both":                    {[]string{uri(tenantA)}, []string{tenantA}, nil},
		"only the challenge":      {[]string{uri(tenantA)}, nil, nil},
		"only the header":         {[]string{""}, []string{strings.ToUpper(tenantA)}, nil},
		"quoted, twice the same":  {[]string{`authorization_uri="https://login.microsoftonline.com/` + tenantA + `/"`, uri(tenantA)}, []string{tenantA + ", " + tenantA}, nil},
		"two challenges":          {[]string{uri(tenantA), uri(tenantB)}, nil, ErrTenants},
		"challenge and header":    {[]string{uri(tenantA)}, []string{tenantB}, ErrTenants},
		"two headers":             {nil, []string{tenantA, tenantB}, ErrTenants},
		"a list":                  {nil, []string{tenantA + "," + tenantB}, ErrTenants},
		"tenant and no tenant":    {[]string{uri(tenantA)}, []string{zeroGUID}, ErrTenants},
		"other authority":         {[]string{"authorization_uri=https://login.evil.example/" + tenantA}, []string{tenantA}, ErrTenants},
		"authority by a name":     {[]string{uri("common")}, nil, ErrTenants},
		"authority over http":     {[]string{"authorization_uri=http://login.microsoftonline.com/" + tenantA}, nil, ErrTenants},
		"authority with a port":   {[]string{"authorization_uri=https://login.microsoftonline.com:444/" + tenantA}, nil, ErrTenants},
		"authority with user":     {[]string{"authorization_uri=https://login.microsoftonline.com@evil.example/" + tenantA}, nil, ErrTenants},
		"path after the tenant":   {[]string{uri(tenantA + "/../" + tenantB)}, nil, ErrTenants},
		"tenant is no GUID":       {nil, []string{"contoso"}, ErrTenants},
		"Microsoft accounts":      {[]string{""}, []string{zeroGUID}, ErrPersonal},
		"nothing":                 {[]string{""}, nil, ErrReply},
		"challenge of other kind": {[]string{"realm=x"}, nil, ErrReply},
	} {
		s := newSite(t, anonymous401(tt.authorities, tt.tenants), nil, "dev.azure.com")
		got, err := DiscoverTenant(t.Context(), s.config(), "Contoso")
		if tt.kind != nil {
			if e := want(t, err, tt.kind); got != "" || e.Status != 401 {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		} else if err != nil || got != tenantA {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestTenantOfNobody(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]error{404: ErrNoOrganization, 503: ErrTemporary, 429: ErrTemporary, 200: ErrReply, 302: ErrReply, 400: ErrReply} {
		s := newSite(t, text(status, "text/html", "page"), nil, "dev.azure.com")
		if e := want(t, second(DiscoverTenant(t.Context(), s.config(), "contoso")), kind); e.Status != status {
			t.Error(e)
		}
	}
	for _, org := range []string{"", "a/b", "..", "a b", "contoso?x", "contoso#", "ü", "-a", strings.Repeat("a", 51), "a\nb"} {
		want(t, second(DiscoverTenant(t.Context(), Config{}, org)), ErrNoOrganization)
	}
	// A public organisation answers 200, and names its tenant all the same.
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-VSS-ResourceTenant", tenantA) }, nil, "dev.azure.com")
	if got, err := DiscoverTenant(t.Context(), s.config(), "contoso"); err != nil || got != tenantA {
		t.Error(got, err)
	}
}

func TestClaimsChallenge(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	std, raw := base64.StdEncoding.EncodeToString([]byte(claims)), base64.RawURLEncoding.EncodeToString([]byte(claims))
	begin := `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims=`
	for _, values := range [][]string{
		{begin + `"` + std + `"`}, {begin + `"` + raw + `"`}, {"Basic realm=x", begin + std}, {`TFS-Federated, Basic realm="a, b=c", ` + begin + `"` + std + `", x=y`},
		{`bearer CLAIMS="` + std + `",error=insufficient_claims`},
	} {
		if got, ok := ClaimsChallenge(http.Header{"Www-Authenticate": values}); !ok || got != claims {
			t.Errorf("%q: %q", values, got)
		}
	}
	for _, values := range [][]string{
		nil, {"Bearer"}, {`Bearer error="invalid_token", claims="` + std + `"`}, {`Basic error="insufficient_claims", claims="` + std + `"`}, {begin + `"%%%"`},
		{begin + `"` + base64.StdEncoding.EncodeToString([]byte("[1]")) + `"`}, {begin + `"` + base64.StdEncoding.EncodeToString([]byte(`{"a"`)) + `"`}, {begin},
		{begin + base64.StdEncoding.EncodeToString([]byte(`{"a":"`+strings.Repeat("x", 20<<10)+`"}`))},
	} {
		if got, ok := ClaimsChallenge(http.Header{"Www-Authenticate": values}); ok {
			t.Errorf("%.100q: %q", values, got)
		}
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	for value, text := range map[string]string{
		"Bearer":                                 "Bearer[]",
		"Bearer, Basic realm=x":                  "Bearer[] Basic[realm=x]",
		`Basic realm="a\"b", Negotiate`:          `Basic[realm=a"b] Negotiate[]`,
		"Negotiate YII=":                         "Negotiate[yii=]",
		`Bearer a=https://h/p?q=1,b = "2" , c=3`: "Bearer[a=https://h/p?q=1 b=2 c=3]",
		`Bearer a=1, a=2, A=3`:                   "Bearer[a=1]",
		`Bearer a="never closed`:                 "Bearer[a=never closed]",
		` ,, =x "y" `:                            "x[] y[]",
	} {
		var parts []string
		for _, c := range challenges([]string{value}) {
			var params []string
			for k, v := range c.params {
				params = append(params, k+"="+v)
			}
			slices.Sort(params)
			parts = append(parts, c.scheme+"["+strings.Join(params, " ")+"]")
		}
		if got := strings.Join(parts, " "); got != text {
			t.Errorf("%q: %s, want %s", value, got, text)
		}
	}
}

// TestAdvice: every number of Entra that people meet has a sentence.
func TestAdvice(t *testing.T) {
	t.Parallel()
	for _, n := range []int{
		50011, 50020, 50034, 50057, 50058, 50072, 50074, 50076, 50078, 50079, 50105, 50126, 50133, 50173, 50194, 53000, 53001, 53003, 530035, 65001,
		65002, 70000, 70008, 700082, 70043, 70016, 70018, 70019, 700016, 500011, 7000215, 700025, 54005, 90094, 50147, 501481,
	} {
		s := (&Error{Kind: ErrSignIn, AADSTS: []int{1, n, 50011}}).Advice()
		if len(s) < 20 || strings.HasSuffix(s, ".") || strings.ContainsAny(s, "\n\"") || s == "sign in again" {
			t.Errorf("%d: %q", n, s)
		}
	}
	for _, kind := range []error{ErrSignIn, ErrDenied, ErrRefused, ErrTemporary, ErrNetwork, ErrIssuer, ErrAccount, ErrTimeout, ErrPersonal, ErrNoOrganization} {
		if (&Error{Kind: kind, AADSTS: []int{1}}).Advice() == "" {
			t.Errorf("no advice for %v", kind)
		}
	}
	if s := (&Error{Kind: errors.New("x")}).Advice(); s != "" {
		t.Error(s)
	}
}
