package foreign

import (
	"bytes"
	"path/filepath"
	"slices"
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
			places := p.inHome(paths...)
			for _, path := range p.Stores {
				if filepath.IsAbs(path) && !slices.ContainsFunc(places, func(o Place) bool { return o.Path == path }) {
					places = append(places, Place{path, filepath.Dir(path)})
				}
			}
			return places
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
		e.cut, e.value = line, span{from + colon + 1, from + at}
		entries = append(entries, e)
	}
	return entries
}
