package foreign

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// element is one of an XML file, in the order in which they begin.
type element struct {
	path   string // names from the root on, joined by /
	name   string
	parent int
	attrs  []xml.Attr
	text   string
	whole  span // with both tags
	inner  span // between them
	start  span // its first tag
}

// elements reads XML without resolving anything outside of it, up to the
// place where it is none.
func elements(data []byte) []element {
	d := xml.NewDecoder(bytes.NewReader(data))
	var all []element
	var open []int
	for {
		from := int(d.InputOffset())
		t, err := d.RawToken()
		to := int(d.InputOffset())
		if err != nil || len(open) > deep {
			return all
		}
		switch t := t.(type) {
		case xml.StartElement:
			e := element{name: t.Name.Local, parent: -1, attrs: t.Copy().Attr, start: span{from, to}, inner: span{to, to}, whole: span{from, to}}
			e.path = e.name
			if n := len(open); n > 0 {
				e.parent = open[n-1]
				e.path = all[e.parent].path + "/" + e.name
			}
			open = append(open, len(all))
			all = append(all, e)
		case xml.CharData:
			if n := len(open); n > 0 {
				all[open[n-1]].text += string(t)
			}
		case xml.EndElement:
			n := len(open)
			if n == 0 || all[open[n-1]].name != t.Name.Local {
				return all
			}
			e := &all[open[n-1]]
			e.inner.to, e.whole.to = max(from, e.inner.from), to
			open = open[:n-1]
		}
	}
}

// attr is an attribute's value.
func (e element) attr(name string) string {
	for _, a := range e.attrs {
		if strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}

// attrAt finds where an attribute's value stands between its quotes.
func (e element) attrAt(data []byte, name string) (span, bool) {
	tag := string(data[e.start.from:e.start.to])
	for i := 0; i < len(tag); {
		eq := strings.IndexByte(tag[i:], '=')
		if eq < 0 {
			break
		}
		words := strings.Fields(tag[i : i+eq])
		value := i + eq + 1
		for value < len(tag) && strings.IndexByte(" \t\r\n", tag[value]) >= 0 {
			value++
		}
		if value >= len(tag) || tag[value] != '"' && tag[value] != '\'' {
			break
		}
		end := strings.IndexByte(tag[value+1:], tag[value])
		if end < 0 {
			break
		}
		at := span{e.start.from + value + 1, e.start.from + value + 1 + end}
		if n := len(words); n > 0 && strings.EqualFold(words[n-1], name) {
			return at, true
		}
		i = value + end + 2
	}
	return span{}, false
}

// nuget is NuGet's XML. ClearTextPassword is what it says; Password is encrypted
// by Windows for one user on one machine.
// See https://learn.microsoft.com/nuget/reference/nuget-config-file#packagesourcecredentials and, for
// the places, https://learn.microsoft.com/nuget/consume-packages/configuring-nuget-behavior.
func nuget() Format {
	return Format{
		Name: "nuget", Title: "NuGet's configuration", Needs: "NuGet", Limit: small,
		Doc: "https://learn.microsoft.com/nuget/reference/nuget-config-file",
		Files: func(p Places) []Place {
			home := p.inHome(p.home(".nuget", "NuGet", "NuGet.Config"), p.home(".config", "NuGet", "NuGet.Config"))
			if dir := p.Getenv("APPDATA"); dir != "" {
				home = append(home, p.inHome(dir+"/NuGet/NuGet.Config")...)
			}
			return append(home, p.inRepo("nuget.config", "NuGet.config", "NuGet.Config")...)
		},
		Parse: parseNuget,
	}
}

func parseNuget(data []byte) []Entry {
	const credentials = "configuration/packageSourceCredentials/"
	all := elements(data)
	urls, users := map[string]string{}, map[int]string{}
	for _, e := range all {
		switch source, isOne := strings.CutPrefix(e.path, credentials); {
		case e.path == "configuration/packageSources/add":
			urls[e.attr("key")] = e.attr("value")
		case isOne && strings.Count(source, "/") == 1 && strings.EqualFold(e.attr("key"), "Username"):
			users[e.parent] = e.attr("value")
		}
	}
	var entries []Entry
	for _, e := range all {
		source, isOne := strings.CutPrefix(e.path, credentials)
		if !isOne || e.name != "add" || strings.Count(source, "/") != 1 {
			continue
		}
		value := e.attr("value")
		at, ok := e.attrAt(data, "value")
		if !ok || value == "" || isReference(value) {
			continue
		}
		entry := Entry{cut: e.whole, value: at}
		switch secret := cred.NewSecret(value); {
		case strings.EqualFold(e.attr("key"), "ClearTextPassword"):
			entry.Secret = secret
		case strings.EqualFold(e.attr("key"), "Password"): // encrypted: named and no more
		default:
			continue
		}
		entry.User, entry.HasUser = users[e.parent], users[e.parent] != ""
		entry.locate(urls[nugetName(all[e.parent].name)])
		entries = append(entries, entry)
	}
	return entries
}

// nugetName undoes what makes a name one that XML allows: _x0020_ is a blank.
// See https://learn.microsoft.com/dotnet/api/system.xml.xmlconvert.encodename.
func nugetName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if len(s)-i >= 7 && s[i:i+2] == "_x" && s[i+6] == '_' {
			if n, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil && n > 0 {
				b.WriteRune(rune(n))
				i += 6
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// maven is Maven's XML. A password in braces is encrypted.
// See https://maven.apache.org/settings.html#servers and
// https://maven.apache.org/guides/mini/guide-encryption.html.
func maven() Format {
	return Format{
		Name: "maven", Title: "Maven's settings", Needs: "Maven", Limit: small,
		Doc: "https://maven.apache.org/settings.html#servers",
		Files: func(p Places) []Place {
			return p.inHome(p.home(".m2", "settings.xml"))
		},
		Parse: parseMaven,
	}
}

func parseMaven(data []byte) []Entry {
	all := elements(data)
	under := map[int]map[string]string{} // the texts below each element
	for _, e := range all {
		if under[e.parent] == nil {
			under[e.parent] = map[string]string{}
		}
		under[e.parent][e.name] = strings.TrimSpace(e.text)
	}
	urls := map[string]string{} // of repositories and mirrors, by id
	for _, texts := range under {
		if id, url := texts["id"], texts["url"]; id != "" && url != "" {
			urls[id] = url
		}
	}
	var entries []Entry
	for _, e := range all {
		if e.path != "settings/servers/server/password" {
			continue
		}
		value := strings.TrimSpace(e.text)
		if value == "" || isReference(value) {
			continue
		}
		entry := Entry{cut: e.whole, value: e.inner}
		if !strings.Contains(value, "{") || !strings.Contains(value, "}") {
			entry.Secret = cred.NewSecret(value)
		}
		server := under[e.parent]
		entry.User, entry.HasUser = server["username"], server["username"] != ""
		if url := urls[server["id"]]; url != "" {
			entry.locate(url)
		}
		entries = append(entries, entry)
	}
	return entries
}
