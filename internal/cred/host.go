package cred

import (
	"strconv"
	"strings"
)

// Canonical returns the one spelling of a host, with its port unless that is
// the protocol's default: lower case, no trailing dot, IP literals in brackets
// in their shortest form. It refuses everything outside letters, digits, "-",
// "_" and "." of sane length, so a host that holds "@", "#", "%", blanks or
// control bytes never reaches a comparison. Git passes such hosts on.
// See RFC 1123 section 2.1 and RFC 3986 section 3.2.2.
func Canonical(protocol, host string) (string, error) {
	name, port, err := splitPort(host)
	if err != nil {
		return "", err
	}
	if protocol == "https" && port == "443" || protocol == "http" && port == "80" {
		port = "" // host and host:443 are one identity
	}
	if strings.HasPrefix(name, "[") {
		name, err = canonicalIPv6(name)
	} else {
		name, err = canonicalName(name)
	}
	if err != nil {
		return "", err
	}
	if port != "" {
		return name + ":" + port, nil
	}
	return name, nil
}

// splitPort cuts a decimal port of 1 to 65535, without leading zeros, off host.
func splitPort(host string) (name, port string, err error) {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || colon < strings.LastIndexByte(host, ']') {
		return host, "", nil
	}
	name, port = host[:colon], host[colon+1:]
	n, e := strconv.ParseUint(port, 10, 16)
	if e != nil || n == 0 || port[0] == '0' {
		return "", "", malformed("host has no valid port")
	}
	return name, port, nil
}

func canonicalIPv6(name string) (string, error) {
	if !strings.HasSuffix(name, "]") {
		return "", malformed("host is not a valid IP literal")
	}
	address, ok := parseIPv6(name[1 : len(name)-1])
	if !ok {
		return "", malformed("host is not a valid IP literal")
	}
	return "[" + address.String() + "]", nil
}

func canonicalName(name string) (string, error) {
	name = lower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > 253 {
		return "", malformed("host is empty or too long")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return "", malformed("host has an invalid label")
		}
		for i := range len(label) {
			if c := label[i]; !isAlnum(c) && c != '-' && c != '_' {
				return "", malformed("host has an invalid character")
			}
		}
	}
	return name, nil
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// lower folds ASCII only: Unicode folding maps other letters onto ASCII ones
// (the Kelvin sign onto k), which would let two hosts become one.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// EqualFold compares two names with ASCII case folding.
func EqualFold(a, b string) bool { return lower(a) == lower(b) }

// Lower returns s with its ASCII letters in lower case.
func Lower(s string) string { return lower(s) }
