package azdosdk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/microsoft/azure-devops-go-api/azuredevops/v7"
	"github.com/microsoft/azure-devops-go-api/azuredevops/v7/core"
	"github.com/microsoft/azure-devops-go-api/azuredevops/v7/git"
	"github.com/microsoft/azure-devops-go-api/azuredevops/v7/location"
)

// The library finds proxy and authority in the environment, which Go reads
// once per process, and some of its caches are global. So each case runs in a
// process of its own: this binary, with the variables of a running emulator.
const (
	envCase  = "AZDOSDK_CASE"
	envToken = "AZDOSDK_TOKEN"
	envOrg   = "AZDOSDK_ORG"
)

// cases are what the child processes do.
func cases() map[string]func(*testing.T, *azuredevops.Connection) {
	return map[string]func(*testing.T, *azuredevops.Connection){
		"connectionData": connectionData,
		"repositories":   repositories,
		"projects":       projects,
		"areas":          areas,
		"refused":        refused,
	}
}

// TestCase is the child's side; the parent's is TestLibrary.
func TestCase(t *testing.T) {
	run, ok := cases()[os.Getenv(envCase)]
	if !ok {
		return
	}
	run(t, azuredevops.NewPatConnection(os.Getenv(envOrg), os.Getenv(envToken)))
}

func connectionData(t *testing.T, c *azuredevops.Connection) {
	data, err := location.NewClient(t.Context(), c).GetConnectionData(t.Context(), location.GetConnectionDataArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if data.AuthenticatedUser == nil || *data.AuthenticatedUser.ProviderDisplayName != "Ada" ||
		data.InstanceId == nil || data.AuthenticatedUser.Id == nil || *data.DeploymentType != "hosted" {
		t.Errorf("%+v", data)
	}
}

func repositories(t *testing.T, c *azuredevops.Connection) {
	client, err := git.NewClient(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	all, err := client.GetRepositories(t.Context(), git.GetRepositoriesArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if len(*all) != 4 {
		t.Errorf("%d repositories", len(*all))
	}
	project, name := "Internal Tools", "Build Scripts"
	one, err := client.GetRepository(t.Context(), git.GetRepositoryArgs{Project: &project, RepositoryId: &name})
	if err != nil {
		t.Fatal(err)
	}
	if *one.RemoteUrl != "https://contoso@dev.azure.com/contoso/Internal%20Tools/_git/Build%20Scripts" || *one.DefaultBranch != "refs/heads/main" {
		t.Errorf("%+v", one)
	}
	missing := "nothing"
	_, err = client.GetRepository(t.Context(), git.GetRepositoryArgs{Project: &project, RepositoryId: &missing})
	var refusal azuredevops.WrappedError
	if !errors.As(err, &refusal) || *refusal.StatusCode != 404 || *refusal.TypeKey != "GitRepositoryNotFoundException" {
		t.Errorf("missing repository: %v", err)
	}
}

func projects(t *testing.T, c *azuredevops.Connection) {
	client, err := core.NewClient(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	all, err := client.GetProjects(t.Context(), core.GetProjectsArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Value) != 2 || *all.Value[0].Name != "shop" || *all.Value[0].Visibility != "private" {
		t.Errorf("%+v", all.Value)
	}
}

func areas(t *testing.T, c *azuredevops.Connection) {
	all, err := location.NewClient(t.Context(), c).GetResourceAreas(t.Context(), location.GetResourceAreasArgs{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range *all {
		one, err := location.NewClient(t.Context(), c).GetResourceArea(t.Context(), location.GetResourceAreaArgs{AreaId: a.Id})
		if err != nil || *one.LocationUrl != *a.LocationUrl {
			t.Errorf("%s: %v", *a.Name, err)
		}
	}
}

func refused(t *testing.T, c *azuredevops.Connection) {
	_, err := location.NewClient(t.Context(), c).GetConnectionData(t.Context(), location.GetConnectionDataArgs{})
	var refusal azuredevops.WrappedError
	if !errors.As(err, &refusal) || refusal.StatusCode == nil || *refusal.StatusCode != 401 || refusal.Message == nil {
		t.Fatalf("connectionData: %v", err)
	}
	t.Log(*refusal.Message)
	if _, err := git.NewClient(t.Context(), c); err == nil {
		t.Error("a Git client without a good token")
	}
}

func TestLibrary(t *testing.T) {
	e := serve(t)
	good := e.mint(t, "app_token")
	for _, tt := range []struct{ name, run, org, token string }{
		{"connectionData", "connectionData", "https://dev.azure.com/contoso", e.mint(t, "vso.profile")},
		{"connectionData of the legacy host", "connectionData", "https://contoso.visualstudio.com", good},
		{"repositories", "repositories", "https://dev.azure.com/contoso", e.mint(t, "vso.code")},
		{"repositories in other letters", "repositories", "https://dev.azure.com/CONTOSO/", good},
		{"projects", "projects", "https://dev.azure.com/contoso", good},
		{"areas", "areas", "https://dev.azure.com/contoso", good},
		{"an unknown token", "refused", "https://dev.azure.com/contoso", e.run(t, "token")},
		{"an expired token", "refused", "https://dev.azure.com/contoso", e.mint(t, "app_token", "--life", "-1h")},
		{"no token", "refused", "https://dev.azure.com/contoso", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCase$", "-test.v")
			cmd.Env = append(append(os.Environ(), e.env...), envCase+"="+tt.run, envOrg+"="+tt.org, envToken+"="+tt.token)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestCase") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if log := e.run(t, "log"); !strings.Contains(log, "credential=pat") {
		t.Errorf("the emulator was not asked:\n%s", log)
	}
}

// process is a running azdo-emulator.
type process struct {
	binary string
	env    []string
}

// serve builds azdo-emulator from the module two levels up and starts it.
func serve(t *testing.T) process {
	t.Helper()
	dir := t.TempDir()
	p := process{binary: filepath.Join(dir, "azdo-emulator")}
	if runtime.GOOS == "windows" {
		p.binary += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.binary, "./cmd/azdo-emulator")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, p.binary, "serve", "--dir", filepath.Join(dir, "data"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if runtime.GOOS == "windows" {
		cmd.Cancel = cmd.Process.Kill
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	p.env = readExports(t, out)
	return p
}

// readExports reads the variables that serve prints, up to its ready line.
func readExports(t *testing.T, out io.Reader) []string {
	t.Helper()
	var env []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "# azdo-emulator: ready") {
			return env
		}
		env = append(env, strings.ReplaceAll(strings.TrimPrefix(lines.Text(), "export "), "'", ""))
	}
	t.Fatal("the emulator is not ready")
	return nil
}

// run runs a client command of azdo-emulator and returns what it printed.
func (p process) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.binary, args...)
	cmd.Env = append(os.Environ(), p.env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// mint makes a token of Ada for contoso.
func (p process) mint(t *testing.T, scope string, more ...string) string {
	t.Helper()
	return p.run(t, append([]string{"mint", "--user", "ada@contoso.com", "--org", "contoso", "--scope", scope}, more...)...)
}
