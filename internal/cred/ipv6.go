package cred

import (
	"strconv"
	"strings"
)

// IPv6 addresses are read and written here because linking net/netip costs a
// cached get three in a hundred, used or not. The tests hold this to netip.

// ipv6 is an address as eight groups of 16 bits.
type ipv6 [8]uint16

// parseIPv6 takes the forms of RFC 4291 section 2.2, without a zone.
func parseIPv6(s string) (a ipv6, ok bool) {
	head, tail, gap := strings.Cut(s, "::")
	left, ok := parseGroups(head, !gap)
	if !ok {
		return a, false
	}
	right, ok := parseGroups(tail, true)
	if n := len(left) + len(right); !ok || gap && n > len(a)-1 || !gap && n != len(a) {
		return a, false
	}
	copy(a[:], left)
	copy(a[len(a)-len(right):], right)
	return a, true
}

// parseGroups reads groups between single colons; of the last ones, an IPv4
// address may stand for two.
func parseGroups(s string, last bool) (groups []uint16, ok bool) {
	for s != "" {
		group, rest, more := strings.Cut(s, ":")
		if !more && last && strings.Contains(group, ".") {
			high, low, ok := parseIPv4(group)
			return append(groups, high, low), ok
		}
		n, err := strconv.ParseUint(group, 16, 16)
		if err != nil || len(group) > 4 || more && rest == "" || len(groups) == len(ipv6{}) {
			return nil, false
		}
		groups, s = append(groups, uint16(n)), rest
	}
	return groups, true
}

// parseIPv4 takes four decimal numbers without leading zeros.
func parseIPv4(s string) (high, low uint16, ok bool) {
	parts := strings.Split(s, ".")
	var n uint32
	for _, part := range parts {
		b, err := strconv.ParseUint(part, 10, 8)
		if err != nil || len(part) > 1 && part[0] == '0' {
			return 0, 0, false
		}
		n = n<<8 | uint32(b)
	}
	return uint16(n >> 16), uint16(n), len(parts) == 4
}

// String writes the form of RFC 5952.
func (a ipv6) String() string {
	b := make([]byte, 0, len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))
	if [5]uint16(a[:5]) == [5]uint16{} && a[5] == 0xffff { // IPv4-mapped
		b = append(b, "::ffff"...)
		for i, sep := range []byte(":...") {
			b = strconv.AppendUint(append(b, sep), uint64(a[6+i/2]>>(8-8*(i%2))&0xff), 10)
		}
		return string(b)
	}
	from, to := a.longestZeros()
	for i := 0; i < len(a); i++ {
		if i == from {
			b = append(b, "::"...)
			if i = to; i == len(a) {
				break
			}
		} else if i > 0 {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(a[i]), 16)
	}
	return string(b)
}

// longestZeros returns the first of the longest runs of two or more zero
// groups, or -1.
func (a ipv6) longestZeros() (from, to int) {
	from, to = -1, 0
	for i := range a {
		end := i
		for end < len(a) && a[end] == 0 {
			end++
		}
		if end-i > max(to-from, 1) {
			from, to = i, end
		}
	}
	return from, to
}
