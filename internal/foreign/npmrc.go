package foreign

import (
	"encoding/base64"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// npmrc is npm's ini file, which pnpm and others read too. Secrets are the values
// of _password (base64), _authToken and _auth (base64 of user and password) of a
// registry. ${NAME} is a variable of the environment.
// See https://docs.npmjs.com/cli/configuring-npm/npmrc#auth-related-configuration and
// https://learn.microsoft.com/azure/devops/artifacts/npm/npmrc.
func npmrc() Format {
	return Format{
		Name: "npmrc", Title: "npm's configuration", Needs: "npm", Limit: small,
		Doc: "https://docs.npmjs.com/cli/configuring-npm/npmrc",
		Files: func(p Places) []Place {
			return append(p.inHome(p.Getenv("NPM_CONFIG_USERCONFIG"), p.home(".npmrc")), p.inRepo(".npmrc")...)
		},
		Parse: parseNpmrc,
	}
}

func parseNpmrc(data []byte) []Entry {
	all := settings(data, ";#")
	registry := "https://registry.npmjs.org/" // npm's own default
	users := map[string]string{}
	for _, s := range all {
		url, name := npmKey(s.name)
		switch {
		case s.name == "registry":
			registry = s.value
		case name == "username":
			users[url] = s.value
		}
	}
	var entries []Entry
	for _, s := range all {
		url, name := npmKey(s.name)
		if s.value == "" || isReference(s.value) {
			continue
		}
		e := Entry{value: s.at, cut: s.line}
		if user, has := users[url]; has {
			e.User, e.HasUser = user, true
		}
		switch name {
		case "_authToken":
			e.Secret = cred.NewSecret(s.value)
		case "_password":
			e.Secret = cred.NewSecret(orDecoded(s.value))
		case "_auth":
			user, secret, ok := strings.Cut(orDecoded(s.value), ":")
			if !ok {
				continue
			}
			e.User, e.HasUser, e.Secret = user, true, cred.NewSecret(secret)
		default:
			continue
		}
		if url == "" {
			url = registry
		}
		e.locate(url)
		entries = append(entries, e)
	}
	return entries
}

// npmKey splits //HOST/PATH/:NAME; without a registry, url is "".
func npmKey(key string) (url, name string) {
	if !strings.HasPrefix(key, "//") {
		return "", key
	}
	at := strings.LastIndexByte(key, ':')
	if at < 0 {
		return "", ""
	}
	return "https:" + key[:at], key[at+1:]
}

// locate sets what an entry is for from a URL, in which credentials do not
// count, or from a bare host.
func (e *Entry) locate(url string) {
	if url == "" {
		return
	}
	if strings.HasPrefix(url, "//") {
		url = "https:" + url
	} else if !strings.Contains(url, "://") {
		url = "https://" + url
	}
	u, ok := gitURL(strings.TrimSpace(url))
	if ok {
		e.Protocol, e.Host, e.Path = u.Protocol, u.Host, u.Path
	}
}

// orDecoded undoes base64, where it is that.
func orDecoded(s string) string {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		if b, err := encoding.DecodeString(s); err == nil {
			return string(b)
		}
	}
	return s
}

// yarn is the YAML file of Yarn 2 and later, of which the lines with a secret
// are read.
// See https://yarnpkg.com/configuration/yarnrc#npmAuthToken.
func yarn() Format {
	return Format{
		Name: "yarnrc", Title: "Yarn's configuration", Needs: "yarn", Limit: small,
		Doc: "https://yarnpkg.com/configuration/yarnrc",
		Files: func(p Places) []Place {
			return append(p.inHome(p.home(".yarnrc.yml")), p.inRepo(".yarnrc.yml")...)
		},
		Parse: parseYarn,
	}
}

func parseYarn(data []byte) []Entry {
	var entries []Entry
	registry := "https://registry.yarnpkg.com"
	for line := range eachLine(data) {
		text := string(data[line.from:line.to])
		key, value, ok := strings.Cut(text, ": ")
		name := unquote(strings.TrimSuffix(strings.TrimSpace(key), ":"))
		if strings.Contains(name, "//") {
			registry = name
		}
		if !ok || name == "" || name[0] == '#' {
			continue
		}
		from := line.from + len(key) + 2 + len(value) - len(strings.TrimLeft(value, " "))
		value = strings.TrimSpace(value)
		if bare := unquote(value); bare != value {
			value, from = bare, from+1
		}
		if name == "npmRegistryServer" {
			registry = value
		}
		e := Entry{value: span{from, from + len(value)}, cut: line}
		switch {
		case value == "" || isReference(value):
			continue
		case name == "npmAuthToken":
			e.Secret = cred.NewSecret(value)
		case name == "npmAuthIdent":
			user, secret, ok := strings.Cut(value, ":")
			if !ok {
				user, secret, ok = strings.Cut(orDecoded(value), ":")
			}
			if !ok {
				continue
			}
			e.User, e.HasUser, e.Secret = user, true, cred.NewSecret(secret)
		default:
			continue
		}
		e.locate(registry)
		entries = append(entries, e)
	}
	return entries
}
