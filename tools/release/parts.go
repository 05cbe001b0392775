package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// part is a module that is linked into our programs.
type part struct {
	path, version string
	sum           string // of go.sum
	licence       string // its SPDX name
	texts         []file // licences and notices
	in            []string
}

// stdlib stands for Go's standard library, which is no module.
const stdlib = "stdlib"

// parts reads out of the programs themselves what was linked into them.
func (r *release) parts(ctx context.Context, dir string) ([]part, error) {
	found := map[string]*part{}
	for _, name := range programs() {
		info, err := buildinfo.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		note := func(path, version, sum string) {
			if found[path] == nil {
				found[path] = &part{path: path, version: version, sum: sum}
			}
			found[path].in = append(found[path].in, name)
		}
		note(stdlib, strings.TrimPrefix(info.GoVersion, "go"), "")
		for _, m := range info.Deps {
			if m.Replace != nil {
				return nil, fmt.Errorf("%s is replaced by %s, whose licence is not known", m.Path, m.Replace.Path)
			}
			note(m.Path, m.Version, m.Sum)
		}
	}
	var all []part
	for _, path := range sortedKeys(found) {
		p := *found[path]
		if err := r.readLicences(ctx, &p); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (r *release) readLicences(ctx context.Context, p *part) error {
	dir, err := r.moduleDir(ctx, p)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, _, _ := strings.Cut(strings.ToUpper(e.Name()), ".")
		if e.IsDir() || !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		p.texts = append(p.texts, file{e.Name(), text})
		if p.licence == "" {
			p.licence = licenceOf(string(text))
		}
	}
	if p.licence == "" {
		return fmt.Errorf("%s has no licence that is known here\nhint: look into %s, then add it to licenceOf in tools/release/parts.go", p.path, dir)
	}
	return nil
}

func (r *release) moduleDir(ctx context.Context, p *part) (string, error) {
	if p.path == stdlib {
		out, err := r.output(ctx, nil, "go", "env", "GOROOT")
		return strings.TrimSpace(string(out)), err
	}
	out, err := r.output(ctx, nil, "go", "mod", "download", "-json", p.path+"@"+p.version)
	if err != nil {
		return "", err
	}
	var m struct{ Dir string }
	err = json.Unmarshal(out, &m)
	return m.Dir, err
}

// licenceOf names a licence by words that no other has. The names are those of
// https://spdx.org/licenses/.
func licenceOf(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(words string) bool { return strings.Contains(text, words) }
	switch {
	case has("Apache License Version 2.0, January 2004"):
		return "Apache-2.0"
	case has("Mozilla Public License Version 2.0"), has("Mozilla Public License, version 2.0"):
		return "MPL-2.0"
	case has("Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software for any purpose"), has("Permission to use, copy, modify, and distribute this software for any purpose"):
		return "ISC"
	case has("Redistribution and use in source and binary forms") && has("Neither the name"):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return ""
}

// thirdParty is the file that tells whose work is in our programs, with every
// licence and notice in full.
func thirdParty(parts []part) []byte {
	var b bytes.Buffer
	b.WriteString("patrol's programs contain work of others: Go's standard library, and these modules.\n\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "%s %s (%s), in %s\n", p.path, p.version, p.licence, strings.Join(p.in, " and "))
	}
	for _, p := range parts {
		for _, t := range p.texts {
			fmt.Fprintf(&b, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("-", 80), p.path, p.version, t.path, bytes.TrimSpace(t.body))
		}
	}
	return b.Bytes()
}
