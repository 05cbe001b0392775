//go:build !linux

package keys_test

import "testing"

func serviceWays(*testing.T) []way { return []way{{}} }
