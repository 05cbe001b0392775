package doctor

import "os"

// own cannot fail on Windows, where files have no single user id.
func own(path string) error {
	_, err := os.Stat(path)
	return err
}

// owner is nobody's business on Windows: access goes by lists.
func owner(string) (int, error) { return os.Geteuid(), nil }

// writable cannot tell from modes on Windows, where access goes by lists.
func writable(string) (why string, group bool) { return "", false }

// private says that modes do not keep others out here.
func private() bool { return false }
