//go:build linux

package patrol_test

import (
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdRecoveryKey has patrol write the vault's recovery key, and makes it a secret
// like any other: it must not be seen again.
func cmdRecoveryKey(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "recoverykey NAME")
	cmd := exec.Command(find(ts, "patrol"), "key", "backup", "--insecure-stdout")
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	text, err := cmd.Output()
	ts.Check(err)
	ts.Check(of(ts).canaries.add(args[0], strings.TrimSpace(string(text))))
}
