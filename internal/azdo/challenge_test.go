package azdo

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
)

const stepUp = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`

// TestClaims: the challenge gets into the error, however it is written.
func TestClaims(t *testing.T) {
	t.Parallel()
	std, raw := base64.StdEncoding.EncodeToString([]byte(stepUp)), base64.RawURLEncoding.EncodeToString([]byte(stepUp))
	spaced := base64.StdEncoding.EncodeToString([]byte("{\n " + stepUp[1:] + " "))
	const head = `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", `
	for name, tt := range map[string]struct {
		headers []string
		kind    error
		claims  string
	}{
		"as documented":      {[]string{head + `error="insufficient_claims", claims="` + std + `"`}, ErrClaims, stepUp},
		"base64url":          {[]string{head + `error="insufficient_claims", claims="` + raw + `"`}, ErrClaims, stepUp},
		"unquoted":           {[]string{`Bearer authorization_uri=https://login.microsoftonline.com/1b6b4f6e, error=insufficient_claims, claims=` + std}, ErrClaims, stepUp},
		"names in capitals":  {[]string{`bearer Error="insufficient_claims",CLAIMS = "` + std + `"`}, ErrClaims, stepUp},
		"claims first":       {[]string{`Bearer claims="` + std + `", error="insufficient_claims"`}, ErrClaims, stepUp},
		"third header":       {[]string{`Basic realm="x"`, `TFS-Federated`, head + `error="insufficient_claims", claims="` + std + `"`}, ErrClaims, stepUp},
		"all in one":         {[]string{`Basic realm="a, b", Bearer error="insufficient_claims", claims="` + std + `", TFS-Federated`}, ErrClaims, stepUp},
		"laid out":           {[]string{head + `error="insufficient_claims", claims="` + spaced + `"`}, ErrClaims, stepUp},
		"escaped":            {[]string{`Bearer error="insufficient\_claims", claims="` + std + `"`}, ErrClaims, stepUp},
		"no claims":          {[]string{`Bearer error="insufficient_claims"`}, ErrClaims, ""},
		"not base64":         {[]string{`Bearer error="insufficient_claims", claims="` + stepUp + `"`}, ErrClaims, ""},
		"not JSON":           {[]string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte("x&prompt=none")) + `"`}, ErrClaims, ""},
		"not an object":      {[]string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(`[1]`)) + `"`}, ErrClaims, ""},
		"too long":           {[]string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(`{"a":"`+strings.Repeat("x", maxClaims)+`"}`)) + `"`}, ErrClaims, ""},
		"not closed":         {[]string{`Bearer error="insufficient_claims", claims="` + std}, ErrClaims, stepUp},
		"another error":      {[]string{`Bearer error="invalid_token", claims="` + std + `"`}, ErrRefused, ""},
		"error of Basic":     {[]string{`Bearer, Basic error="insufficient_claims", claims="` + std + `"`}, ErrRefused, ""},
		"words in the realm": {[]string{`Bearer realm="error=\"insufficient_claims\", claims=x"`}, ErrRefused, ""},
		"no scheme":          {[]string{`error="insufficient_claims"`}, ErrRefused, ""},
		"plain":              {[]string{`Bearer authorization_uri=https://login.microsoftonline.com/x`, `Basic realm="y"`, `TFS-Federated`}, ErrRefused, ""},
		"none":               {nil, ErrRefused, ""},
	} {
		for verb, do := range patCalls {
			t.Run(name+", "+verb, func(t *testing.T) {
				t.Parallel()
				c, _ := patClient(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header()["Www-Authenticate"] = tt.headers
					reply(401, jsonType, `{"message":"no"}`)(w, r)
				})
				err := do(c, context.Background(), "contoso", entra)
				var e *Error
				if !errors.As(err, &e) || e.Kind != tt.kind || e.Claims != tt.claims || !errors.Is(err, ErrRefused) {
					t.Errorf("%v, claims %q", err, e.Claims)
				}
				harmless(t, err)
			})
		}
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Bearer realm="a\"b", error="insufficient_claims", claims="e30="`)
	f.Add(`Bearer authorization_uri=https://x/y, , Basic realm="z`)
	f.Add("a = \t=,\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range challenges(s) {
			if c.params == nil {
				t.Error("no parameters")
			}
		}
		if claims := claimsOf(http.Header{"Www-Authenticate": {s}}); claims != "" && claims[0] != '{' {
			t.Errorf("%q", claims)
		}
	})
}
