package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// decode reads a JSON reply.
func decode[T any](t *testing.T, r reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%d %v: %.300s", r.status, err, r.body)
	}
	return v
}

// The recorded reply of the service has exactly these fields:
// ConnectionData in https://github.com/Azure/azure-devops-cli-extension, less
// customDisplayName, which only some people have.
func TestConnectionData(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.packaging") // any scope will do
	for _, u := range []string{
		connection,
		connection + "?connectOptions=None&lastChangeId=-1&lastChangeId64=-1",
		"https://contoso.visualstudio.com/_apis/connectionData",
		"https://contoso.visualstudio.com/DefaultCollection/_apis/ConnectionData",
		"https://vssps.dev.azure.com/contoso/_apis/connectiondata",
	} {
		r := get(t, client(t, e), "GET", u, token)
		got := decode[map[string]any](t, r)
		user, _ := got["authenticatedUser"].(map[string]any)
		if r.status != 200 || user["descriptor"] != `Microsoft.IdentityModel.Claims.ClaimsIdentity;11111111-2222-4333-8444-555555555555\ada@contoso.com` {
			t.Fatalf("%s: %d %v", u, r.status, user)
		}
		for _, name := range []string{"authorizedUser", "instanceId", "deploymentId", "deploymentType", "locationServiceData"} {
			if got[name] == nil {
				t.Errorf("no %s", name)
			}
		}
		id, _ := user["id"].(string)
		if id[14] != '6' || r.header.Get("X-VSS-UserData") != id+":ada@contoso.com" {
			t.Errorf("id %s, X-VSS-UserData %q", id, r.header.Get("X-VSS-UserData"))
		}
		if got := r.header.Get("Content-Type"); got != "application/json; charset=utf-8; api-version=7.2-preview.1" {
			t.Errorf("Content-Type %q", got)
		}
		checkCommonHeaders(t, r)
	}
}

func TestAPIVersions(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	token := mint(t, e, "ada@contoso.com", "app_token")
	const projects = "https://dev.azure.com/contoso/_apis/projects"
	for _, tt := range []struct {
		url, accept string
		status      int
		want        string // in Content-Type if 200, else typeKey
	}{
		{projects, "", 200, "api-version=7.1"},
		{projects + "?api-version=7.1", "", 200, "api-version=7.1"},
		{projects + "?api-version=5.0", "", 200, "api-version=5.0"},
		{projects + "?api-version=7.2-preview.4", "", 200, "api-version=7.2-preview.4"},
		{projects + "?api-version=7.2-preview", "", 200, "api-version=7.2-preview.4"},
		{projects, "application/json;api-version=7.1-preview.4", 200, "api-version=7.1-preview.4"},
		{projects, "application/json; api-version=7.0, text/plain", 200, "api-version=7.0"},
		{projects + "?api-version=7.2", "", 400, "VssInvalidPreviewVersionException"},
		{projects + "?api-version=9.9", "", 400, "VssVersionOutOfRangeException"},
		{projects + "?api-version=7.1-preview.5", "", 400, "VssVersionOutOfRangeException"},
		{projects + "?api-version=latest", "", 400, "VssInvalidApiVersionException"},
		{connection + "?api-version=7.1", "", 400, "VssInvalidPreviewVersionException"},
		{connection + "?api-version=7.1-preview.1", "", 200, "api-version=7.1-preview.1"},
		{connection, "application/json;api-version=7.1-preview", 200, "api-version=7.1-preview.1"},
		{connection, "application/json;api-version=7.1", 400, "VssInvalidPreviewVersionException"},
	} {
		r := get(t, c, "GET", tt.url, token, "Accept", tt.accept)
		where := r.header.Get("Content-Type")
		if tt.status != 200 {
			where, _ = decode[map[string]any](t, r)["typeKey"].(string)
		}
		if r.status != tt.status || !strings.HasSuffix(where, tt.want) {
			t.Errorf("%s %q: %d %q, want %d %q", tt.url, tt.accept, r.status, where, tt.status, tt.want)
		}
	}
	r := get(t, c, "GET", connection+"?api-version=7.1", token)
	const text = `The requested version "7.1" of the resource is under preview. The -preview flag must be supplied in the api-version for such requests. For example: "7.1-preview"`
	if body := decode[map[string]any](t, r); body["message"] != text || body["$id"] != "1" || body["innerException"] != nil ||
		body["typeName"] != "Microsoft.VisualStudio.Services.WebApi.VssInvalidPreviewVersionException, Microsoft.VisualStudio.Services.WebApi" {
		t.Errorf("%v", body)
	}
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	ada, rita := mint(t, e, "ada@contoso.com", "vso.code"), mint(t, e, "rita@contoso.com", "vso.code")
	names := func(token, url string) string {
		got := decode[list[gitRepository]](t, get(t, c, "GET", url, token))
		if got.Count != len(got.Value) {
			t.Errorf("count %d of %d", got.Count, len(got.Value))
		}
		s := ""
		for _, r := range got.Value {
			s += r.Name + " "
		}
		return strings.TrimSpace(s)
	}
	const base = "https://dev.azure.com/contoso/"
	for _, tt := range []struct{ token, path, want string }{
		{ada, "_apis/git/repositories", "web shop guarded off empty My Repo"},
		{ada, "shop/_apis/git/repositories", "web shop guarded off empty"},
		{ada, "Two%20Words/_apis/git/repositories?api-version=7.1", "My Repo"},
		{rita, "_apis/git/repositories", "web shop hidden guarded off empty"},
	} {
		if got := names(tt.token, base+tt.path); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
		}
	}
	r := decode[gitRepository](t, get(t, c, "GET", base+"Two%20Words/_apis/git/repositories/My%20Repo", ada))
	if r.RemoteURL != "https://contoso@dev.azure.com/contoso/Two%20Words/_git/My%20Repo" || r.DefaultBranch != "refs/heads/main" ||
		r.SSHURL != "git@ssh.dev.azure.com:v3/contoso/Two%20Words/My%20Repo" || r.Project.Name != "Two Words" || r.Project.Visibility != "private" {
		t.Errorf("%+v", r)
	}
	if byID := decode[gitRepository](t, get(t, c, "GET", base+"_apis/git/repositories/"+r.ID, ada)); byID != r {
		t.Errorf("by id: %+v", byID)
	}
	if empty := decode[gitRepository](t, get(t, c, "GET", base+"shop/_apis/git/repositories/empty", ada)); empty.DefaultBranch != "" {
		t.Errorf("an empty repository has the branch %q", empty.DefaultBranch)
	}
	for path, want := range map[string]string{
		"shop/_apis/git/repositories/nothing":                                "GitRepositoryNotFoundException",
		"shop/_apis/git/repositories/hidden":                                 "GitRepositoryNotFoundException",
		"nowhere/_apis/git/repositories":                                     "ProjectDoesNotExistWithNameException",
		"_apis/projects/00000000-0000-4000-8000-000000000000":                "ProjectDoesNotExistException",
		"00000000-0000-4000-8000-000000000000/_apis/git/repositories/nought": "ProjectDoesNotExistException",
	} {
		token := mint(t, e, "ada@contoso.com", "app_token")
		reply := get(t, c, "GET", base+path, token)
		if got := decode[map[string]any](t, reply); reply.status != 404 || got["typeKey"] != want {
			t.Errorf("%s: %d %v", path, reply.status, got["typeKey"])
		}
	}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	token := mint(t, e, "rita@contoso.com", "vso.project")
	got := decode[list[projectReference]](t, get(t, c, "GET", "https://dev.azure.com/contoso/_apis/projects?api-version=7.1", token))
	if got.Count != 1 || got.Value[0].Name != "shop" || got.Value[0].State != "wellFormed" {
		t.Errorf("%+v", got)
	}
	if p := decode[projectReference](t, get(t, c, "GET", "https://dev.azure.com/contoso/_apis/projects/SHOP", token)); p != got.Value[0] {
		t.Errorf("%+v", p)
	}
}

func TestRESTNeedsScope(t *testing.T) {
	t.Parallel()
	e := start(t)
	token := mint(t, e, "ada@contoso.com", "vso.build")
	for _, path := range []string{"_apis/projects", "_apis/git/repositories"} {
		r := get(t, client(t, e), "GET", "https://dev.azure.com/contoso/"+path, token)
		if r.status != 401 || r.body != "" || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Basic ") || r.header.Get("X-VSS-UserData") != "" {
			t.Errorf("%s: %d %q %v", path, r.status, r.body, r.header)
		}
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	token := mint(t, e, "ada@contoso.com", "vso.code")
	r := get(t, c, "OPTIONS", "https://dev.azure.com/contoso/_apis", token)
	found := map[string]resource{}
	for _, res := range decode[list[resource]](t, r).Value {
		found[res.ID] = res
	}
	if git := found["225f7195-f9c7-4d14-ab28-a83f7ff77e1f"]; git.RouteTemplate != "{project}/_apis/{area}/{resource}/{repositoryId}" || git.ReleasedVersion != "7.1" {
		t.Errorf("git/repositories: %+v", git)
	}
	if r := get(t, c, "OPTIONS", "https://vssps.dev.azure.com/contoso/_apis", token); strings.Contains(r.body, `"area":"git"`) {
		t.Error("the identity host lists Git")
	}
	if r := get(t, c, "OPTIONS", "https://dev.azure.com/contoso/_apis", "", suppress()...); r.status != 401 {
		t.Errorf("anonymous: %d", r.status)
	}
	areas := decode[list[area]](t, get(t, c, "GET", "https://dev.azure.com/contoso/_apis/ResourceAreas?api-version=5.0-preview.1", token))
	for _, a := range areas.Value {
		host := strings.TrimSuffix(strings.TrimPrefix(a.LocationURL, "https://"), "/contoso/")
		if planeOf(host) == planeNone {
			t.Errorf("area %s is at %s, which is not emulated", a.Name, a.LocationURL)
		}
	}
	one := decode[area](t, get(t, c, "GET", "https://dev.azure.com/contoso/_apis/ResourceAreas/55967393-20EF-45c6-a96c-b5d5d5986a9a", token))
	if one.LocationURL != "https://vssps.dev.azure.com/contoso/" {
		t.Errorf("%+v", one)
	}
	if r := get(t, c, "GET", "https://dev.azure.com/contoso/_apis/ResourceAreas/"+zeroGUID, token); r.body != "null" {
		t.Errorf("unknown area: %s", r.body)
	}
}

func TestRESTEdges(t *testing.T) {
	t.Parallel()
	e := start(t)
	c := client(t, e)
	token := mint(t, e, "ada@contoso.com", "app_token")
	for _, tt := range []struct {
		method, url string
		status      int
	}{
		{"GET", "https://dev.azure.com/contoso/_apis/nothing", 404},
		{"DELETE", connection + "?api-version=7.1-preview.1", 405},
		{"GET", "https://dev.azure.com//contoso/_apis/projects", 200},
		{"GET", "https://dev.azure.com/contoso//_apis/projects", 400},
		{"GET", "https://dev.azure.com/", 404},
		{"GET", "https://dev.azure.com", 404},
		{"GET", "https://contoso.visualstudio.com/", 404},
		{"GET", "https://contoso.visualstudio.com/DefaultCollection", 404},
		{"GET", "https://login.microsoftonline.com/common/oauth2/v2.0/token", 400},
		{"GET", "https://app.vssps.visualstudio.com/_signin?realm=dev.azure.com", 200},
		{"GET", "https://vsaex.dev.azure.com/contoso/_apis/userentitlements", 404},
	} {
		if r := get(t, c, tt.method, tt.url, token); r.status != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.url, r.status, tt.status)
		}
	}
}

func TestVersionNeededForWriting(t *testing.T) {
	t.Parallel()
	res := resource{MinVersion: "1.0", MaxVersion: "7.2", ReleasedVersion: "7.1", ResourceVersion: 1}
	w := &discarded{header: http.Header{}}
	for method, want := range map[string]bool{"GET": true, "OPTIONS": true, "POST": false, "PATCH": false} {
		r, _ := http.NewRequestWithContext(t.Context(), method, "https://dev.azure.com/", nil)
		if _, ok := checkVersion(w, r, res); ok != want {
			t.Errorf("%s without a version: %v", method, ok)
		}
	}
}
