package azdo

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestPATBody: allOrgs is false unless asked for, and what is zero is left out.
func TestPATBody(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]PATRequest{
		`{"allOrgs":false}`: {},
		`{"displayName":"patrol höst vault-1","scope":"vso.code_write vso.packaging","validTo":"2026-11-27T11:59:59.999Z","allOrgs":false}`: {
			DisplayName: "patrol höst vault-1", Scopes: []string{"vso.code_write", "vso.packaging"},
			Expires: time.Date(2026, 11, 27, 12, 59, 59, 999_999_999, time.FixedZone("CET", 3600)),
		},
		`{"allOrgs":true}`: {AllOrganizations: true},
	} {
		body, err := p.body()
		got, _ := json.Marshal(body)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v", got, err)
		}
	}
}

// TestPATDates: what .NET writes.
func TestPATDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]stamp{
		`"2020-11-02T22:56:52Z"`:             {at: at("2020-11-02T22:56:52Z")},
		`"2020-11-02T22:56:52.1Z"`:           {at: at("2020-11-02T22:56:52.1Z")},
		`"2020-11-02T22:56:52.10Z"`:          {at: at("2020-11-02T22:56:52.1Z")},
		`"2020-11-02T22:56:52.103Z"`:         {at: at("2020-11-02T22:56:52.103Z")},
		`"2020-11-02T22:56:52.1033Z"`:        {at: at("2020-11-02T22:56:52.1033Z")},
		`"2020-11-02T22:56:52.10333Z"`:       {at: at("2020-11-02T22:56:52.10333Z")},
		`"2020-11-02T22:56:52.103333Z"`:      {at: at("2020-11-02T22:56:52.103333Z")},
		`"2020-11-02T22:56:52.1033333Z"`:     {at: at("2020-11-02T22:56:52.1033333Z")},
		`"2020-11-02T22:56:52.1033333"`:      {at: at("2020-11-02T22:56:52.1033333Z")},
		`"2020-11-02T23:56:52.1+01:00"`:      {at: at("2020-11-02T22:56:52.1Z")},
		`"9999-12-31T23:59:59.9999999Z"`:     {at: at("9999-12-31T23:59:59.9999999Z")},
		`"0001-01-01T00:00:00"`:              {},
		`null`:                               {},
		`""`:                                 {bad: true},
		`"2020-11-02"`:                       {bad: true},
		`"2020-13-02T22:56:52Z"`:             {bad: true},
		`"\/Date(1604357812103)\/"`:          {bad: true},
		`1604357812`:                         {bad: true},
		`{"at":1}`:                           {bad: true},
		`"2020-11-02T22:56:52Z\nexpiry=now"`: {bad: true},
	} {
		var got stamp
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.bad != want.bad || !got.bad && !got.at.Equal(want.at) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

// TestIssuedPATPrints: no verb and no encoder shows the secret.
func TestIssuedPATPrints(t *testing.T) {
	t.Parallel()
	var r patResult
	if err := json.Unmarshal([]byte(createReply(`},"patTokenError":"none"}`)), &r); err != nil {
		t.Fatal(err)
	}
	record, err := r.Token.record()
	if err != nil || r.Token.Token.Reveal() != exampleToken() {
		t.Fatal(err)
	}
	issued := IssuedPAT{record, r.Token.Token.Secret}
	for _, v := range []any{r, &r, *r.Token, issued, &issued} {
		encoded, err := json.Marshal(v)
		if all := fmt.Sprintf("%v %+v %#v %s %x %d", v, v, v, v, v, v) + string(encoded); err != nil || strings.Contains(all, exampleToken()) ||
			strings.Contains(all, fmt.Sprintf("%x", exampleToken())) {
			t.Errorf("%T shows it: %v", v, err)
		}
	}
}
