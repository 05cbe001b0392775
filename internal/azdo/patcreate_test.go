package azdo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// createReply is an answer to CreatePAT with the given fields in place of, or
// beside, those of a good one.
func createReply(fields string) string {
	return `{"patToken":{"displayName":"n","validTo":"2026-12-01T00:00:00Z","validFrom":"2026-11-20T12:00:00Z","scope":"vso.code",` +
		`"targetAccounts":["` + shop + `"],"authorizationId":"` + made + `","token":"` + exampleToken() + `","new":[{}]` + fields
}

// TestCreatePATReply: what is made of an answer to CreatePAT. id is what the
// error says is to be revoked.
func TestCreatePATReply(t *testing.T) {
	t.Parallel()
	const end = `},"patTokenError":"none"}`
	quoted := func(s string) string { b, _ := json.Marshal(s); return `,"token":` + string(b) + end }
	unknown := strings.Repeat("u", 40)
	for name, tt := range map[string]struct {
		body string
		kind error // nil: accepted
		id   string
	}{
		"good":                         {createReply(end), nil, ""},
		"good, BOM":                    {"\xef\xbb\xbf" + createReply(end), nil, ""},
		"good, message":                {createReply(`},"patTokenError":"none","patTokenErrorMessage":null}`), nil, ""},
		"good, error is missing":       {createReply(`}}`), nil, ""},
		"good, error is null":          {createReply(`},"patTokenError":null}`), nil, ""},
		"good, upper case":             {createReply(`},"patTokenError":"None"}`), nil, ""},
		"unknown format":               {createReply(quoted(unknown)), nil, ""},
		"new format":                   {createReply(quoted(newToken("A", "BF", "1ll6"))), nil, ""},
		"token is null":                {createReply(`,"token":null` + end), ErrOrphan, made},
		"token is a number":            {createReply(`,"token":5` + end), ErrOrphan, made},
		"token is an object":           {createReply(`,"token":{"a":"` + canary + `"}` + end), ErrOrphan, made},
		"token is empty P23":           {createReply(quoted("")), ErrOrphan, made},
		"token with LF P23":            {createReply(quoted(unknown + canary + "\nhost=evil")), ErrOrphan, made},
		"token with CR P23":            {createReply(quoted(unknown + canary + "\rx")), ErrOrphan, made},
		"token with NUL P23":           {createReply(quoted(unknown + canary + "\x00")), ErrOrphan, made},
		"token with C1":                {createReply(quoted(unknown + canary + "\u009b")), ErrOrphan, made},
		"token with a blank":           {createReply(quoted(unknown + canary + " x")), ErrOrphan, made},
		"token not ASCII":              {createReply(quoted(unknown + canary + "ä")), ErrOrphan, made},
		"token with half a surrogate":  {createReply(`,"token":"` + unknown + canary + `\ud800"` + end), ErrOrphan, made},
		"token of 1 MiB P23":           {createReply(quoted(strings.Repeat(canary, 1<<20/len(canary)))), ErrOrphan, made},
		"token is a placeholder":       {createReply(quoted(canary)), ErrOrphan, made},
		"no end":                       {createReply(`,"validTo":null` + end), ErrOrphan, made},
		"end in the year 1":            {createReply(`,"validTo":"0001-01-01T00:00:00"` + end), ErrOrphan, made},
		"end is no date":               {createReply(`,"validTo":"soon"` + end), ErrOrphan, made},
		"end is a number":              {createReply(`,"validTo":1606866383` + end), ErrOrphan, made},
		"organization is no GUID":      {createReply(`,"targetAccounts":["x"]` + end), ErrOrphan, made},
		"name is a number, id after":   {`{"patToken":{"displayName":5,"authorizationId":"` + made + `"},"patTokenError":"none"}`, ErrOrphan, made},
		"only an id":                   {`{"patToken":{"authorizationId":"` + strings.ToUpper(made) + `"},"patTokenError":"none"}`, ErrOrphan, made},
		"id is no GUID":                {createReply(`,"authorizationId":"../x"` + end), ErrOrphan, ""},
		"id a second time, null":       {createReply(`,"authorizationId":null` + end), nil, ""},
		"id is an array":               {createReply(`,"authorizationId":[]` + end), ErrOrphan, made},
		"empty token":                  {`{"patToken":{},"patTokenError":"none"}`, ErrUnknownOutcome, ""},
		"no token":                     {`{"patToken":null,"patTokenError":"none"}`, ErrUnknownOutcome, ""},
		"nothing":                      {`{}`, ErrUnknownOutcome, ""},
		"empty body":                   {"", ErrUnknownOutcome, ""},
		"error and token":              {createReply(`},"patTokenError":"accessDenied","patTokenErrorMessage":"` + exampleToken() + `"}`), ErrDeclined, made},
		"error and token, no secret":   {`{"patToken":{"authorizationId":"` + made + `","token":null},"patTokenError":"accessDenied"}`, ErrDeclined, made},
		"error":                        {`{"patToken":null,"patTokenError":"accessDenied"}`, ErrDeclined, ""},
		"error, token is missing":      {`{"patTokenError":"accessDenied"}`, ErrDeclined, ""},
		"error is a number":            {`{"patToken":null,"patTokenError":12}`, ErrDeclined, ""},
		"message is a number":          {`{"patToken":null,"patTokenError":"accessDenied","patTokenErrorMessage":1}`, ErrDeclined, ""},
		"message of another kind, too": {createReply(`,"validTo":7},"message":"` + canary + `"}`), ErrOrphan, made},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := patClient(t, reply(200, jsonType, tt.body))
			got, err := c.CreatePAT(context.Background(), "contoso", entra, ask)
			if tt.kind == nil {
				if err != nil || got.AuthorizationID != made || !got.Secret.IsSet() {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.AuthorizationID != tt.id || !reflect.DeepEqual(got, IssuedPAT{}) {
				t.Fatalf("%+v, %v, id %q", got, err, tt.id)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, *e), exampleToken()) || e.ActivityID != action {
				t.Errorf("%+v", *e)
			}
			if tt.id != "" && !strings.Contains(err.Error(), tt.id) {
				t.Errorf("no id in %v", err)
			}
			harmless(t, err)
		})
	}
}

// TestPATTimeIsTheServers: rounding and clipping are the server's business.
func TestPATTimeIsTheServers(t *testing.T) {
	t.Parallel()
	c, _ := patClient(t, reply(200, jsonType, createReply(`,"validTo":"2026-11-21T12:00:00.3233333Z","scope":" vso.code  vso.x ","targetAccounts":null},"patTokenError":"none"}`)))
	got, err := c.CreatePAT(context.Background(), "contoso", entra, ask)
	if err != nil || !got.Expires.Equal(at("2026-11-21T12:00:00.3233333Z")) || !reflect.DeepEqual(got.Scopes, []string{"vso.code", "vso.x"}) || !got.Global {
		t.Errorf("%+v, %v", got, err)
	}
}

func fuzzAnswer(status int, body string) (*Client, call, *answer) {
	req := call{op: "make a token in contoso", method: http.MethodPost, auth: entra, notFound: ErrNoOrganization}
	return New(Config{}), req, &answer{status, http.Header{"Content-Type": {jsonType}}, []byte(body)}
}

// FuzzIssued: the decoder neither panics nor lets an odd token pass, and an id
// of a token that cannot be used is not lost.
func FuzzIssued(f *testing.F) {
	f.Add(createReply(`},"patTokenError":"none"}`))
	f.Add(createReply(`,"token":"a\nb"},"patTokenError":"none"}`))
	f.Add(createReply(`,"validTo":5,"displayName":[]}}`))
	f.Add(`{"patToken":null,"patTokenError":"accessDenied","patTokenErrorMessage":"no"}`)
	f.Add(`{"patToken":{"authorizationId":"` + made + `"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		c, req, a := fuzzAnswer(200, body)
		got, err := c.issued(req, a)
		if err == nil {
			secret := got.Secret.Reveal()
			if guid(got.AuthorizationID) != got.AuthorizationID || got.AuthorizationID == "" || got.Expires.IsZero() || len(secret) < 32 ||
				strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				t.Errorf("%+v", got)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Kind != ErrOrphan && e.Kind != ErrUnknownOutcome && e.Kind != ErrDeclined && e.Kind != ErrNoToken {
			t.Errorf("%v", err)
		}
		harmless(t, err)
		var known struct {
			PatToken struct{ AuthorizationID string }
		}
		if json.Unmarshal([]byte(body), &known) == nil && guid(known.PatToken.AuthorizationID) != e.AuthorizationID {
			t.Errorf("the id is lost: %v", err)
		}
	})
}
