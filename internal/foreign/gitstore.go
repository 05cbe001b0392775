package foreign

import (
	"bytes"
)

// gitStore is what git-credential-store writes: a URL on each line.
// See https://git-scm.com/docs/git-credential-store#_files.
func gitStore() Format {
	return Format{
		Name: "store", Title: "Git's credential store", Limit: small,
		Doc: "https://git-scm.com/docs/git-credential-store",
		Files: func(p Places) []Place {
			paths := []string{p.home(".git-credentials")}
			if dir := p.env("XDG_CONFIG_HOME", ".config"); dir != "" {
				paths = append(paths, dir+"/git/credentials")
			}
			return p.inHome(append(paths, p.Stores...)...)
		},
		Parse: parseGitStore,
	}
}

func parseGitStore(data []byte) []Entry {
	var entries []Entry
	for line := range eachLine(data) {
		text := bytes.TrimSuffix(data[line.from:line.to], []byte("\n"))
		text, _, _ = bytes.Cut(text, []byte{0}) // where Git's string ends
		e, ok := gitURL(string(text))
		if !ok || !e.HasUser || !e.Secret.IsSet() {
			continue
		}
		authority := bytes.Index(text, []byte("://")) + 3
		colon := bytes.IndexByte(text[authority:], ':')
		at := bytes.IndexByte(text[authority:], '@')
		from := line.from + authority
		e.cut, e.value, e.encode = line, span{from + colon + 1, from + at}, percent
		entries = append(entries, e)
	}
	return entries
}
