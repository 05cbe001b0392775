package foreign

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// docker is the client's JSON file. Where a credential store is configured, the
// entries in it are empty.
// See https://docs.docker.com/reference/cli/docker/login/#credential-stores and
// https://github.com/docker/cli/blob/master/cli/config/types/authconfig.go.
func docker() Format {
	return Format{
		Name: "docker", Title: "Docker's configuration", Needs: "docker", Limit: small,
		Doc: "https://docs.docker.com/reference/cli/docker/login/",
		Files: func(p Places) []Place {
			paths := []string{p.env("DOCKER_CONFIG", ".docker")}
			if paths[0] == "" {
				return nil
			}
			paths[0] += "/config.json"
			if dir := p.Getenv("XDG_RUNTIME_DIR"); dir != "" { // podman's
				return append(p.inHome(paths...), Place{dir + "/containers/auth.json", dir})
			}
			return p.inHome(paths...)
		},
		Parse: parseDocker,
	}
}

func parseDocker(data []byte) []Entry {
	var entries []Entry
	users := map[string]string{}
	for path, s := range jsonStrings(data) {
		if len(path) == 3 && path[0] == "auths" && path[2] == "username" {
			users[path[1]] = s.text
		}
	}
	for path, s := range jsonStrings(data) {
		if len(path) != 3 || path[0] != "auths" || s.text == "" {
			continue
		}
		e := Entry{value: s.at, cut: s.at}
		switch path[2] {
		case "auth":
			user, secret, ok := strings.Cut(strings.TrimRight(orDecoded(s.text), "\x00"), ":")
			if !ok {
				continue
			}
			e.User, e.HasUser, e.Secret = user, true, cred.NewSecret(secret)
		case "password", "identitytoken", "registrytoken":
			e.Secret = cred.NewSecret(s.text)
			e.User, e.HasUser = users[path[1]], users[path[1]] != ""
		default:
			continue
		}
		e.locate(path[1])
		entries = append(entries, e)
	}
	return entries
}

// jsonString is a string of a JSON file, and where it stands without quotes.
type jsonString struct {
	text string
	at   span
}

// jsonStrings yields the strings that are values, each with the names that lead
// to it, up to the place where the file is no JSON. A list counts as a level
// without a name.
func jsonStrings(data []byte) func(yield func(path []string, s jsonString) bool) {
	return func(yield func([]string, jsonString) bool) {
		d := json.NewDecoder(bytes.NewReader(data))
		var path []string // a name for each level; "" in a list
		var inMap []bool
		isName := false // what comes next
		for len(inMap) <= deep {
			before := int(d.InputOffset())
			t, err := d.Token()
			if err != nil {
				return
			}
			switch t := t.(type) {
			case json.Delim:
				switch t {
				case '{', '[':
					inMap, path, isName = append(inMap, t == '{'), append(path, ""), t == '{'
					continue
				}
				inMap, path = inMap[:len(inMap)-1], path[:len(path)-1]
			case string:
				if isName {
					path[len(path)-1], isName = t, false
					continue
				}
				to := int(d.InputOffset())
				quote := bytes.IndexByte(data[before:to], '"')
				if len(path) > 0 && quote >= 0 && !yield(slices.Clone(path), jsonString{t, span{before + quote + 1, to - 1}}) {
					return
				}
			}
			isName = len(inMap) > 0 && inMap[len(inMap)-1]
		}
	}
}
