package oauth

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// container goes by what the usual ones leave behind.
func (d Desktop) container(exists func(string) bool) bool {
	for _, name := range []string{"container", "KUBERNETES_SERVICE_HOST", "REMOTE_CONTAINERS", "CODESPACES"} {
		if _, ok := d.lookup(name); ok {
			return true
		}
	}
	return exists("/.dockerenv") || exists("/run/.containerenv")
}

// Forward returns the command line, for a terminal on the machine with the
// browser, that makes the port there lead to the same port here. For SSH it has
// the address and port of this end of the session, see SSH_CONNECTION in
// ssh(1): behind a jump host or address translation the person knows a better one.
func (d Desktop) Forward(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	p := strconv.Itoa(port)
	if f := strings.Fields(d.get("SSH_CONNECTION")); len(f) == 4 {
		server, option := "HOST", ""
		if a, err := netip.ParseAddr(f[2]); err == nil && a.Zone() == "" {
			server = a.Unmap().String()
		}
		if n, err := strconv.ParseUint(f[3], 10, 16); err == nil && n != 22 && n != 0 {
			option = " -p " + strconv.FormatUint(n, 10)
		}
		return "ssh -L " + p + ":" + host + ":" + p + option + " " + d.user() + "@" + server
	}
	if pod := d.get("HOSTNAME"); d.get("KUBERNETES_SERVICE_HOST") != "" && plainName(pod) {
		return "kubectl port-forward pod/" + pod + " " + p + ":" + p
	}
	return ""
}

func (d Desktop) user() string {
	for _, name := range []string{"USER", "LOGNAME"} {
		if u := d.get(name); plainName(u) {
			return u
		}
	}
	return "USER"
}

// plainName reports whether a person can type s after a command as it is.
func plainName(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("-._", r) })
}

func (d Desktop) get(name string) string {
	v, _ := d.lookup(name)
	return v
}

func (d Desktop) lookup(name string) (string, bool) {
	for _, kv := range d.Environ {
		k, v, ok := strings.Cut(kv, "=")
		if ok && (k == name || runtime.GOOS == "windows" && strings.EqualFold(k, name)) {
			return v, true
		}
	}
	return "", false
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
