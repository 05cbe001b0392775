package sshkey

import (
	"errors"
	"fmt"
	"strings"
)

// The managed block of the SSH configuration is between these two lines.
const (
	blockBegin = "# patrol begin: written by \"patrol ssh\"; changes in here are lost"
	blockEnd   = "# patrol end"
)

// ErrBlock says that the block in a configuration file is not one of ours.
var ErrBlock = errors.New("the block of patrol in the SSH configuration has no end, or is there twice")

// Entry is the key for one name by which ssh is called.
type Entry struct {
	Host string // Host, for both names of the service, or an alias
	File string // absolute path of the private key
	// Unlock is a command that puts the key into ssh-agent; "" for none. If it
	// succeeds, ssh is to ask the agent at the socket Agent instead of its own.
	Unlock, Agent string
}

// Block is what the configuration says about the entries. It goes first in the
// file, because of several values ssh takes the first (ssh_config(5)); the
// section "Host *" at its end leaves what follows as global as it was.
func Block(entries []Entry, knownHosts string) (string, error) {
	if len(entries) == 0 {
		return "", nil
	}
	hosts, err := word(knownHosts)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(blockBegin + "\n")
	for _, e := range entries {
		file, err := word(e.File)
		if err != nil {
			return "", err
		}
		names := e.Host
		if e.Host == Host {
			names += " " + LegacyHost
		}
		if e.Unlock != "" {
			agent, err := word(e.Agent)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "Match originalhost %s exec \"%s\"\n  IdentityAgent %s\n", strings.ReplaceAll(names, " ", ","), e.Unlock, agent)
		}
		fmt.Fprintf(&b, "Host %s\n", names)
		if e.Host != Host {
			fmt.Fprintf(&b, "  HostName %s\n", Host)
		}
		fmt.Fprintf(&b, "  User git\n  IdentityFile %s\n  IdentitiesOnly yes\n", file)
		fmt.Fprintf(&b, "  HostKeyAlias %s\n  HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256\n  UserKnownHostsFile %s\n", Host, hosts)
		b.WriteString("  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  ForwardAgent no\n")
	}
	b.WriteString("Host *\n" + blockEnd + "\n")
	return b.String(), nil
}

// word is a path as a word of the configuration: % begins a token there.
func word(path string) (string, error) {
	if strings.ContainsAny(path, "\"\\\n\r\x00") || strings.Contains(path, "${") {
		return "", fmt.Errorf("the path %q cannot be written to an SSH configuration", path)
	}
	path = strings.ReplaceAll(path, "%", "%%")
	if strings.ContainsAny(path, " \t'=#") {
		return `"` + path + `"`, nil
	}
	return path, nil
}

// Edit puts a block in the place of the one in a configuration, or first; an
// empty block takes it out. No other byte changes.
func Edit(config, block string) (string, error) {
	begin := lineIndex(config, blockBegin)
	if begin < 0 {
		if lineIndex(config, blockEnd) >= 0 {
			return "", ErrBlock
		}
		return block + config, nil
	}
	rest := config[begin:]
	end := lineIndex(rest, blockEnd)
	if end < 0 {
		return "", ErrBlock
	}
	after := rest[min(end+len(blockEnd)+1, len(rest)):]
	if lineIndex(after, blockBegin) >= 0 || lineIndex(after, blockEnd) >= 0 || lineIndex(config[:begin], blockEnd) >= 0 {
		return "", ErrBlock
	}
	return config[:begin] + block + after, nil
}

// lineIndex finds a whole line.
func lineIndex(text, line string) int {
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			end = len(text) - at
		}
		if text[at:at+end] == line {
			return at
		}
		at += end + 1
	}
	return -1
}
