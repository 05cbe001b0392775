package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
	"github.com/gitpatrol/patrol/internal/doctor"
	"github.com/gitpatrol/patrol/internal/git"
	"github.com/gitpatrol/patrol/internal/vault"
)

// bundleHead explains a report to whoever is about to pass it on.
const bundleHead = `A report of patrol doctor, to look through and to pass on.

There is no token, password or key in it. Organisations, accounts, hosts and
ids have other names, the same ones throughout: ORG-1, ACCOUNT-1, HOST-1, ID-1.
Of settings and variables whose value could say more, only the name is here.
`

// bundle writes the report that can be shared: to standard output for "-",
// else to a new file.
func (s *session) bundle(ctx context.Context, m *doctor.Machine, r doctor.Report, to string) error {
	hide := s.pseudonyms(m)
	for _, f := range r.Findings {
		hide.Know("ORG", f.Org)
		hide.Know("HOST", f.Host)
	}
	var b strings.Builder
	b.WriteString(bundleHead)
	section := func(title string, lines ...string) {
		fmt.Fprintf(&b, "\n== %s\n", title)
		for _, line := range lines {
			b.WriteString(cred.EscapeWhole(hide.Hide(line)) + "\n")
		}
	}
	section("Programs", s.bundlePrograms(ctx, m)...)
	section("Variables that are set", s.bundleVariables()...)
	section("Git's configuration", bundleConfig(m)...)
	section("Vault", s.bundleVault(m)...)
	var found []string
	for _, f := range r.Findings {
		found = append(found, fmt.Sprintf("%s %s: %s: %s", f.Severity, f.Check, f.Where, f.What))
	}
	section("Findings", append(found, count(len(found), "finding", "findings"))...)
	var notMade []string
	for _, n := range r.NotMade {
		notMade = append(notMade, n.Check+": "+n.Reason)
	}
	section("Checks", append(notMade, "made: "+strings.Join(r.Made, " "))...)
	if to == "-" {
		_, err := s.Stdout.Write([]byte(b.String()))
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return failed("name another file, or remove it first", "%s is there already", to)
	}
	if err != nil {
		return failed("name a file in a directory of yours", "%v", err)
	}
	if _, err := f.WriteString(b.String()); err != nil {
		return errors.Join(err, f.Close(), os.Remove(to))
	}
	if err := f.Close(); err != nil {
		return err
	}
	s.print("The report is in %s; read it before you pass it on.\n", to)
	return nil
}

// pseudonyms knows every name that this machine can tell.
func (s *session) pseudonyms(m *doctor.Machine) *doctor.Pseudonyms {
	p := &doctor.Pseudonyms{}
	for i, dir := range m.Trees() {
		p.KnowAs(fmt.Sprintf("REPOSITORY-%d", i+1), dir)
		p.KnowAs(fmt.Sprintf("REPOSITORY-%d", i+1), m.Short(dir))
	}
	plain := []string{m.Home, filepath.Join(m.Home, ".config", "git"), "/etc"} // they say nothing
	others := 0
	for _, e := range m.Config.Entries() {
		if dir := filepath.Dir(e.File()); e.File() != "" && !slices.Contains(plain, dir) {
			plain, others = append(plain, dir), others+1
			p.KnowAs(fmt.Sprintf("DIRECTORY-%d", others), dir)
			p.KnowAs(fmt.Sprintf("DIRECTORY-%d", others), m.Short(dir))
		}
	}
	p.KnowAs("~", m.Home)
	p.KnowAs("BIN", filepath.Dir(m.Executable))
	for _, name := range []string{"USER", "LOGNAME", "SUDO_USER", "USERNAME"} {
		p.Know("USER", s.getenv(name))
	}
	p.Know("USER", filepath.Base(m.Home))
	p.Know("MACHINE", s.Hostname)
	for _, key := range []string{"user.name", "user.email"} {
		if e, ok := m.Config.Get(key); ok {
			p.Know("ACCOUNT", e.Value)
		}
	}
	for _, proxy := range s.proxies(m) {
		p.Know("HOST", proxy)
	}
	if m.Records == nil {
		return p
	}
	for _, rec := range m.Records.List {
		p.Know("ORG", rec.Org)
		p.Know("ACCOUNT", rec.Account)
		p.Know("NAME", rec.Name)
		p.Know("PATH", rec.Path)
		if rec.Org == "" && rec.Kind == vault.Password {
			p.Know("HOST", rec.Host)
		}
	}
	for _, org := range m.Records.AllowOrg {
		p.Know("ORG", org)
	}
	return p
}

// proxies are the hosts of the proxies that are set: errors of the network name
// them.
func (s *session) proxies(m *doctor.Machine) (hosts []string) {
	var set []string
	for _, name := range []string{"https_proxy", "http_proxy", "all_proxy"} {
		set = append(set, s.getenv(name), s.getenv(strings.ToUpper(name)))
	}
	for _, e := range m.Config.Entries() {
		if strings.HasPrefix(e.Key, "http.") && strings.HasSuffix(e.Key, ".proxy") {
			set = append(set, e.Value)
		}
	}
	for _, proxy := range set {
		hosts = append(hosts, hostOf(proxy))
	}
	return hosts
}

// hostOf is the host of a proxy's address, with or without a scheme, a user and
// a port.
func hostOf(proxy string) string {
	address := proxy
	if _, rest, found := strings.Cut(proxy, "://"); found {
		address = rest
	}
	address, _, _ = strings.Cut(address[strings.LastIndexByte(address, '@')+1:], "/")
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

func (s *session) bundlePrograms(ctx context.Context, m *doctor.Machine) []string {
	lines := []string{
		"patrol " + buildVersion(), "system " + runtime.GOOS + "/" + runtime.GOARCH, "written " + s.Now().UTC().Format(time.DateOnly),
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Git, "version", "--build-options")
	cmd.Env, cmd.Dir = git.Environ(s.Environ), filepath.Dir(m.Git)
	out, err := cmd.Output()
	if err != nil {
		return append(lines, "git does not tell its version")
	}
	return append(lines, strings.Split(strings.TrimSpace(string(out)), "\n")...)
}

// bundleVariables are the names of what bears on Git and patrol.
func (s *session) bundleVariables() []string {
	var names []string
	for _, kv := range s.Environ {
		name, _, _ := strings.Cut(kv, "=")
		upper := strings.ToUpper(name)
		for _, prefix := range []string{"GIT_", "PATROL_", "XDG_", "SSL_", "SSH_", "DBUS_", "CI", "DISPLAY", "WAYLAND_", "WSL", "BROWSER"} {
			if strings.HasPrefix(upper, prefix) || strings.HasSuffix(upper, "_PROXY") {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return []string{strings.Join(slices.Compact(names), " ")}
}

// bundleConfig shows the keys that bear on credentials; of a value no more than
// a word that cannot be secret.
func bundleConfig(m *doctor.Machine) []string {
	var lines []string
	for _, e := range m.Config.Entries() {
		section, _, _ := strings.Cut(e.Key, ".")
		if !slices.Contains([]string{"credential", "http", "patrol", "url", "include", "includeif"}, section) {
			continue
		}
		value := "(a value)"
		_, notBool := e.Bool()
		switch last := e.Key[strings.LastIndexByte(e.Key, '.')+1:]; {
		case e.HasValue && e.Value == "":
			value = "(empty)"
		case last == "helper":
			value = doctor.HelperWord(e.Value)
		case notBool == nil, section == "patrol" && (last == "keysource" || last == "credential"):
			value = e.Value
		}
		key := doctor.SafeKey(e.Key)
		if first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.'); first < last {
			of := key[first+1 : last]
			if condition, _, is := strings.Cut(of, ":"); is && section == "includeif" {
				of = condition + ":(a value)"
			}
			key = key[:first] + " " + of + " " + key[last+1:] // a URL ends where it ends
		}
		lines = append(lines, fmt.Sprintf("%s: %s = %s", e.Scope, key, value))
	}
	return lines
}

func (s *session) bundleVault(m *doctor.Machine) []string {
	st := s.vaultStatus(m.Closed)
	lines := []string{
		"state: " + st.State, "key source: " + st.KeySource, fmt.Sprintf("written %d times", st.Generation), "key in the kernel keyring: " + joinOr(strings.Fields(st.KeyStays), "no"),
	}
	if m.Records == nil {
		return lines
	}
	counts := map[string]int{}
	for i := range m.Records.List {
		rec := &m.Records.List[i]
		counts[string(rec.Kind)+", "+state(rec, s.Now())]++
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, fmt.Sprintf("%d of %s", counts[what], what))
	}
	return lines
}
