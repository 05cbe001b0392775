package main

import (
	"bytes"
	"strings"

	"github.com/google/rpmpack"
)

// rpmArch is RPM's name of a processor, or nothing for one we do not build for.
func rpmArch(arch string) string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
}

// rpm makes a package without scriptlets and without a signature: who publishes
// it signs it.
func (r *release) rpm(arch string, files []file) ([]byte, error) {
	const licences = "share/licenses/patrol/" // https://docs.fedoraproject.org/en-US/packaging-guidelines/LicensingGuidelines/
	all, err := installed(files, map[string]string{
		docs + "LICENSE":              licences + "LICENSE",
		docs + "THIRD-PARTY-LICENSES": licences + "THIRD-PARTY-LICENSES",
	})
	if err != nil {
		return nil, err
	}
	p, err := rpmpack.NewRPM(rpmpack.RPMMetaData{
		Name: "patrol", Version: r.version, Release: "1", Epoch: rpmpack.NoEpoch, Arch: rpmArch(arch), OS: "linux",
		Summary: summary, Description: strings.Join(about(), "\n"), URL: homepage, Packager: maintainer,
		Licence: "Apache-2.0", BuildHost: "localhost", BuildTime: r.time, Compressor: "gzip:9",
	})
	if err != nil {
		return nil, err
	}
	if err := p.Requires.Set("git >= " + minimumGit); err != nil {
		return nil, err
	}
	entry := rpmpack.RPMFile{Owner: "root", Group: "root", MTime: uint32(r.time.Unix())}
	for _, dir := range directories(all) {
		if strings.HasSuffix(dir, "/patrol") { // the others are shared with every package
			own := entry
			own.Name, own.Mode = "/"+dir, 0o40755
			p.AddFile(own)
		}
	}
	for _, f := range all {
		own := entry
		own.Name, own.Mode, own.Body = "/"+f.path, uint(f.mode()), f.body
		switch {
		case strings.HasPrefix(f.path, "usr/"+licences):
			own.Type = rpmpack.LicenceFile
		case strings.HasPrefix(f.path, "usr/"+docs), strings.HasPrefix(f.path, "usr/share/man/"):
			own.Type = rpmpack.DocFile
		}
		p.AddFile(own)
	}
	var out bytes.Buffer
	err = p.Write(&out)
	return out.Bytes(), err
}
