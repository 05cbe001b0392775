package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitpatrol/patrol/internal/cred"
)

var keyBytes = []byte("7qCanary+Key/0wnedZ7qCanary+Key/")

const canary = "9wCanary+Secret/0wned"

// traces returns how the first bytes of a secret would look in the output of
// any printer.
func traces(secret []byte) []string {
	head := secret[:6]
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
		list("%#x", ", "), list("%#x", " "), list("%o", " "), list("%#o", " "), list("%O", " "), list("%b", " "), list("%#b", " "),
		list("%U", " "), list("%#U", " "), list("%+d", " "), list("% d", " "), list("%02d", " "), list("%03d", " "),
	}
}

func mustNotLeak(t *testing.T, text string) {
	t.Helper()
	for _, trace := range forbidden() {
		if strings.Contains(text, trace) {
			t.Fatalf("it shows as %q in:\n%s", trace, text)
		}
	}
}

// forbidden is how the key, what is derived from it and the secret could show.
var forbidden = sync.OnceValue(func() []string {
	all := append(traces(keyBytes), traces([]byte(canary))...)
	for _, use := range []string{"index", "secret", "issued"} {
		derived := mac(keyBytes, []byte("patrol "+use+"\x00aa"))
		// A cipher keeps its key as words.
		all = append(all, traces(derived)...)
		all = append(all, fmt.Sprint(binary.BigEndian.Uint32(derived)), fmt.Sprint(binary.LittleEndian.Uint32(derived)))
		all = append(all, fmt.Sprintf("%x", binary.BigEndian.Uint32(derived)), fmt.Sprintf("%x", binary.LittleEndian.Uint32(derived)))
	}
	return all
})

// The detector must see plain bytes, or the test below proves nothing.
func TestTracesAreSeen(t *testing.T) {
	t.Parallel()
	array := [32]byte(keyBytes)
	for _, format := range []string{"%s", "%v", "%d", "%q", "%x", "%X", "% x", "%#v", "%o", "%b", "%c", "%U"} {
		for _, v := range []any{keyBytes, array, struct{ k [32]byte }{array}, &struct{ k [32]byte }{array}} {
			text, seen := fmt.Sprintf(format, v), false
			for _, trace := range traces(keyBytes) {
				seen = seen || strings.Contains(text, trace)
			}
			if !seen {
				t.Errorf("%s of %T: nothing is seen in %q", format, v, text)
			}
		}
	}
}

type (
	exported   struct{ Key Key }
	unexported struct{ key Key }
	pointers   struct {
		P *Key
		p *Key
	}
	embedded   struct{ Key }
	containers struct {
		List  []Key
		list  []Key
		Map   map[string]Key
		byKey map[Key]int
		array [1]Key
		any   any
		deep  struct{ deeper *unexported }
	}
)

// Neither a key nor what a record keeps can be printed, whatever holds it.
func TestKeyPrintsNowhereS12(t *testing.T) {
	t.Parallel()
	k, err := KeyFromBytes(keyBytes)
	if err != nil {
		t.Fatal(err)
	}
	c := containers{[]Key{k}, []Key{k}, map[string]Key{"k": k}, map[Key]int{k: 1}, [1]Key{k}, k, struct{ deeper *unexported }{&unexported{k}}}
	secrets := Secrets{Secret: cred.NewSecret(canary), Refresh: cred.NewSecret(canary), Credential: cred.NewSecret(canary)}
	rec := Record{Host: "h"}
	rec.SetSecrets(secrets)
	records := &Records{Header: Header{ID: "aa"}, keys: k.subkeys("aa")}
	records.Issued = []Issued{{records.Hash(cred.NewSecret(canary)), time.Time{}}}
	records.Add(rec)
	for name, v := range map[string]any{
		"value": k, "pointer": &k, "exported field": exported{k}, "unexported field": unexported{k}, "pointer to struct": &unexported{k},
		"pointer fields": pointers{&k, &k}, "embedded": embedded{k}, "containers": c, "pointer to containers": &c, "slice": []Key{k},
		"slice of pointers": []*Key{&k}, "map": map[string]unexported{"k": {k}}, "key": map[Key]int{k: 1},
		"secrets": secrets, "record": rec, "pointer to record": &rec, "records": records, "records by value": *records, "list": records.List,
		"field of records": struct{ r *Records }{records},
		"error":            fmt.Errorf("%w: %v %s %x", errors.New("a"), k, k, k),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for verb := 'A'; verb <= 'z'; verb++ {
				for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "# ", "+# 0-", "60", ".3", "#60.3"} {
					mustNotLeak(t, fmt.Sprintf("%"+flags+string(verb), v))
				}
			}
			var b bytes.Buffer
			_ = json.NewEncoder(&b).Encode(v)
			_ = xml.NewEncoder(&b).Encode(v)
			_ = gob.NewEncoder(&b).Encode(v)
			slog.New(slog.NewTextHandler(&b, nil)).With("w", v).Info("m", "v", v)
			slog.New(slog.NewJSONHandler(&b, nil)).With("w", v).Info("m", "v", v)
			func() {
				defer func() { fmt.Fprintln(&b, recover()) }()
				panic(v)
			}()
			mustNotLeak(t, b.String()+fmt.Sprint(v)+fmt.Sprintln(v))
		})
	}
}
