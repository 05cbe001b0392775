package foreign

import (
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// netrc is read by Git through curl, and by much else. The grammar is curl's:
// words in quotes with \n, \r, \t and \" in them, comments behind #, macros up
// to an empty line.
// See https://everything.curl.dev/usingcurl/netrc.html and
// https://github.com/curl/curl/blob/master/lib/netrc.c.
func netrc() Format {
	return Format{
		Name: "netrc", Title: "netrc", Limit: small,
		Doc: "https://everything.curl.dev/usingcurl/netrc.html",
		Files: func(p Places) []Place {
			return p.inHome(p.Getenv("NETRC"), p.home(".netrc"), p.home("_netrc"))
		},
		Parse: parseNetrc,
	}
}

// netrcWord is a word, unquoted, and where it stands.
type netrcWord struct {
	text string
	at   span
	bad  bool // a quote that does not end
}

// netrcWords splits a line, which begins at offset, as curl does.
func netrcWords(line string, offset int) []netrcWord {
	var words []netrcWord
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '#' || c == '\n' || c == '\r' || c == 0:
			return words
		case c == '"':
			text, n, ok := netrcQuoted(line[i:])
			words = append(words, netrcWord{text, span{offset + i, offset + i + n}, !ok})
			if !ok {
				return words
			}
			i += n
		default:
			end := i
			for end < len(line) && line[end] > ' ' {
				end++
			}
			if end == i { // another control character, at which curl stops
				return words
			}
			words = append(words, netrcWord{text: line[i:end], at: span{offset + i, offset + end}})
			i = end
		}
	}
	return words
}

// netrcQuoted reads a word in quotes and says how long it is with them.
func netrcQuoted(s string) (text string, n int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s) && s[i] != '\n'; i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), i + 1, true
		case c == '\\' && i+1 < len(s):
			i++
			escapes := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t'}
			if e, known := escapes[s[i]]; known {
				b.WriteByte(e)
			} else {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", len(s), false
}

func parseNetrc(data []byte) []Entry {
	var p netrcParser
	for line := range eachLine(data) {
		text := string(data[line.from:line.to])
		if p.macro {
			p.macro = strings.Trim(text, "\r\n") != ""
			continue
		}
		for _, w := range netrcWords(text, line.from) {
			if w.bad { // curl reads nothing of such a file
				return p.entries
			}
			if p.word(w); p.macro {
				break
			}
		}
	}
	p.end()
	for i := range p.entries {
		p.entries[i].cut = wholeLines(data, p.entries[i].cut)
	}
	return p.entries
}

type netrcParser struct {
	entries []Entry
	entry   *Entry // of the machine that is being read
	want    string // the keyword whose value comes next
	macro   bool
}

func (p *netrcParser) word(w netrcWord) {
	want := p.want
	p.want = ""
	switch want {
	case "machine":
		p.entry.Host = w.text
	case "login":
		p.entry.User, p.entry.HasUser = w.text, true
	case "password":
		p.entry.Secret, p.entry.value = cred.NewSecret(w.text), w.at
	default:
		p.keyword(cred.Lower(w.text), w)
		return
	}
	p.entry.cut.to = w.at.to
}

func (p *netrcParser) keyword(word string, w netrcWord) {
	switch word {
	case "machine", "default":
		p.end()
		p.entry = &Entry{Protocol: "https", cut: w.at}
		if word == "machine" {
			p.want = word
		}
	case "macdef":
		p.macro = true
	case "login", "password":
		if p.entry != nil {
			p.want = word
		}
	default: // account, and what nobody knows
		if p.entry != nil {
			p.entry.cut.to = w.at.to
		}
	}
}

func (p *netrcParser) end() {
	if p.entry != nil && p.entry.Secret.IsSet() {
		p.entries = append(p.entries, *p.entry)
	}
	p.entry = nil
}

// wholeLines widens a span to its lines where nothing else stands on them but
// a comment of sane length behind it.
func wholeLines(data []byte, s span) span {
	const longest = 4096
	from := s.from
	for from > 0 && (data[from-1] == ' ' || data[from-1] == '\t') {
		from--
	}
	to := s.to
	for to < len(data) && data[to] != '\n' {
		if to++; to-s.to > longest {
			return s
		}
	}
	if rest := strings.TrimSpace(string(data[s.to:to])); rest != "" && rest[0] != '#' {
		return s
	}
	if from > 0 && data[from-1] != '\n' {
		return s
	}
	return span{from, min(to+1, len(data))}
}
