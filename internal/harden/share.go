package harden

import (
	"errors"
	"runtime"
	"strings"
)

// ErrShare is returned for a file on another computer.
var ErrShare = errors.New("a file on a network share is not opened")

// OnShare returns ErrShare for a path by which Windows would turn to another
// computer, and give it the means to guess the user's password (NTLM): \\host\share,
// in all its spellings. See
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file#namespaces.
func OnShare(path string) error { return onShare(runtime.GOOS, path) }

func onShare(goos, path string) error {
	path = strings.ReplaceAll(path, "/", `\`)
	if local, ok := strings.CutPrefix(path, `\\?\`); ok && len(local) > 2 && local[1:3] == `:\` {
		return nil // a drive, without the limit on its length
	}
	if goos == "windows" && (strings.HasPrefix(path, `\\`) || strings.HasPrefix(path, `\??\`)) {
		return ErrShare
	}
	return nil
}
