package keys

import (
	"os"
	"strings"
)

// KernelShared reports whether the kernel keyring of this process is that of
// other containers too: the same user id outside our own, or in another
// container, reads it unless a user namespace keeps them apart. Then it must
// not be chosen without being asked for. See user_namespaces(7), keyrings(7).
func KernelShared(getenv func(string) string) bool {
	return inContainer(getenv) && initialUserNamespace()
}

func inContainer(getenv func(string) string) bool {
	if getenv("container") != "" { // set by systemd-nspawn, podman and LXC
		return true
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Lstat(mark); err == nil {
			return true
		}
	}
	return false
}

// initialUserNamespace: only the initial one maps every user id to itself.
func initialUserNamespace() bool {
	mapping, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(mapping)), " ") == "0 0 4294967295"
}
