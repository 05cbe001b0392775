//go:build unix && !darwin

package vault

type defaultDir struct{ home, data, want string }

func defaultDirs(home, data string) []defaultDir {
	return []defaultDir{
		{home, "", home + "/.local/share/patrol"},
		{home, data, data + "/patrol"},
		{"", data, data + "/patrol"},
		{home, "relative", home + "/.local/share/patrol"}, // the specification: ignore it
		{"", "", ""},
		{"", "relative", ""},
		{"relative", "", ""},
	}
}
