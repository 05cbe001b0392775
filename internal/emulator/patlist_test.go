package emulator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// names lists the names on all pages of a list.
func (p pats) names(query string) (names []string, pages int) {
	p.t.Helper()
	next := ""
	for {
		var page pagedPATs
		r := api(p.t, p.e, "GET", patsURL+query+next, p.token, "")
		if err := json.Unmarshal([]byte(strings.TrimPrefix(r.body, "\ufeff")), &page); err != nil || r.status != 200 {
			p.t.Fatalf("%s: %d %s", query, r.status, r.body)
		}
		pages++
		for _, x := range page.PATTokens {
			names = append(names, x.DisplayName)
		}
		if page.ContinuationToken == "" {
			return names, pages
		}
		next = "&continuationToken=" + page.ContinuationToken
	}
}

func TestListPATs(t *testing.T) {
	t.Parallel()
	p := startPATs(t)
	p.create("c", "vso.code", 3*time.Hour)
	p.create("a", "vso.code", time.Minute)
	gone := p.create("B", "vso.code", 2*time.Hour)
	p.create("d", "vso.code", time.Hour)
	mint(t, p.e, "gwen@northwind.com", "vso.code")
	p.call("DELETE", "&authorizationId="+gone.AuthorizationID, "")
	p.e.Advance(2 * time.Minute)
	for query, want := range map[string]string{
		"":                             "c d",
		"&displayFilterOption=active":  "c d",
		"&displayFilterOption=expired": "a",
		"&displayFilterOption=Revoked": "B",
		"&displayFilterOption=all":     "c a B d",
		"&displayFilterOption=all&sortByOption=displayName":                       "a B c d",
		"&displayFilterOption=all&sortByOption=displayName&isSortAscending=false": "d c B a",
		"&displayFilterOption=all&sortByOption=displayDate&isSortAscending=true":  "a d B c",
		"&displayFilterOption=all&sortByOption=status":                            "c d a B",
		"&displayFilterOption=all&$top=1":                                         "c a B d",
		"&displayFilterOption=all&$top=3&sortByOption=displayName":                "a B c d",
	} {
		if got, _ := p.names(query); strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	if _, pages := p.names("&displayFilterOption=all&$top=3"); pages != 2 {
		t.Errorf("%d pages of 3", pages)
	}
	if err := p.e.SetOrgPolicy("contoso", OrgPolicy{PageSize: 1, BOM: true, Spray: true}); err != nil {
		t.Fatal(err)
	}
	if got, pages := p.names("&displayFilterOption=all"); pages != 4 || len(got) != 4 {
		t.Errorf("%d pages, %v", pages, got)
	}
	for _, query := range []string{"&displayFilterOption=x", "&sortByOption=x", "&$top=0", "&$top=x", "&isSortAscending=x", "&continuationToken=x"} {
		if r := api(t, p.e, "GET", patsURL+query, p.token, ""); r.status != 400 {
			t.Errorf("%s: %d", query, r.status)
		}
	}
	first := api(t, p.e, "GET", patsURL+"&displayFilterOption=all", p.token, "")
	var page pagedPATs
	if err := json.Unmarshal([]byte(strings.TrimPrefix(first.body, "\ufeff")), &page); err != nil || !strings.Contains(first.body, "emulatorUnknown") {
		t.Fatal(err, first.body)
	}
	if r := api(t, p.e, "GET", patsURL+"&continuationToken="+page.ContinuationToken, p.token, ""); r.status != 400 {
		t.Errorf("a page of another filter: %d", r.status)
	}
}
