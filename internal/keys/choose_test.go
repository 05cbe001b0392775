package keys_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/keyring"
	"github.com/gitpatrol/patrol/internal/keys"
	"github.com/gitpatrol/patrol/internal/vault"
)

// surroundings is a machine as a process sees it, in a directory that stands
// for /.
type surroundings struct {
	env   map[string]string
	files map[string]string // below the root
	home  string            // the vault's, where it is not the test's own
}

func (s surroundings) machine(t *testing.T) keys.Machine {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"proc/self/uid_map":   "         0          0 4294967295\n",
		"proc/self/stat":      "100 (patrol) S 90 100 100 0",
		"proc/90/stat":        "90 (git) S 80 90 90 0",
		"proc/80/stat":        "80 (a (b) shell) S 1 80 80 0",
		"proc/1/stat":         "1 (systemd) S 0 1 1 0",
		"proc/self/cgroup":    "0::/user.slice/user-1000.slice/session-2.scope\n",
		"proc/self/mountinfo": "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n",

		"proc/sys/kernel/osrelease": "6.12.1-amd64\n",
	}
	maps.Copy(files, s.files)
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	home := t.TempDir()
	if s.home != "" {
		home = s.home
	}
	return keys.Machine{
		Root:  root,
		Place: keys.Place{Vault: vault.In(filepath.Join(home, "patrol")), Getenv: func(name string) string { return s.env[name] }},
	}
}

// TestMarks: each place that patrol may run in is known by what it looks like.
func TestMarks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		surroundings
		want []keys.Mark
	}{
		"desktop":           {surroundings{env: map[string]string{"DISPLAY": ":0"}}, []keys.Mark{keys.Desktop}},
		"Wayland":           {surroundings{env: map[string]string{"WAYLAND_DISPLAY": "wayland-0"}}, []keys.Mark{keys.Desktop}},
		"SSH":               {surroundings{env: map[string]string{"SSH_CONNECTION": "::1 2 ::1 22"}}, []keys.Mark{keys.SSH}},
		"SSH with X":        {surroundings{env: map[string]string{"SSH_TTY": "/dev/pts/0", "DISPLAY": "localhost:10.0"}}, []keys.Mark{keys.SSH}},
		"headless server":   {surroundings{}, []keys.Mark{keys.Headless}},
		"systemd service":   {surroundings{files: map[string]string{"proc/self/cgroup": "0::/system.slice/backup.service\n"}}, []keys.Mark{keys.Headless, keys.Service}},
		"service, hybrid":   {surroundings{files: map[string]string{"proc/self/cgroup": "4:memory:/x\n1:name=systemd:/system.slice/backup.service\n"}}, []keys.Mark{keys.Headless, keys.Service}},
		"desktop's service": {surroundings{env: map[string]string{"DISPLAY": ":0"}, files: map[string]string{"proc/self/cgroup": "0::/user.slice/user@1000.service/app.slice/terminal.service\n"}}, []keys.Mark{keys.Desktop}},
		"cron":              {surroundings{files: map[string]string{"proc/1/stat": "1 (systemd) S 0 1 1 0", "proc/80/stat": "80 (sh) S 70 80", "proc/70/stat": "70 (cron) S 1 70"}}, []keys.Mark{keys.Headless, keys.Cron}},
		"cronie":            {surroundings{files: map[string]string{"proc/self/cgroup": "0::/system.slice/crond.service\n"}}, []keys.Mark{keys.Headless, keys.Cron}},
		"CI":                {surroundings{env: map[string]string{"CI": "true"}}, []keys.Mark{keys.Headless, keys.CI}},
		"Azure Pipelines":   {surroundings{env: map[string]string{"TF_BUILD": "True"}}, []keys.Mark{keys.Headless, keys.CI}},
		"sudo":              {surroundings{env: map[string]string{"SUDO_UID": "1000", "DISPLAY": ":0"}}, []keys.Mark{keys.Desktop, keys.Sudo}},
		"WSL 2":             {surroundings{files: map[string]string{"proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2\n"}}, []keys.Mark{keys.Headless, keys.WSL}},
		"WSL 1":             {surroundings{files: map[string]string{"proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"}}, []keys.Mark{keys.Headless, keys.WSL}},
		"docker":            {surroundings{files: map[string]string{".dockerenv": ""}}, []keys.Mark{keys.Headless, keys.Container}},
		"podman":            {surroundings{env: map[string]string{"container": "podman"}, files: map[string]string{"proc/self/uid_map": "0 1000 1\n1 100000 65536\n"}}, []keys.Mark{keys.Headless, keys.Container, keys.Namespace}},
		"kubernetes":        {surroundings{env: map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}}, []keys.Mark{keys.Headless, keys.Container}},
		"unshare":           {surroundings{files: map[string]string{"proc/self/uid_map": "1000 1000 1\n"}}, []keys.Mark{keys.Headless, keys.Namespace}},
		"NFS": {surroundings{home: "/net/my home/ada", files: map[string]string{"proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" +
			`30 22 0:40 / /net/my\040home rw,relatime - nfs4 server:/home rw` + "\n31 22 0:41 / /net/my rw - tmpfs tmpfs rw\n"}}, []keys.Mark{keys.Headless, keys.Network}},
		"not NFS": {surroundings{home: "/net/other", files: map[string]string{"proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / /net/oth rw - nfs x rw\n"}}, []keys.Mark{keys.Headless}},
		"read-only HOME": {surroundings{home: "/live/ada", files: map[string]string{"proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / /live ro,nosuid - squashfs x ro\n"}},
			[]keys.Mark{keys.Headless, keys.ReadOnly}},
		"no proc": {surroundings{files: map[string]string{"proc/self/stat": "", "proc/self/cgroup": "", "proc/self/mountinfo": "", "proc/self/uid_map": ""}}, []keys.Mark{keys.Headless}},
		"a loop":  {surroundings{files: map[string]string{"proc/1/stat": "1 (systemd) S 80 1"}}, []keys.Mark{keys.Headless}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := test.machine(t).Marks()
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
			for _, mark := range got {
				if mark.Words() == "" {
					t.Errorf("%s says nothing", mark)
				}
			}
		})
	}
}

// TestChoose: what is chosen in each of them, and why not the others;
// never plain text (S04).
func TestChoose(t *testing.T) {
	t.Parallel()
	_, err := keyring.Load("probe")
	noKeyring := errors.Is(err, vault.ErrNoSource) // as in many containers: the kernel keyring is never chosen
	for name, test := range map[string]struct {
		surroundings
		person, passphrase bool
		want, why          string
	}{
		"a person at a terminal":     {person: true, want: "age", why: "^a passphrase can be had here"},
		"a passphrase command":       {passphrase: true, want: "age", why: "a passphrase can be had here"},
		"a server, nobody there":     {want: "kernel", why: "until the next reboot; .*age: nobody is here"},
		"CI":                         {surroundings: surroundings{env: map[string]string{"CI": "true"}}, want: "kernel", why: "until the next reboot"},
		"a container with a keyring": {surroundings: surroundings{env: map[string]string{"container": "lxc"}, files: map[string]string{"proc/self/uid_map": "0 100000 65536\n"}}, want: "kernel"},
		"a container without":        {surroundings: surroundings{env: map[string]string{"container": "docker"}}, why: "shares its kernel keyring with others"},
		"one with a person":          {surroundings: surroundings{env: map[string]string{"container": "docker"}}, person: true, want: "age"},
		"a home on NFS": {surroundings: surroundings{files: map[string]string{"proc/self/mountinfo": "22 1 0:40 / / rw - nfs4 server:/ rw\n"}},
			why: "home directory is on another machine"},
		"NFS and a person": {surroundings: surroundings{files: map[string]string{"proc/self/mountinfo": "22 1 0:40 / / rw - nfs4 server:/ rw\n"}}, person: true, want: "age"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := test.machine(t)
			m.Person, m.Passphrase = test.person, test.passphrase
			want := test.want
			if noKeyring && want == "kernel" {
				want = ""
			}
			kind, verdicts, err := keys.Choose(t.Context(), m)
			if kind.Name != want || (want == "") != errors.Is(err, keys.ErrNoneFits) {
				t.Errorf("%q, %v; want %q; %+v", kind.Name, err, want, verdicts)
			}
			said := keys.Because(verdicts)
			if want == "" {
				said = err.Error()
			}
			if !noKeyring && !match(test.why, said) {
				t.Errorf("it says %q, want %q", said, test.why)
			}
			checkVerdicts(t, kind, verdicts)
			if entries, _ := os.ReadDir(filepath.Dir(m.Place.Vault.Dir())); len(entries) > 0 {
				t.Errorf("trying left %v", entries)
			}
		})
	}
}

// checkVerdicts: one for each kind, in words, and one of them the choice.
func checkVerdicts(t *testing.T, kind keys.Kind, verdicts []keys.Verdict) {
	t.Helper()
	var names []string
	for _, k := range keys.Kinds() {
		names = append(names, k.Name)
	}
	for i, v := range verdicts {
		if i >= len(names) || v.Kind != names[i] || v.Why == "" || v.Chosen != (v.Kind == kind.Name) || v.Chosen && !v.Works || strings.Contains(v.Why, "\n") {
			t.Errorf("%+v", v)
		}
	}
	if len(verdicts) != len(names) {
		t.Errorf("%d verdicts", len(verdicts))
	}
}

// Where no vault can be written no place is chosen, and nothing was made.
func TestChooseUnwritable(t *testing.T) {
	t.Parallel()
	m := surroundings{}.machine(t)
	file := filepath.Join(filepath.Dir(m.Place.Vault.Dir()), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.Place.Vault, m.Person = vault.In(filepath.Join(file, "patrol")), true
	kind, verdicts, err := keys.Choose(t.Context(), m)
	if err == nil || errors.Is(err, keys.ErrNoneFits) || kind.Name != "" {
		t.Errorf("%q, %v", kind.Name, err)
	}
	for _, v := range verdicts {
		if v.Works || !strings.Contains(v.Why, "no vault can be written") {
			t.Errorf("%+v", v)
		}
	}
}

func match(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
