package cli

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gitpatrol/patrol/internal/cred"
)

// print writes a result for people. Texts among args may be of foreign origin:
// they are shown escaped, and lines are the format's to end.
func (a *app) print(format string, args ...any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = cred.EscapeWhole(arg)
		case error:
			args[i] = cred.EscapeWhole(arg.Error())
		}
	}
	_, _ = fmt.Fprintf(a.Stdout, format, args...)
}

// printJSON writes a result for programs. A list with nothing in it is one, not
// null.
func (a *app) printJSON(v any) error {
	own := reflect.New(reflect.TypeOf(v)).Elem()
	own.Set(reflect.ValueOf(v))
	fillLists(own)
	text, err := json.MarshalIndent(own.Interface(), "", "  ")
	if err == nil {
		_, err = a.Stdout.Write(append(escapeJSON(text), '\n'))
	}
	return err
}

// fillLists makes empty lists of those in v that are not there. What has a form
// of its own in JSON, such as a time, is left as it is.
func fillLists(v reflect.Value) {
	if v.Type().Implements(reflect.TypeFor[json.Marshaler]()) || v.Type().Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fillLists(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				fillLists(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillLists(v.Index(i))
		}
	}
}

// escapeJSON writes what has no shape of its own as JSON lets one write it: it
// means the same to programs, and nothing to a terminal.
func escapeJSON(text []byte) []byte {
	var b []byte
	for _, r := range string(text) {
		switch {
		case unicode.IsPrint(r), r == '\n':
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}

// table prints rows under a head, in columns.
func (a *app) table(head []string, rows [][]string) {
	_, _ = io.WriteString(a.Stdout, columns(head, rows))
}

func columns(head []string, rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		shown := make([]string, len(row))
		for i, cell := range row {
			shown[i] = cred.Escape(cell)
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(strings.Join(shown, "\t"), "\t"))
	}
	_ = w.Flush()
	return b.String()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func joinOr(words []string, none string) string {
	if len(words) == 0 {
		return none
	}
	return strings.Join(words, " ")
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
