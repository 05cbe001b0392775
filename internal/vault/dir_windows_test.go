package vault

type defaultDir struct{ home, data, want string }

func defaultDirs(home, data string) []defaultDir {
	return []defaultDir{
		{home, data, data + `\patrol`},
		{"", data, data + `\patrol`},
		{home, "", ""},
		{home, "relative", ""},
	}
}
