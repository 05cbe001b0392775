package foreign

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
)

// mentions are the files in which people and programs leave tokens without a
// syntax for them: settings of editors and agents, environment files, profiles
// and histories of shells. A string in them is a token if its checksum says so.
// The places are those that the programs document:
// https://code.visualstudio.com/docs/configure/settings#_settings-file-locations,
// https://code.visualstudio.com/docs/copilot/customization/mcp-servers,
// https://docs.cursor.com/context/model-context-protocol,
// https://docs.claude.com/en/docs/claude-code/mcp,
// https://github.com/openai/codex/blob/main/docs/config.md,
// https://docs.gradle.org/current/userguide/build_environment.html.
func mentions() Format {
	return Format{
		Name: "settings", Title: "a file of settings", Needs: "what reads it", Limit: large,
		Doc: "https://github.com/microsoft/security-utilities",
		Files: func(p Places) []Place {
			var paths []string
			for _, name := range strings.Fields(mentionedHome) {
				path := p.home(filepath.FromSlash(name))
				if !strings.Contains(name, "*") {
					paths = append(paths, path)
				} else if found, err := filepath.Glob(path); err == nil && p.Home != "" {
					paths = append(paths, found...)
				}
			}
			return append(p.inHome(paths...), p.inRepo(strings.Fields(mentionedRepo)...)...)
		},
		Parse: func([]byte) []Entry { return nil }, // the tokens are found in every format
	}
}

const mentionedHome = `
	.vscode/mcp.json .vscode-server/data/Machine/settings.json .cursor/mcp.json .claude.json .claude/settings.json .codex/config.toml
	.gemini/settings.json .copilot/mcp-config.json .codeium/windsurf/mcp_config.json
	.config/Code/User/settings.json .config/Code/User/mcp.json .config/Cursor/User/settings.json .config/VSCodium/User/settings.json
	.config/Claude/claude_desktop_config.json .config/zed/settings.json .config/*/mcp*.json .config/*/*/mcp*.json
	.env .envrc .bashrc .bash_profile .bash_login .bash_aliases .profile .zshrc .zshenv .zprofile .config/fish/config.fish
	.bash_history .zsh_history .python_history .local/share/fish/fish_history .gradle/gradle.properties .wgetrc .curlrc`

const mentionedRepo = ".vscode/mcp.json .vscode/settings.json .cursor/mcp.json .mcp.json .claude/settings.json .claude/settings.local.json " +
	".env .env.local .envrc gradle.properties azure-pipelines.yml"

// tokens finds the tokens of Azure DevOps in a file. Each is for the
// organisation that its line speaks of, else for the only one of the file. Of
// very many, only the first are told: the next look finds more.
func tokens(data []byte) []Entry {
	const most = 1000
	var entries []Entry
	var lines lines
	var only string
	for i, found := range azdo.FindPATs(data) {
		if i == 0 {
			lines = newLines(data)
			only = onlyOrganisation(data)
		}
		if len(entries) == most {
			break
		}
		at := span{found.Start, found.End}
		e := Entry{Protocol: "https", Host: "dev.azure.com", Secret: found.Secret, Token: true, Guessed: true, cut: at, value: at}
		if found.Encoded {
			at = encodedPart(data, at)
			e.cut, e.value = at, at
		}
		if e.Path = onlyOrganisation(lineAround(data, lines, at)); e.Path == "" {
			e.Path = only
		}
		entries = append(entries, e)
	}
	return entries
}

// lineAround is the line that holds a span, of a very long one what is near.
func lineAround(data []byte, l lines, s span) []byte {
	const near = 4096
	n, end := l.number(s.from), len(data)
	if n < len(l) {
		end = l[n]
	}
	return data[max(l[n-1], s.from-near):min(end, s.to+near)]
}

// encodedPart narrows a word around base64 to the part that holds the token,
// without the name that it is given to.
func encodedPart(data []byte, word span) span {
	for from := word.from; from < word.to; {
		to := from
		for to < word.to && data[to] != '=' {
			to++
		}
		part := span{from, to}
		for to < word.to && data[to] == '=' {
			to++
		}
		if len(azdo.FindPATs(data[part.from:part.to])) > 0 {
			return span{part.from, to} // with its padding
		}
		from = to
	}
	return word
}

// onlyOrganisation is the organisation that a text names, if it is one alone.
func onlyOrganisation(text []byte) string {
	named := regexp.MustCompile(`(?i)\bdev\.azure\.com/([a-z0-9][a-z0-9-]{0,49})|\b([a-z0-9][a-z0-9-]{0,49})\.(?:pkgs\.)?visualstudio\.com\b`)
	only := ""
	for _, m := range named.FindAllSubmatch(text, 1000) {
		org := cred.Lower(string(m[1]) + string(m[2]))
		switch {
		case only == "":
			only = org
		case only != org:
			return ""
		}
	}
	return only
}
