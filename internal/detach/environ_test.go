package detach

import (
	"slices"
	"testing"
)

func TestEnviron(t *testing.T) {
	t.Parallel()
	kept := []string{
		"HOME=/home/ada", "PATH=/usr/bin", "XDG_DATA_HOME=/data", "https_proxy=http://proxy", "NO_PROXY=localhost",
		"GIT_SSL_CAINFO=/etc/ca.pem", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.proxy", "GIT_CONFIG_VALUE_0=x",
	}
	dropped := []string{
		"GIT_DIR=/repo/.git", "GIT_WORK_TREE=/repo", "GIT_INDEX_FILE=/repo/.git/index", "GIT_TRACE=1", "GIT_TRACE_CURL=/tmp/x",
		"GIT_ASKPASS=/bin/ask", "SSH_ASKPASS=/bin/ask", "DISPLAY=:0", "WAYLAND_DISPLAY=wayland-0", "SSH_AUTH_SOCK=/run/agent",
		"SYSTEM_ACCESSTOKEN=secret", "AZURE_DEVOPS_EXT_PAT=secret", "PATROL_PASSPHRASE_FD=3", "LD_PRELOAD=/tmp/x.so", "GIT_CONFIG=/repo/x",
		"GIT_EXEC_PATH=/repo/bin", "BASH_ENV=/repo/rc", "PWD=/repo", "OLDPWD=/repo", "GIT_PREFIX=sub/", "broken",
	}
	if got := Environ(append(slices.Clone(dropped), kept...)); !slices.Equal(got, kept) {
		t.Errorf("kept are %q", got)
	}
}
