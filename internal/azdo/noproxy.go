package azdo

import (
	"net/netip"
	"strings"
)

// noProxy reports whether no_proxy covers host, by curl's rules, because that is
// what Git goes by: names match themselves and what is below them, addresses
// themselves or by network, and * is all hosts if it is the whole list.
// See https://curl.se/libcurl/c/CURLOPT_NOPROXY.html
func noProxy(host string, env []string) bool {
	list, ok := lookupEnv(env, "no_proxy")
	if !ok {
		list, _ = lookupEnv(env, "NO_PROXY")
	}
	if strings.TrimSpace(list) == "*" {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	address, err := netip.ParseAddr(host)
	isAddress := err == nil
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if isAddress && holds(entry, address) || !isAddress && below(host, entry) {
			return true
		}
	}
	return false
}

// below reports whether host is the domain or part of it.
func below(host, domain string) bool {
	domain = strings.ToLower(strings.TrimSuffix(strings.TrimLeft(domain, "."), "."))
	return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
}

// holds reports whether entry is the address or a network that contains it.
func holds(entry string, address netip.Addr) bool {
	if network, err := netip.ParsePrefix(entry); err == nil {
		return network.Contains(address.Unmap())
	}
	one, err := netip.ParseAddr(strings.Trim(entry, "[]"))
	return err == nil && one.Unmap() == address.Unmap()
}
