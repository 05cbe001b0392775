package main

import (
	"archive/tar"
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// tarball packs files into one directory of the archive's name, whose content
// can be laid over /usr/local or ~/.local.
func (r *release) tarball(name string, files []file) ([]byte, error) {
	inside := make([]file, len(files))
	for i, f := range files {
		inside[i] = file{name + "/" + f.path, f.body}
	}
	return packTar("", inside, r.time)
}

// packTar makes a compressed tar archive of files and the directories that hold
// them, all root's.
func packTar(prefix string, files []file, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	header := func(kind byte, name string, mode, size int64) error {
		return w.WriteHeader(&tar.Header{
			Typeflag: kind, Name: prefix + name, Mode: mode, Size: size, ModTime: at,
			Uname: "root", Gname: "root", Format: tar.FormatGNU,
		})
	}
	for _, dir := range directories(files) {
		if err := header(tar.TypeDir, dir+"/", 0o755, 0); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		if err := header(tar.TypeReg, f.path, f.mode(), int64(len(f.body))); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return compress(out.Bytes())
}

// directories are those of the files, parents first.
func directories(files []file) []string {
	all := map[string]bool{}
	for _, f := range files {
		for dir := path.Dir(f.path); dir != "."; dir = path.Dir(dir) {
			all[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// sorted orders files by path.
func sorted(files []file) []file {
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files
}
