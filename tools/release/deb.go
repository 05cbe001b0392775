package main

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"strings"
	"time"
)

// deb makes a Debian package. It has no maintainer scripts: to install it is to
// lay out its files, and to remove it is to take them away.
// See deb(5) and https://www.debian.org/doc/debian-policy/.
func (r *release) deb(arch string, files []file) ([]byte, error) {
	all, err := r.debFiles(files)
	if err != nil {
		return nil, err
	}
	size := 0 // in KiB, each file and directory rounded up: deb-substvars(5)
	var sums strings.Builder
	for _, f := range all {
		size += (len(f.body) + 1023) / 1024
		fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(f.body), f.path)
	}
	control := fmt.Sprintf(`Package: patrol
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Depends: git (>= 1:%s)
Section: vcs
Priority: optional
Homepage: %s
Description: %s
 %s
`, r.version, arch, maintainer, size+len(directories(all)), minimumGit, homepage, summary, strings.Join(about(), "\n "))
	var out bytes.Buffer
	out.WriteString("!<arch>\n")
	r.member(&out, "debian-binary", []byte("2.0\n"))
	for _, part := range []struct {
		name  string
		files []file
	}{
		{"control.tar.gz", []file{{"control", []byte(control)}, {"md5sums", []byte(sums.String())}}},
		{"data.tar.gz", all},
	} {
		packed, err := packTar("./", part.files, r.time)
		if err != nil {
			return nil, err
		}
		r.member(&out, part.name, packed)
	}
	return out.Bytes(), nil
}

// member appends a file to an archive of ar(5).
func (r *release) member(out *bytes.Buffer, name string, body []byte) {
	fmt.Fprintf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, r.time.Unix(), 0, 0, "100644", len(body))
	out.Write(body)
	if len(body)%2 == 1 {
		out.WriteByte('\n')
	}
}

// debFiles gives the files the names that Debian has for them, and adds its own.
func (r *release) debFiles(files []file) ([]file, error) {
	all, err := installed(files, map[string]string{
		"share/zsh/site-functions/_patrol": "share/zsh/vendor-completions/_patrol",
		docs + "LICENSE":                   "", // Debian has the text in common-licenses
		docs + "CHANGELOG.md":              "",
	})
	if err != nil {
		return nil, err
	}
	var history []byte
	for _, f := range files {
		if f.path == docs+"CHANGELOG.md" {
			history = f.body
		}
	}
	entry := fmt.Sprintf("patrol (%s) unstable; urgency=medium\n\n  * What changed is in NEWS.md.gz.\n\n -- %s  %s\n", r.version, maintainer, r.time.Format(time.RFC1123Z))
	for _, own := range []struct{ name, text string }{
		{"NEWS.md.gz", string(history)}, {"changelog.gz", entry},
	} {
		packed, err := compress([]byte(own.text))
		if err != nil {
			return nil, err
		}
		all = append(all, file{"usr/" + docs + own.name, packed})
	}
	return sorted(append(all, file{"usr/" + docs + "copyright", []byte(copyright)}, file{"usr/share/lintian/overrides/patrol", []byte(overrides)})), nil
}

// copyright is in the form of https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/.
const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: patrol
Source: ` + homepage + `
Comment: The programs are linked with modules of others. Their notices and
 licences are in THIRD-PARTY-LICENSES beside this file.

Files: *
Copyright: 2026 The patrol authors
License: Apache-2.0

License: Apache-2.0
 Licensed under the Apache License, Version 2.0. On Debian systems, its text
 is in /usr/share/common-licenses/Apache-2.0.
`

// overrides answers what lintian has against the package.
const overrides = `# Meant so: what loads no library cannot be made to load another.
patrol: statically-linked-binary [usr/bin/*]
`
