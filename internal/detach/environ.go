// Package detach starts patrol in the background, on behalf of a process that
// ends at once: in a session of its own, outside of any repository, with nothing
// open that somebody waits for, and with no more of the environment than it
// needs.
package detach

import (
	"runtime"
	"slices"
	"strings"
)

// Environ keeps of env what finding the home, Git, its configuration and the
// way to the servers takes. Above all it drops where Git is at work (GIT_DIR and
// the like), and where somebody could be asked.
func Environ(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		if runtime.GOOS == "windows" { // names are the same in any case there
			name = strings.ToUpper(name)
		}
		return !needed(name)
	})
}

func needed(name string) bool {
	switch name {
	case "HOME", "USER", "LOGNAME", "PATH", "TMPDIR", "LANG", "LC_ALL", "container",
		"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
		"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG",
		// git config: https://git-scm.com/docs/git-config#ENVIRONMENT
		"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS":
		return true
	case "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "SYSTEMROOT", "SYSTEMDRIVE",
		"WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME", "HTTP_PROXY":
		return runtime.GOOS == "windows"
	}
	for _, prefix := range []string{"XDG_", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
