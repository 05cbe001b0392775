package git

import (
	"fmt"
	"strconv"
	"strings"
)

// parts is a URL as Git normalizes it before it compares: escapes folded, dot
// segments resolved, the scheme's default port left out.
type parts struct {
	scheme, host, port, path string
	user                     string
	hasUser                  bool
}

const (
	alphaDigit  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	schemeChars = alphaDigit + "+.-"
	hostChars   = alphaDigit + ".-_[:]"
	unsafeChars = " <>\"%{}|\\^`"
	reserved    = ":/?#[]@!$&'()*+,;="
)

// normalize follows the rules listed in Git's urlmatch.c (url_normalize). A
// pattern of the configuration may have * in its host (glob). ok is false for
// what Git does not take for a URL.
func normalize(raw string, glob bool) (p parts, ok bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || scheme == "" || !only(scheme, schemeChars) || !only(scheme[:1], alphaDigit[:52]) {
		return parts{}, false
	}
	p.scheme = strings.ToLower(scheme)
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	if user, host, found := strings.Cut(authority, "@"); found {
		if user, ok = escape(user); !ok {
			return parts{}, false
		}
		// The password plays no part in matching.
		p.user, _, _ = strings.Cut(user, ":")
		p.hasUser, authority = true, host
	}
	if !p.setHost(authority, glob) {
		return parts{}, false
	}
	p.path, ok = normalPath(path)
	return p, ok
}

// setHost splits host and port. Only file: may go without a host.
func (p *parts) setHost(authority string, glob bool) bool {
	host, port := authority, ""
	if i := strings.LastIndexAny(authority, ":]"); i > 0 && authority[i] == ':' {
		host, port = authority[:i], authority[i+1:]
	}
	allowed := hostChars
	if glob {
		allowed += "*"
	}
	if !only(host, allowed) || (host == "" || host[0] == ':') && p.scheme != "file" {
		return false
	}
	p.host = strings.ToLower(host)
	if port == "" {
		return true
	}
	return host != "" && p.setPort(port)
}

// setPort drops leading zeros and the default of http and https.
func (p *parts) setPort(port string) bool {
	if !only(port, "0123456789") {
		return false
	}
	port = strings.TrimLeft(port, "0")
	if port == "" || len(port) > 5 || len(port) == 5 && port > "65535" {
		return false
	}
	if p.scheme == "http" && port == "80" || p.scheme == "https" && port == "443" {
		port = ""
	}
	p.port = port
	return true
}

// normalPath resolves . and .. segments and appends query and fragment, which
// Git compares as part of the path.
func normalPath(path string) (string, bool) {
	query := ""
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path, query = path[:i], path[i:]
	}
	var kept []string
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		segment, ok := escape(segment)
		switch {
		case !ok, segment == ".." && len(kept) == 0:
			return "", false
		case segment == "..":
			kept = kept[:len(kept)-1]
		case segment != ".":
			kept = append(kept, segment)
		}
	}
	query, ok := escape(query)
	return "/" + strings.Join(kept, "/") + query, ok
}

// escape brings percent-escapes to one form: those that are not needed are
// undone, those of delimiters stay, missing ones are made.
func escape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		ch, escaped := s[i], false
		if ch == '%' {
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			ch, i, escaped = byte(n), i+2, true
		}
		if ch <= 0x1f || ch >= 0x7f || strings.IndexByte(unsafeChars, ch) >= 0 || escaped && strings.IndexByte(reserved, ch) >= 0 {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String(), true
}

// only reports whether s consists of bytes of set.
func only(s, set string) bool { return strings.Trim(s, set) == "" }
