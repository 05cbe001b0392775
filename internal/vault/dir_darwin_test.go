package vault

type defaultDir struct{ home, data, want string }

func defaultDirs(home, data string) []defaultDir {
	return []defaultDir{
		{home, "", home + "/Library/Application Support/patrol"},
		{home, data, home + "/Library/Application Support/patrol"},
		{"", data, ""},
		{"relative", "", ""},
	}
}
