package vault

import (
	"errors"
	"path/filepath"
	"runtime"
)

// ErrNoHome is returned where the environment does not say whose vault is meant.
var ErrNoHome = errors.New("HOME is not set to an absolute path")

// DefaultDir returns where a user's vault lives, from the environment: another
// HOME is another vault. See https://specifications.freedesktop.org/basedir-spec.
func DefaultDir(getenv func(string) string) (string, error) {
	home, data := getenv("HOME"), getenv("XDG_DATA_HOME")
	switch runtime.GOOS {
	case "windows":
		data = getenv("LOCALAPPDATA")
	case "darwin":
		data = ""
		if home != "" {
			data = filepath.Join(home, "Library", "Application Support")
		}
	default:
		if !filepath.IsAbs(data) && home != "" {
			data = filepath.Join(home, ".local", "share")
		}
	}
	if !filepath.IsAbs(data) {
		return "", ErrNoHome
	}
	return filepath.Join(data, "patrol"), nil
}
