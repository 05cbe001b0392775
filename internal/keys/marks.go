package keys

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Mark is something about the place patrol runs in that bears on where a key
// can be kept.
type Mark string

// The marks, in the order in which they are told.
const (
	Desktop   Mark = "desktop"
	Headless  Mark = "headless"
	SSH       Mark = "ssh"
	Service   Mark = "systemd service"
	Cron      Mark = "cron"
	CI        Mark = "ci"
	Sudo      Mark = "sudo"
	WSL       Mark = "wsl"
	Container Mark = "container"
	Namespace Mark = "user namespace"
	Network   Mark = "network home"
	ReadOnly  Mark = "read-only home"
)

// Words says what a mark means for keys.
func (m Mark) Words() string {
	return map[Mark]string{
		Desktop:   "a desktop: its Secret Service can be unlocked by the person at it",
		Headless:  "no desktop: nobody could unlock a Secret Service",
		SSH:       "an SSH session: nobody who is signed in this way could unlock a Secret Service",
		Service:   "a systemd service: no session bus of a person, and nobody to ask",
		Cron:      "a cron job: a bare environment, and nobody to ask",
		CI:        "a CI job: nobody to ask",
		Sudo:      "sudo: the session bus and the keyring are those of the user it changed to",
		WSL:       "Windows Subsystem for Linux: its kernel, and the kernel keyring, end when Windows stops it",
		Container: "a container",
		Namespace: "a user namespace of its own: its kernel keyring is apart from others, and ends with it",
		Network:   "a home directory on another machine: a key that only this one has makes the vault useless there",
		ReadOnly:  "a home directory that cannot be written",
	}[m]
}

// Marks recognises where patrol runs.
func (m Machine) Marks() []Mark {
	home, readOnly := m.mount()
	cgroup := m.cgroup()
	desktop := m.desktop()
	ssh := m.set("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
	cron := m.below("cron", "crond", "anacron", "fcron", "atd") || slices.Contains([]string{"cron.service", "crond.service"}, cgroup)
	found := map[Mark]bool{
		Desktop:  desktop,
		Headless: !desktop && !ssh,
		SSH:      ssh,
		Service:  !desktop && !ssh && !cron && strings.HasSuffix(cgroup, ".service"),
		Cron:     cron,
		// See https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables
		// and https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
		CI:        m.set("CI", "TF_BUILD", "JENKINS_URL"),
		Sudo:      m.set("SUDO_UID", "DOAS_USER", "PKEXEC_UID"),
		WSL:       m.set("WSL_DISTRO_NAME") || strings.Contains(strings.ToLower(m.read("proc/sys/kernel/osrelease")), "microsoft"),
		Container: m.inContainer(),
		Namespace: m.ownNamespace(),
		Network:   network(home),
		ReadOnly:  readOnly,
	}
	var marks []Mark
	for _, mark := range []Mark{Desktop, Headless, SSH, Service, Cron, CI, Sudo, WSL, Container, Namespace, Network, ReadOnly} {
		if found[mark] {
			marks = append(marks, mark)
		}
	}
	return marks
}

// desktop: somebody sits at this machine. A display that SSH forwards is
// another machine's, and its windows come from programs here, which the bus
// does not start there.
func (m Machine) desktop() bool {
	if m.set("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY") {
		return false
	}
	return runtime.GOOS == "windows" || runtime.GOOS == "darwin" || m.set("DISPLAY", "WAYLAND_DISPLAY")
}

// KernelShared reports whether the kernel keyring of this process is that of
// other containers too: the same user id outside our own, or in another
// container, reads it unless a user namespace keeps them apart. Then it must
// not be chosen without being asked for. See user_namespaces(7), keyrings(7).
func (m Machine) KernelShared() bool {
	return m.inContainer() && m.read("proc/self/uid_map") != "" && !m.ownNamespace()
}

// inContainer knows the marks that systemd-nspawn, podman and LXC (the
// variable), Docker, podman and Kubernetes (the files) leave.
func (m Machine) inContainer() bool {
	return m.set("container", "KUBERNETES_SERVICE_HOST") || m.there(".dockerenv") || m.there("run/.containerenv") ||
		m.there("run/secrets/kubernetes.io") || m.there("var/run/secrets/kubernetes.io")
}

// ownNamespace: only the initial user namespace maps every user id to itself.
func (m Machine) ownNamespace() bool {
	mapping := strings.Join(strings.Fields(m.read("proc/self/uid_map")), " ")
	return mapping != "" && mapping != "0 0 4294967295"
}

// cgroup is the last part of the control group's path, which for a service of
// systemd is the unit. See cgroups(7).
func (m Machine) cgroup() string {
	for line := range strings.Lines(m.read("proc/self/cgroup")) { // hierarchy:controllers:path
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && parts[2] != "/" && (parts[0] == "0" || parts[1] == "name=systemd") {
			return path.Base(parts[2])
		}
	}
	return ""
}

// below reports whether a process above this one is called one of names.
func (m Machine) below(names ...string) bool {
	for pid, depth := "self", 0; pid != "0" && depth < 64; depth++ {
		// pid (comm) state ppid: the name may hold anything. See proc_pid_stat(5).
		stat := m.read("proc/" + pid + "/stat")
		open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
		if open < 0 || end < open {
			return false
		}
		if depth > 0 && slices.Contains(names, strings.ToLower(stat[open+1:end])) {
			return true
		}
		fields := strings.Fields(stat[end+1:])
		if len(fields) < 2 {
			return false
		}
		pid = fields[1]
	}
	return false
}

// mount is the type of the file system that the vault lies on, and whether it
// is mounted read-only. See proc_pid_mountinfo(5).
func (m Machine) mount() (kind string, readOnly bool) {
	dir, longest := existing(m.Place.Vault.Dir()), -1
	lines := bufio.NewScanner(bytes.NewReader([]byte(m.read("proc/self/mountinfo"))))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 6 || len(right) < 1 {
			continue
		}
		at := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(left[4])
		if inside := at == "/" || dir == at || strings.HasPrefix(dir, at+"/"); inside && len(at) >= longest {
			kind, readOnly, longest = right[0], slices.Contains(strings.Split(left[5], ","), "ro"), len(at)
		}
	}
	return kind, readOnly
}

// existing is dir with the symbolic links of that part of it which is there
// resolved.
func existing(dir string) string {
	for at, rest := dir, ""; ; at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// network reports whether a file system is another machine's.
func network(kind string) bool {
	return slices.Contains([]string{
		"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "9p", "beegfs", "ocfs2", "gfs2",
		"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone",
	}, kind)
}

func (m Machine) set(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return m.Place.Getenv(name) != "" })
}

func (m Machine) read(name string) string {
	data, err := os.ReadFile(filepath.Join(m.Root, name))
	if err != nil {
		return ""
	}
	return string(data)
}

func (m Machine) there(name string) bool {
	_, err := os.Lstat(filepath.Join(m.Root, name))
	return err == nil
}
