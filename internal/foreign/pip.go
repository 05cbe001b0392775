package foreign

import (
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// pip is pip's ini file: the addresses of package indexes, with a user and a
// password in them.
// See https://pip.pypa.io/en/stable/topics/configuration/ and
// https://pip.pypa.io/en/stable/topics/authentication/.
func pip() Format {
	return Format{
		Name: "pip", Title: "pip's configuration", Needs: "pip", Limit: small,
		Doc: "https://pip.pypa.io/en/stable/topics/authentication/",
		Files: func(p Places) []Place {
			paths := []string{p.Getenv("PIP_CONFIG_FILE"), p.home(".pip", "pip.conf"), p.home("pip", "pip.ini")}
			if dir := p.env("XDG_CONFIG_HOME", ".config"); dir != "" {
				paths = append(paths, dir+"/pip/pip.conf")
			}
			if dir := p.Getenv("APPDATA"); dir != "" {
				paths = append(paths, dir+"/pip/pip.ini")
			}
			return append(p.inHome(paths...), p.inRepo("pip.conf")...)
		},
		Parse: parsePip,
	}
}

func parsePip(data []byte) []Entry {
	var entries []Entry
	for line := range eachLine(data) {
		text := string(data[line.from:line.to])
		if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		entries = append(entries, userInfo(text, line.from)...)
	}
	return entries
}

// pypirc is what twine uploads with.
// See https://packaging.python.org/en/latest/specifications/pypirc/.
func pypirc() Format {
	return Format{
		Name: "pypirc", Title: "the configuration of Python uploads", Needs: "twine", Limit: small,
		Doc: "https://packaging.python.org/en/latest/specifications/pypirc/",
		Files: func(p Places) []Place {
			return p.inHome(p.home(".pypirc"))
		},
		Parse: parsePypirc,
	}
}

func parsePypirc(data []byte) []Entry {
	all := settings(data, "#;")
	of := map[[2]string]string{} // by section and name
	for _, s := range all {
		of[[2]string{s.section, s.name}] = s.value
	}
	var entries []Entry
	for _, s := range all {
		if s.name != "password" || s.value == "" || isReference(s.value) {
			continue
		}
		e := Entry{Secret: cred.NewSecret(s.value), value: s.at, cut: s.line}
		e.User = of[[2]string{s.section, "username"}]
		e.HasUser = e.User != ""
		url := of[[2]string{s.section, "repository"}]
		if url == "" {
			url = "https://upload.pypi.org/legacy/"
		}
		e.locate(url)
		entries = append(entries, e)
	}
	return append(entries, parsePip(data)...)
}

// cargo is the file of cargo login.
// See https://doc.rust-lang.org/cargo/reference/config.html#credentials.
func cargo() Format {
	return Format{
		Name: "cargo", Title: "Cargo's credentials", Needs: "cargo", Limit: small,
		Doc: "https://doc.rust-lang.org/cargo/reference/config.html#credentials",
		Files: func(p Places) []Place {
			dir := p.env("CARGO_HOME", ".cargo")
			if dir == "" {
				return nil
			}
			return p.inHome(dir+"/credentials.toml", dir+"/credentials")
		},
		Parse: parseCargo,
	}
}

func parseCargo(data []byte) []Entry {
	var entries []Entry
	for _, s := range settings(data, "#") {
		if s.name != "token" || s.value == "" || !s.quoted || s.section != "registry" && !strings.HasPrefix(s.section, "registries.") {
			continue
		}
		secret := s.value // Azure Artifacts wants a whole header: "Basic BASE64"
		e := Entry{value: s.at, cut: s.line}
		if encoded, ok := strings.CutPrefix(s.value, "Basic "); ok {
			if user, password, ok := strings.Cut(orDecoded(encoded), ":"); ok {
				secret, e.User, e.HasUser = password, user, true
			}
		}
		e.Secret = cred.NewSecret(secret)
		if s.section == "registry" {
			e.locate("https://crates.io")
		}
		entries = append(entries, e)
	}
	return entries
}

// azureCLI is where "az devops login" keeps tokens when there is no keyring.
// See https://github.com/Azure/azure-devops-cli-extension/blob/master/azure-devops/azext_devops/dev/common/credential_store.py.
func azureCLI() Format {
	return Format{
		Name: "az", Title: "the tokens of az devops login", Needs: "az devops", Limit: small,
		Doc: "https://learn.microsoft.com/azure/devops/cli/log-in-via-pat",
		Files: func(p Places) []Place {
			dir := p.env("AZURE_CONFIG_DIR", ".azure")
			if dir == "" {
				return nil
			}
			return p.inHome(p.env("AZURE_DEVOPS_EXT_CONFIG_DIR", ".azure", "azuredevops")+"/personalAccessTokens",
				dir+"/azuredevops/personalAccessTokens")
		},
		Parse: parseAzureCLI,
	}
}

func parseAzureCLI(data []byte) []Entry {
	var entries []Entry
	for _, s := range settings(data, "#;") {
		if cred.Lower(s.name) != "personal access token" || s.value == "" {
			continue
		}
		e := Entry{Protocol: "https", Host: "dev.azure.com", Secret: cred.NewSecret(s.value), value: s.at, cut: s.line}
		if n := strings.Index(s.section, "https://"); n >= 0 {
			e.locate(s.section[n:])
		}
		entries = append(entries, e)
	}
	return entries
}
