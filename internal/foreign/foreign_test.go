package foreign

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitpatrol/patrol/internal/azdo"
	"github.com/gitpatrol/patrol/internal/cred"
)

// token is one with a right checksum, made of zeros; wrong is almost one.
func token() string { return strings.Repeat("0", 52) + "JQQJ99BFACAAAAAAAAAAAAASAZDO" + "30DA" }
func wrong() string { return strings.Repeat("0", 52) + "JQQJ99BFACAAAAAAAAAAAAASAZDO" + "30DB" }

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// seen is what a test says of an entry, in one line.
func seen(e Entry) string {
	secret := e.Secret.Reveal()
	if !e.Secret.IsSet() {
		secret = "(encrypted)"
	}
	user := "-"
	if e.HasUser {
		user = e.User
	}
	s := e.Protocol + "://" + e.Host + "/" + e.Path + " " + user + " " + strings.ReplaceAll(secret, token(), "TOKEN")
	if e.Token {
		s += " token"
	}
	if org := e.Organisation(); org != "" {
		s += " of " + org
	}
	return s
}

type sample struct {
	name, format, text string
	want               []string // of each entry: its line, a colon, and what is seen
	left               string   // the text when every entry was removed
}

// Each format has what is a secret and what only looks like one.
func samples() []sample {
	t, w := token(), wrong()
	return []sample{
		{"store", "store", "https://ada%40contoso.com:" + t + "@dev.azure.com/contoso\nhttps://bob:p%3Aw@git.example.com\n",
			[]string{"1: https://dev.azure.com/contoso ada@contoso.com TOKEN token of contoso", "2: https://git.example.com/ bob p:w"}, ""},
		{"store, what Git skips", "store", "# a comment\n\nhttps://git.example.com\nhttps://bob@git.example.com\n://a:b@c\nhttps://a:b%0a@c\ngit.example.com\n", nil, ""},
		{"store, as Git decodes", "store", "https://u%zz%00%2:a%41@h.example/p%2Fq//\nhttps://:@h.example\nhttp://u:p@h.example:8080/\nhttps://u:x%41:y@h.example?q\nhttps://u:p@a@b\n",
			[]string{"1: https://h.example/p/q u%zz%00%2 aA", "2: https://h.example/  ", "3: http://h.example:8080/ u p", "4: https://h.example/?q u x%41:y", "5: https://a@b/ u p"}, ""},
		{"store without an end", "store", "https://a:b@c", []string{"1: https://c/ a b"}, ""},

		{"netrc", "netrc", "machine dev.azure.com login ada password " + t + "\nmachine b\n\tlogin x\n\tpassword \"a b\\\"c\\\\d\\n\" # mine\n# of c\nmachine c login y\n password z\n",
			[]string{"1: https://dev.azure.com/ ada TOKEN token", "4: https://b/ x a b\"c\\d\n", "7: https://c/ y z"}, "# of c\n"},
		{"netrc, macros", "netrc", "macdef init\nmachine no login no password no\n\ndefault login anonymous password me@here\nmachine only login a\n",
			[]string{"4: https:/// anonymous me@here"}, "macdef init\nmachine no login no password no\n\nmachine only login a\n"},
		{"netrc, none", "netrc", "# machine a login b password c\nmachine a login password\nlogin x password\nmachine d password \"open\n", nil, "\x00"},
		{"netrc, keywords as values", "netrc", "MACHINE a LOGIN machine PASSWORD password account x\n", []string{"1: https://a/ machine password"}, ""},
		{"netrc, two in a line", "netrc", "machine a login b password c machine d login e password f", []string{"1: https://a/ b c", "1: https://d/ e f"}, "\x00"},

		{"npmrc", "npmrc", "registry=https://pkgs.dev.azure.com/contoso/_packaging/f/npm/registry/\n; begin\n//pkgs.dev.azure.com/contoso/_packaging/f/npm/registry/:username=contoso\n//pkgs.dev.azure.com/contoso/_packaging/f/npm/registry/:_password=" + b64(t) + "\n//pkgs.dev.azure.com/contoso/_packaging/f/npm/registry/:email=a@b\n",
			[]string{"4: https://pkgs.dev.azure.com/contoso/_packaging/f/npm/registry contoso TOKEN token of contoso"}, "\x00"},
		{"npmrc, others", "npmrc", "//registry.npmjs.org/:_authToken = \"npm_abc\"\r\n_auth=" + b64("bob:pw") + "\n",
			[]string{"1: https://registry.npmjs.org/ - npm_abc", "2: https://registry.npmjs.org/ bob pw"}, ""},
		{"npmrc, none", "npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n;//h/:_authToken=x\n#_auth=eDp5\nemail=a@b\n_auth=\n//h/:always-auth=true\n", nil, "\x00"},
		{"npmrc, in a comment", "npmrc", "; old: " + t + "\n; bad: " + w + "\n", []string{"1: https://dev.azure.com/ - TOKEN token"}, "; old: \n; bad: " + w + "\n"},

		{"yarn", "yarnrc", "npmRegistries:\n  \"https://pkgs.dev.azure.com/contoso/_packaging/f/npm/registry\":\n    npmAlwaysAuth: true\n    npmAuthToken: \"" + t + "\"\n    npmAuthIdent: me:pw\n",
			[]string{"4: https://pkgs.dev.azure.com/contoso/_packaging/f/npm/registry - TOKEN token of contoso", "5: https://pkgs.dev.azure.com/contoso/_packaging/f/npm/registry me pw of contoso"}, "\x00"},
		{"yarn, none", "yarnrc", "npmAuthToken: \"${TOKEN-}\"\n# npmAuthToken: x\nnpmRegistryServer: https://a\nnodeLinker: pnp\n", nil, "\x00"},

		{"nuget", "nuget", "\ufeff<?xml version=\"1.0\"?>\r\n<configuration>\r\n <packageSources>\r\n  <add key=\"My Feed\" value=\"https://pkgs.dev.azure.com/contoso/_packaging/f/nuget/v3/index.json\" />\r\n </packageSources>\r\n <packageSourceCredentials>\r\n  <My_x0020_Feed>\r\n   <add key=\"Username\" value=\"any\" />\r\n   <add key=\"ClearTextPassword\" value=\"" + t + "\" />\r\n  </My_x0020_Feed>\r\n  <Other><add key='Password' value='AQAA'/></Other>\r\n </packageSourceCredentials>\r\n</configuration>\r\n",
			[]string{"9: https://pkgs.dev.azure.com/contoso/_packaging/f/nuget/v3/index.json any TOKEN token of contoso", "11: :/// - (encrypted)"}, "\x00"},
		{"nuget, none", "nuget", "<configuration><packageSourceCredentials><F><add key=\"Username\" value=\"u\"/><add key=\"ClearTextPassword\" value=\"%TOKEN%\"/></F></packageSourceCredentials><apikeys><add key=\"h\" value=\"x\"/></apikeys><!-- <add key=\"ClearTextPassword\" value=\"x\"/> --></configuration>", nil, "\x00"},

		{"pip", "pip", "[global]\nindex-url = https://any:" + t + "@pkgs.dev.azure.com/contoso/_packaging/f/pypi/simple/\nextra-index-url =\n    https://u:p%20q@h.example/simple\n    https://pypi.org/simple\n",
			[]string{"2: https://pkgs.dev.azure.com/contoso/_packaging/f/pypi/simple any TOKEN token of contoso", "4: https://h.example/simple u p q"},
			"[global]\nindex-url = https://pkgs.dev.azure.com/contoso/_packaging/f/pypi/simple/\nextra-index-url =\n    https://h.example/simple\n    https://pypi.org/simple\n"},
		{"pip, none", "pip", "[global]\nindex-url = https://user@h.example/simple\n# https://a:b@c\nproxy = http://proxy:8080\nextra = https://__token__:${TOKEN}@h.example\n", nil, "\x00"},

		{"pypirc", "pypirc", "[distutils]\nindex-servers = a\n[a]\nrepository = https://pkgs.dev.azure.com/contoso/_packaging/f/pypi/upload\nusername = a\npassword = " + t + "\n[pypi]\nusername: x\npassword = pypi-abc\n",
			[]string{"6: https://pkgs.dev.azure.com/contoso/_packaging/f/pypi/upload a TOKEN token of contoso", "9: https://upload.pypi.org/legacy - pypi-abc"}, "\x00"},
		{"pypirc, none", "pypirc", "[a]\nusername = a\npassword =\n#password = x\n", nil, "\x00"},

		{"maven", "maven", "<settings xmlns=\"http://maven.apache.org/SETTINGS/1.0.0\">\n <servers>\n  <server><id>f</id><username>any</username><password>" + t + "</password></server>\n  <server><id>g</id>\n   <password>a&amp;b</password></server>\n  <server><id>h</id><password>{COQLCE6DU6GtcS5P=}</password></server>\n </servers>\n <profiles><profile><repositories><repository><id>f</id><url>https://pkgs.dev.azure.com/contoso/_packaging/f/maven/v1</url></repository></repositories></profile></profiles>\n</settings>\n",
			[]string{"3: https://pkgs.dev.azure.com/contoso/_packaging/f/maven/v1 any TOKEN token of contoso", "5: :/// - a&b", "6: :/// - (encrypted)"}, "\x00"},
		{"maven, none", "maven", "<settings><servers><server><id>f</id><password>${env.PAT}</password></server><server><password/></server></servers><proxies><proxy><password>x</password></proxy></proxies></settings>", nil, "\x00"},

		{"docker", "docker", "{\n \"auths\": {\n  \"contoso.azurecr.io\": {\n   \"auth\": \"" + b64("any:"+t) + "\"\n  },\n  \"https://index.docker.io/v1/\": {\"username\": \"bob\", \"identitytoken\": \"id\"}\n }\n}\n",
			[]string{"4: https://contoso.azurecr.io/ any TOKEN token", "6: https://index.docker.io/v1 bob id"},
			"{\n \"auths\": {\n  \"contoso.azurecr.io\": {\n   \"auth\": \"\"\n  },\n  \"https://index.docker.io/v1/\": {\"username\": \"bob\", \"identitytoken\": \"\"}\n }\n}\n"},
		{"docker, none", "docker", `{"auths": {"h": {}, "i": {"auth": ""}}, "credsStore": "desktop", "HttpHeaders": {"auth": "x"}, "list": ["auth", {"auths": "x"}]}`, nil, "\x00"},

		{"cargo", "cargo", "[registries.f]\ntoken = \"Basic " + b64("any:"+t) + "\"\n[registry]\ntoken = 'cio'\n[other]\ntoken = \"x\"\n# token = \"y\"\n",
			[]string{"2: :/// any TOKEN token", "4: https://crates.io/ - cio"}, "[registries.f]\n[registry]\n[other]\ntoken = \"x\"\n# token = \"y\"\n"},

		{"az", "az", "[azdevops-cli:https://dev.azure.com/contoso]\npersonal access token = " + t + "\n\n",
			[]string{"2: https://dev.azure.com/contoso - TOKEN token of contoso"}, "[azdevops-cli:https://dev.azure.com/contoso]\n\n"},

		{"gcm", "gcm-plaintext", t + "\nservice=https://dev.azure.com/contoso\naccount=ada@contoso.com\n",
			[]string{"1: https://dev.azure.com/contoso ada@contoso.com TOKEN token of contoso"}, "\x00"},
		{"gcm, none", "gcm-plaintext", "secret\naccount=ada\n", nil, "\x00"},

		{"mcp.json", "settings", "{\"servers\": {\"ado\": {\"args\": [\"https://dev.azure.com/Contoso\"], \"env\": {\n \"PAT\": \"" + t + "\",\n \"BASIC\": \"" + b64(":"+t) + "\"}}}}\n",
			[]string{"2: https://dev.azure.com/contoso - TOKEN token of contoso", "3: https://dev.azure.com/contoso - TOKEN token of contoso"},
			"{\"servers\": {\"ado\": {\"args\": [\"https://dev.azure.com/Contoso\"], \"env\": {\n \"PAT\": \"\",\n \"BASIC\": \"\"}}}}\n"},
		{"a profile", "settings", "export AUTH=" + b64("any:"+t) + "\ncurl -u :" + t + " https://dev.azure.com/fabrikam/_apis # not https://contoso.visualstudio.com\n",
			[]string{"1: https://dev.azure.com/ - TOKEN token", "2: https://dev.azure.com/ - TOKEN token"}, "export AUTH=\ncurl -u :" /* the rest below */ + " https://dev.azure.com/fabrikam/_apis # not https://contoso.visualstudio.com\n"},
		{"settings, none", "settings", "PAT=" + w + "\nPAT=" + strings.Repeat("a", 52) + "\nKEY=" + b64(w) + "\npassword = hunter2\n", nil, "\x00"},
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			format, ok := Find(s.format)
			if !ok {
				t.Fatal("no such format")
			}
			home := t.TempDir()
			path := filepath.Join(home, "file")
			if err := os.WriteFile(path, []byte(s.text), 0o640); err != nil {
				t.Fatal(err)
			}
			f, err := Read(format, Place{path, home})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range f.Entries {
				got = append(got, strconv.Itoa(e.Line)+": "+seen(e))
			}
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Error(diff)
			}
			for len(f.Entries) > 0 {
				e := f.Entries[0]
				if !e.Secret.IsSet() {
					f.Entries = f.Entries[1:]
					continue
				}
				n := len(f.Entries)
				if err := f.Remove(e); err != nil {
					t.Fatal(err)
				}
				if len(f.Entries) >= n {
					t.Fatalf("%d entries were left of %d", len(f.Entries), n)
				}
			}
			left, err := os.ReadFile(path)
			if gone := errors.Is(err, fs.ErrNotExist); err != nil && !gone || gone != (format.Alone && s.want != nil) {
				t.Fatal(err)
			}
			if s.left != "\x00" && s.want != nil && string(left) != s.left {
				t.Errorf("left is %q", left)
			}
			if bytes.Contains(left, []byte(token())) || bytes.Contains(left, []byte(b64(token()))) {
				t.Errorf("the token is still there: %q", left)
			}
		})
	}
}

func FuzzFormats(f *testing.F) {
	for _, s := range samples() {
		for i, format := range Formats() {
			if format.Name == s.format {
				f.Add(byte(i), []byte(s.text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		format := Formats()[int(which)%len(Formats())]
		for _, e := range parse(format, bytes.Clone(data)) {
			if e.cut.from < 0 || e.cut.from > e.cut.to || e.cut.to > len(data) ||
				e.value.from < e.cut.from || e.value.from > e.value.to || e.value.to > e.cut.to {
				t.Fatalf("%s: %v in %v of %d bytes", format.Name, e.value, e.cut, len(data))
			}
			if e.Line < 1 {
				t.Fatalf("%s: line %d", format.Name, e.Line)
			}
			if info, ok := azdo.InspectPAT(e.Secret); e.Token && (!ok || !info.Checksum) {
				t.Fatalf("%s: no token", format.Name)
			}
			_ = e.Organisation()
		}
	})
}

func TestOrganisation(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://dev.azure.com/Contoso/shop": "contoso", "https://pkgs.dev.azure.com/contoso/_packaging": "contoso",
		"https://contoso.visualstudio.com/": "contoso", "https://Contoso.pkgs.visualstudio.com/x": "contoso",
		"https://dev.azure.com": "", "https://dev.azure.com.evil.example/contoso": "", "https://dev.azure.com/a%40b": "", "https://github.com/contoso": "",
	} {
		e, _ := gitURL(url)
		if got := e.Organisation(); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	p := Places{Home: "/home/ada", Getenv: func(string) string { return "" }, Repo: "/src/shop"}
	for _, f := range Formats() {
		if f.Name == "" || f.Title == "" || f.Limit == 0 || !strings.HasPrefix(f.Doc, "https://") || !f.Alone && len(f.Files(p)) == 0 {
			t.Errorf("%q is not whole", f.Name)
		}
		for _, place := range f.Files(p) {
			if !filepath.IsAbs(place.Path) || !strings.HasPrefix(place.Path, place.Root+"/") {
				t.Errorf("%s: %+v", f.Name, place)
			}
		}
		if none := f.Files(Places{Getenv: p.Getenv}); len(none) > 0 {
			t.Errorf("%s: without a home there are %v", f.Name, none)
		}
	}
	if _, ok := Find("none"); ok {
		t.Error("none was found")
	}
}

func TestGCMService(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{
		"git:https://dev.azure.com/contoso": "https://dev.azure.com/contoso", "https://github.com": "https://github.com/",
		"my:own:https://h:8443": "https://h:8443/", "git:http://h": "http://h/", "git:dev.azure.com": "none", "": "none",
	} {
		e, ok := GCMService(service, "ada", cred.NewSecret("x"))
		got := e.Protocol + "://" + e.Host + "/" + e.Path
		if !ok {
			got = "none"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", service, got, want)
		}
	}
	for url, want := range map[string]bool{
		"https://refresh_token.h/x": true, "https://oauth-refresh-token.gitlab.com": true, "https://bitbucket.org/refresh_token": true,
		"https://github.com": false, "https://h/refresh_token/x": false,
	} {
		if e, _ := gitURL(url); e.IsRefresh() != want {
			t.Errorf("%s: %v", url, !want)
		}
	}
}

// Git Credential Manager's store is walked, but no link in it is followed.
func TestGCMFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "git", "https", "dev.azure.com", "contoso")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada@contoso.com.credential", "other.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/", filepath.Join(root, "git", "all")); err != nil {
		t.Fatal(err)
	}
	got := GCMFiles(root, ".credential")
	if diff := cmp.Diff([]string{filepath.Join(dir, "ada@contoso.com.credential")}, got); diff != "" {
		t.Error(diff)
	}
	if got := GCMFiles(filepath.Join(root, "none"), ".credential"); got != nil {
		t.Error(got)
	}
}
