package cred_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/gitpatrol/patrol/internal/cred"
)

const canary = "7qCanary+Secret/0wned"

// traces returns how the first bytes of a secret would look in the output of
// any printer.
func traces(secret string) []string {
	head := []byte(secret)[:6]
	list := func(format, separator string) string {
		var words []string
		for _, c := range head {
			words = append(words, fmt.Sprintf(format, c))
		}
		return strings.Join(words, separator)
	}
	return []string{
		string(head[:3]), hex.EncodeToString(head), strings.ToUpper(hex.EncodeToString(head)),
		base64.StdEncoding.EncodeToString(head)[:8], base64.URLEncoding.EncodeToString(head)[:8],
		list("%d", " "), list("%d", ","), list("%c", " "), list("%q", " "), list("%x", " "), list("%X", " "),
		list("%#x", ", "), list("%#x", " "), list("%o", " "), list("%b", " "), list("%U", " "), list("%#U", " "),
		list("%02d", " "), list("%03d", " "),
	}
}

func mustNotLeak(t *testing.T, text string) {
	t.Helper()
	for _, trace := range traces(canary) {
		if strings.Contains(text, trace) {
			t.Fatalf("the secret shows as %q in:\n%s", trace, text)
		}
	}
}

// The detector itself must see a plain string, or the tests below prove nothing.
func TestTracesAreSeen(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%s", "%v", "%q", "%x", "%X", "% x", "%#v"} {
		text := fmt.Sprintf(format, canary)
		seen := false
		for _, trace := range traces(canary) {
			seen = seen || strings.Contains(text, trace)
		}
		if !seen {
			t.Errorf("%s: nothing is seen in %q", format, text)
		}
	}
}

// The shapes in which a Secret can meet a printer.
type (
	exported   struct{ Secret cred.Secret }
	unexported struct{ secret cred.Secret }
	pointers   struct {
		P *cred.Secret
		p *cred.Secret
	}
	embedded struct{ cred.Secret }
	nested   struct {
		Outer exported
		inner unexported
		deep  struct{ deeper *unexported }
	}
	containers struct {
		List  []cred.Secret
		list  []cred.Secret
		Map   map[string]cred.Secret
		byKey map[cred.Secret]int
		array [1]cred.Secret
		any   any
	}
)

func shapes() map[string]any {
	s := cred.NewSecret(canary)
	n := nested{Outer: exported{s}, inner: unexported{s}}
	n.deep.deeper = &unexported{s}
	req := cred.Request{Protocol: "https", Host: "h", Password: s, Refresh: s, Credential: s}
	return map[string]any{
		"value": s, "pointer": &s, "pointer to pointer": func() **cred.Secret { p := &s; return &p }(),
		"exported field": exported{s}, "unexported field": unexported{s}, "pointer to struct": &unexported{s},
		"pointer fields": pointers{&s, &s}, "embedded": embedded{s}, "nested": n, "pointer to nested": &n,
		"containers": containers{
			[]cred.Secret{s}, []cred.Secret{s}, map[string]cred.Secret{"k": s},
			map[cred.Secret]int{s: 1}, [1]cred.Secret{s}, s,
		},
		"slice": []cred.Secret{s}, "slice of pointers": []*cred.Secret{&s}, "map": map[string]cred.Secret{"k": s},
		"map of structs": map[string]unexported{"k": {s}}, "key": map[cred.Secret]int{s: 1},
		"request": req, "pointer to request": &req,
		"reply": cred.Reply{Password: s, Refresh: s, Credential: s},
	}
}

func TestSecretPrintsUnderNoVerbAndFlagS12(t *testing.T) {
	t.Parallel()
	for name, v := range shapes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for verb := 'A'; verb <= 'z'; verb++ {
				for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "# ", "+# 0-", "60", ".3", "60.3", "#60.3", "[1]"} {
					mustNotLeak(t, fmt.Sprintf("%"+flags+string(verb), v))
				}
			}
			surplus, missing := "no verb", "%v %d %[3]s"
			//lint:ignore SA5009 a wrong format must not leak either
			mustNotLeak(t, fmt.Sprint(v)+fmt.Sprintln(v)+fmt.Sprintf(surplus, v)+fmt.Sprintf(missing, v))
		})
	}
}

func TestSecretEncodesNowhereS12(t *testing.T) {
	t.Parallel()
	for name, v := range shapes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// An error is a good answer; what was written until then counts.
			encode := map[string]func(*bytes.Buffer) error{
				"json": func(b *bytes.Buffer) error { return json.NewEncoder(b).Encode(v) },
				"xml":  func(b *bytes.Buffer) error { return xml.NewEncoder(b).Encode(v) },
				"gob":  func(b *bytes.Buffer) error { return gob.NewEncoder(b).Encode(v) },
				"template": func(b *bytes.Buffer) error {
					return template.Must(template.New("").Parse(`{{.}} {{printf "%#v" .}}`)).Execute(b, v)
				},
				"log": func(b *bytes.Buffer) error { log.New(b, "", 0).Print(v); return nil },
				"slog text": func(b *bytes.Buffer) error {
					slog.New(slog.NewTextHandler(b, nil)).With("w", v).WithGroup("g").Info("m", "v", v, slog.Group("g", "v", v))
					return nil
				},
				"slog json": func(b *bytes.Buffer) error {
					slog.New(slog.NewJSONHandler(b, nil)).With("w", v).WithGroup("g").Info("m", "v", v, slog.Group("g", "v", v))
					return nil
				},
			}
			for printer, f := range encode {
				var b bytes.Buffer
				err := f(&b)
				mustNotLeak(t, printer+": "+b.String()+fmt.Sprint(err))
			}
		})
	}
}

func TestSecretIsNotInErrors(t *testing.T) {
	t.Parallel()
	s := cred.NewSecret(canary)
	for _, err := range []error{
		fmt.Errorf("refused %v", s), fmt.Errorf("refused %s %q %x", s, s, s),
		errors.Join(errors.New("a"), fmt.Errorf("%+v", exported{s})), fmt.Errorf("%w: %#v", errors.New("a"), unexported{s}),
	} {
		mustNotLeak(t, err.Error()+fmt.Sprintf("%+v %#v", err, err))
	}
}

func TestSecretIsNotWhereItCameFrom(t *testing.T) {
	t.Parallel()
	text := []byte(canary)
	s := cred.NewSecret(string(text))
	clear(text)
	if s.Reveal() != canary {
		t.Error("clearing the bytes a secret was made of changed it")
	}
}

func TestSecretEqual(t *testing.T) {
	t.Parallel()
	var absent cred.Secret
	empty, a := cred.NewSecret(""), cred.NewSecret("a")
	for _, test := range []struct {
		name string
		x, y cred.Secret
		want bool
	}{
		{"same text", a, cred.NewSecret("a"), true},
		{"itself", a, a, true},
		{"other text", a, cred.NewSecret("b"), false},
		{"prefix", a, cred.NewSecret("ab"), false},
		{"case", a, cred.NewSecret("A"), false},
		{"absent and absent", absent, cred.Secret{}, true},
		{"empty and empty", empty, cred.NewSecret(""), true},
		{"absent and empty", absent, empty, false},
		{"absent and text", absent, a, false},
	} {
		if test.x.Equal(test.y) != test.want || test.y.Equal(test.x) != test.want {
			t.Errorf("%s: Equal is not %v", test.name, test.want)
		}
	}
	if absent.IsSet() || !empty.IsSet() || absent.Reveal() != "" || empty.Reveal() != "" {
		t.Error("absent and empty differ only in IsSet")
	}
}
