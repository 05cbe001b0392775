package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// description is what Git knows of a checkout.
type description struct {
	version string
	time    string // of the last commit, in Unix seconds
	notes   []string
}

// validVersion is what both Debian and RPM take for a version without a
// revision.
// See https://www.debian.org/doc/debian-policy/ch-controlfields.html#version and
// https://rpm-software-management.github.io/rpm/manual/spec.html#version.
func validVersion(v string) bool { return regexp.MustCompile(`^[0-9][A-Za-z0-9.+~]*$`).MatchString(v) }

// described is the long form of git describe.
var described = regexp.MustCompile(`^v([0-9][^-]*)(-[0-9A-Za-z.-]+)?-([0-9]+)-g([0-9a-f]+)$`)

// describe derives a version that sorts rightly in both kinds of packages: of
// the tag v1.2.3 it is 1.2.3, five commits later 1.2.3+5.g0123456789ab, of
// v1.2.3-rc.1 1.2.3~rc.1. Without a tag, it is older than any release.
func describe(ctx context.Context, dir string) (d description, err error) {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		if exit, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(exit.Stderr)))
		}
		return strings.TrimSpace(string(out)), err
	}
	commit, err := git("log", "-1", "--format=%ct %H")
	if err != nil {
		return d, err
	}
	seconds, hash, _ := strings.Cut(commit, " ")
	d.time = seconds
	if d.version, err = untagged(seconds, hash); err != nil {
		return d, err
	}
	shallow, err := git("rev-parse", "--is-shallow-repository")
	if err != nil {
		return d, err
	}
	if tag, err := git("describe", "--tags", "--match", "v[0-9]*", "--long", "--abbrev=12"); err == nil {
		if d.version, err = tagged(tag); err != nil {
			return d, err
		}
	} else if d.notes = append(d.notes, "no tag such as v1.2.3 leads here, so Git calls it "+d.version); shallow == "true" {
		d.notes = append(d.notes, "this clone is shallow and may lack the tags: git fetch --unshallow --tags")
	}
	changed, err := git("status", "--porcelain")
	if changed != "" {
		d.version += "+dirty"
		d.notes = append(d.notes, "there are changes that no commit has, so Git calls it "+d.version+": do not publish it")
	}
	return d, err
}

func untagged(seconds, hash string) (string, error) {
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || len(hash) < 12 {
		return "", fmt.Errorf("git names no commit but %q", hash)
	}
	return "0.0.0~git" + time.Unix(unix, 0).UTC().Format("20060102150405") + "." + hash[:12], nil
}

func tagged(tag string) (string, error) {
	m := described.FindStringSubmatch(tag)
	if m == nil {
		return "", fmt.Errorf("the tag %s is none of a version", tag)
	}
	version := m[1]
	if m[2] != "" {
		version += "~" + strings.ReplaceAll(m[2][1:], "-", ".")
	}
	if m[3] != "0" {
		version += "+" + m[3] + ".g" + m[4]
	}
	return version, nil
}
