package oauth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// desktop is a Desktop whose programs are those named, in /bin.
func desktop(env []string, programs ...string) Desktop {
	return Desktop{
		Environ: env,
		Scrub: func(env []string) []string {
			return slices.DeleteFunc(env, func(kv string) bool { return strings.Contains(kv, "TOKEN") })
		},
		Find: func(name string, _ []string) (string, error) {
			if filepath.IsAbs(name) {
				return name, nil
			}
			if slices.Contains(programs, name) {
				return "/bin/" + name, nil
			}
			return "", fmt.Errorf("%s: not found", name)
		},
	}
}

// TestSystemBrowserO12: it is the system's own opener, or what the person chose,
// or none with the reason; it is never a view of our own.
func TestSystemBrowserO12(t *testing.T) {
	t.Parallel()
	const ssh = "SSH_CONNECTION=198.51.100.9 50000 192.0.2.7 22"
	for name, tt := range map[string]struct {
		goos string
		env  []string
		file string // that exists
		want string // the command, or what the error says
	}{
		"desktop":                  {"linux", []string{"DISPLAY=:0"}, "", "/bin/xdg-open"},
		"wayland":                  {"freebsd", []string{"WAYLAND_DISPLAY=wayland-0"}, "", "/bin/xdg-open"},
		"mac":                      {"darwin", nil, "", "/usr/bin/open"},
		"windows":                  {"windows", []string{`SystemRoot=C:\Windows`}, "", `C:\Windows\System32\rundll32.exe C:\Windows\System32\url.dll,FileProtocolHandler`},
		"windows, odd root":        {"windows", []string{`SystemRoot=\\evil\share`}, "", "Windows does not say where it is"},
		"windows ignores BROWSER":  {"windows", []string{`SystemRoot=C:\Windows`, "BROWSER=evil"}, "", `C:\Windows\System32\rundll32.exe C:\Windows\System32\url.dll,FileProtocolHandler`},
		"no display":               {"linux", nil, "", "there is no display"},
		"empty display":            {"linux", []string{"DISPLAY="}, "", "there is no display"},
		"ssh":                      {"linux", []string{"DISPLAY=:0", ssh}, "", "this is an SSH session"},
		"ssh to a mac":             {"darwin", []string{ssh}, "", "this is an SSH session"},
		"container":                {"linux", nil, "/.dockerenv", "this is a container"},
		"podman":                   {"linux", []string{"container=podman"}, "", "this is a container"},
		"kubernetes":               {"linux", []string{"KUBERNETES_SERVICE_HOST=10.0.0.1"}, "", "this is a container"},
		"container with a display": {"linux", []string{"DISPLAY=:0"}, "/run/.containerenv", "/bin/xdg-open"},
		"WSL":                      {"linux", []string{"WSL_DISTRO_NAME=Debian"}, "", "/bin/rundll32.exe url.dll,FileProtocolHandler"},
		"editor over ssh":          {"linux", []string{ssh, "BROWSER=/home/ada/.editor/helpers/browser.sh"}, "", "/home/ada/.editor/helpers/browser.sh"},
		"list":                     {"linux", []string{"BROWSER=none::firefox:xdg-open"}, "", "/bin/firefox"},
		"command line":             {"linux", []string{"DISPLAY=:0", "BROWSER=sh -c 'evil %s'"}, "", "/bin/xdg-open"},
		"command line, no display": {"linux", []string{"BROWSER=lynx %s:$(evil):`evil`:a;evil:a&evil"}, "", "there is no display"},
	} {
		if runtime.GOOS == "windows" && tt.goos != "windows" {
			continue // its paths would not be absolute
		}
		argv, err := desktop(tt.env, "xdg-open", "rundll32.exe", "firefox", "evil").command(tt.goos, func(path string) bool { return path == tt.file })
		got := strings.Join(argv, " ")
		if err != nil {
			got = strings.TrimPrefix(err.Error(), ErrNoBrowser.Error()+": ")
			want(t, err, ErrNoBrowser)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	_, err := desktop([]string{"DISPLAY=:0"}).command("linux", func(string) bool { return false })
	if want(t, err, ErrNoBrowser); !strings.Contains(err.Error(), "xdg-open: not found") {
		t.Error(err)
	}
	_, err = Desktop{}.command("linux", exists)
	want(t, err, ErrNoBrowser)
}

// TestOpenerInjectionO14: only https, and no character that any shell, opener or
// option parser could take for something else (CVE-2025-6514).
func TestOpenerInjectionO14(t *testing.T) {
	t.Parallel()
	started := false
	d := desktop([]string{"DISPLAY=:0", `SystemRoot=C:\Windows`}, "xdg-open")
	find := d.Find
	d.Find = func(name string, env []string) (string, error) { started = true; return find(name, env) }
	for _, at := range []string{
		"http://id.example/", "file:///etc/passwd", "smb://evil.example/x", "javascript:alert(1)", "a:$(calc.exe)", "ms-settings:", "//evil.example", "",
		"--help", "-e", "https://", "https://u@id.example/", "https://id.example/$(id)", "https://id.example/`id`", "https://id.example/;id", "https://id.example/|id",
		"https://id.example/'", `https://id.example/"`, "https://id.example/ x", "https://id.example/\n", "https://id.example/#x", "https://id.example/\\x", "https://id.example/é",
		"HTTPS ://id.example/", " https://id.example/", "https://id.example/*", "https://id.example/!", "https://id.example/^x", "https://id.example/<x>", "https://[::1]/",
	} {
		if err := d.Open(t.Context(), at); !errors.Is(err, ErrNoBrowser) {
			t.Errorf("%q: %v", at, err)
		}
	}
	if started {
		t.Error("something was looked up")
	}
	// What we make ourselves passes.
	p, err := Entra(tenantA, "")
	if err != nil {
		t.Fatal(err)
	}
	tr := &transaction{redirect: newIDP(t).begin(t.Context(), newIDP(t).client(nil), SignIn{}).redirect, state: "s", nonce: "n", verifier: secret("v")}
	at, err := tr.authorizeURL(p, SignIn{Account: "o'brien+x@contoso.example; $(id)", Prompt: "select_account", Claims: `{"a":{"b":["*'!"]}}`})
	if err != nil || openable(at) != nil {
		t.Error(at, err, openable(at))
	}
}

// TestOpenX05 runs a program in place of xdg-open and looks at what it got: one
// argument, no streams of ours, no secrets, no directory of ours, and its own session.
func TestOpenX05(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the opener is a shell script, read through /proc")
		return
	}
	dir := t.TempDir()
	script := "#!/bin/sh\n" + `{ echo "$#"; echo "$1"; pwd; readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; cut -d" " -f6 /proc/$$/stat; echo $$; echo "$PATH"; ls /proc/$$/fd | wc -l; } >` + dir + "/out.tmp 3>&-\nenv >" + dir + "/env\nmv " + dir + "/out.tmp " + dir + "/out\n"
	for name, s := range map[string]string{"xdg-open": script, "broken": "#!/bin/sh\nexit 3\n", "slow": "#!/bin/sh\nexec sleep 3\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"DISPLAY=:0", "PATH=.:/usr/bin::bin:/bin", "GITHUB_TOKEN=" + canary, "GIT_DIR=/x", "PATROL_X=1", "BROWSER=a b", "HOME=" + dir}
	d := desktop(env)
	d.Find = func(name string, _ []string) (string, error) { return filepath.Join(dir, name), nil }
	const at = "https://id.example/authorize?a=b&c=d%20e"
	if err := d.Open(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 9 || lines[0] != "1" || lines[1] != at || lines[2] != "/" || lines[3] != "/dev/null" || lines[5] != "/dev/null" || lines[6] != lines[7] || lines[8] != "/usr/bin:/bin" {
		t.Errorf("%q", lines)
	}
	childEnv, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	clean(t, "the browser's environment", string(childEnv))
	for _, name := range []string{"GIT_DIR", "PATROL_X", "BROWSER"} {
		if strings.Contains(string(childEnv), name+"=") {
			t.Errorf("%s is handed on", name)
		}
	}
	d.Environ = []string{"BROWSER=" + filepath.Join(dir, "broken")}
	d.Find = func(name string, _ []string) (string, error) { return name, nil }
	if err := d.Open(t.Context(), at); !errors.Is(err, ErrNoBrowser) || !strings.Contains(err.Error(), "exit status 3") {
		t.Error(err)
	}
	d.Environ = []string{"BROWSER=" + filepath.Join(dir, "missing")}
	want(t, d.Open(t.Context(), at), ErrNoBrowser)
	// One that stays does not keep us, and does not end with us.
	d.Environ = []string{"BROWSER=" + filepath.Join(dir, "slow")}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	started := time.Now()
	if err := d.Open(ctx, at); err != nil || time.Since(started) > settleTime {
		t.Error(err, time.Since(started))
	}
}

// TestForward: the line that a person types where the browser is.
func TestForward(t *testing.T) {
	t.Parallel()
	for line, env := range map[string][]string{
		"ssh -L 40123:localhost:40123 ada@192.0.2.7":         {"SSH_CONNECTION=198.51.100.9 50000 192.0.2.7 22", "USER=ada"},
		"ssh -L 40123:localhost:40123 -p 2222 ada@192.0.2.7": {"SSH_CONNECTION=198.51.100.9 50000 192.0.2.7 2222", "LOGNAME=ada"},
		"ssh -L 40123:localhost:40123 ada@2001:db8::7":       {"SSH_CONNECTION=2001:db8::9 50000 2001:db8::7 22", "USER=ada"},
		"ssh -L 40123:localhost:40123 ada@192.0.2.8":         {"SSH_CONNECTION=::ffff:198.51.100.9 50000 ::ffff:192.0.2.8 22", "USER=ada"},
		"ssh -L 40123:localhost:40123 USER@HOST":             {"SSH_CONNECTION=a 1 fe80::1%eth0 22", "USER=a;b"},
		"ssh -L 40123:localhost:40123 -p 1 USER@HOST":        {"SSH_CONNECTION=a 1 $(id) 1", "USER=-oProxyCommand=x"},
		"": {"USER=ada"},
		"kubectl port-forward pod/dev-0 40123:40123": {"KUBERNETES_SERVICE_HOST=10.0.0.1", "HOSTNAME=dev-0"},
	} {
		if got := (Desktop{Environ: env}).Forward("localhost", 40123); got != line {
			t.Errorf("%q: %q, want %q", env, got, line)
		}
	}
	if got := (Desktop{Environ: []string{"SSH_CONNECTION=a 1 192.0.2.7 22", "USER=ada"}}).Forward("::1", 7); got != "ssh -L 7:[::1]:7 ada@192.0.2.7" {
		t.Error(got)
	}
	if got := (Desktop{Environ: []string{"SSH_CONNECTION=", "USER=ada"}}).Forward("::1", 7); got != "" {
		t.Error(got)
	}
}

// TestInvitationOverSSH: the whole way, from a session without a browser.
func TestInvitationOverSSH(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	invited := make(chan Invitation, 1)
	done := make(chan result, 1)
	go func() {
		d := desktop([]string{"SSH_CONNECTION=198.51.100.9 50000 192.0.2.7 22", "USER=ada"})
		tokens, err := p.client(func(p *Provider) { p.RedirectHost = localhost }).SignIn(t.Context(), SignIn{Browser: d, Show: func(i Invitation) { invited <- i }})
		done <- result{tokens, err}
	}()
	i := <-invited
	if i.Opened || !errors.Is(i.Reason, ErrNoBrowser) || !strings.Contains(i.Reason.Error(), "SSH") || i.Forward != fmt.Sprintf("ssh -L %d:localhost:%d ada@192.0.2.7", i.Port, i.Port) || i.Host != "localhost" {
		t.Errorf("%+v", i)
	}
	v := read(p.server.Client().Get(i.URL))
	if r := <-done; r.err != nil || v.status != 200 {
		t.Errorf("%v, %+v", r.err, v)
	}
}
