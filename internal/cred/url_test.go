package cred_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gitpatrol/patrol/internal/cred"
)

// FromURL reads a URL as Git does.
// See credential_from_url in https://github.com/git/git/blob/master/credential.c.
func TestFromURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url  string
		want plain
	}{
		{"https://dev.azure.com", azureRequest},
		{"https://dev.azure.com/", azureRequest},
		{"HTTPS://DEV.azure.com:443//", azureRequest},
		{"https://dev.azure.com/contoso/", plain{Protocol: "https", Host: "dev.azure.com", Path: "contoso", HasPath: true}},
		{"https://contoso@dev.azure.com/contoso/a%20b/_git/r", plain{Protocol: "https", Host: "dev.azure.com", Path: "contoso/a b/_git/r", HasPath: true, Username: "contoso", HasUsername: true}},
		{"https://u:@h/", plain{Protocol: "https", Host: "h", Username: "u", HasUsername: true, HasPassword: true}},
		{"https://u:a:b@h/", plain{Protocol: "https", Host: "h", Username: "u", HasUsername: true, Password: "a:b", HasPassword: true}},
		{"https://h:8443/p@q", plain{Protocol: "https", Host: "h:8443", Path: "p@q", HasPath: true}},
		{"https://[::1]:8443/p", plain{Protocol: "https", Host: "[::1]:8443", Path: "p", HasPath: true}},
		// To a browser the backslash is a slash; to Git it belongs to the user.
		{`https://dev.azure.com\@evil.example/`, plain{Protocol: "https", Host: "evil.example", Username: `dev.azure.com\`, HasUsername: true}},
		{"cert:///etc/x", plain{Protocol: "cert", Path: "etc/x", HasPath: true}},
	} {
		req, err := cred.FromURL(test.url)
		if err != nil || plainOf(req) != test.want {
			t.Errorf("%s: got %+v, %v\nwant %+v", test.url, plainOf(req), err, test.want)
		}
	}
}

func TestFromURLRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "dev.azure.com", "https:dev.azure.com", "https:/dev.azure.com", "://h", "ht%74ps://h", "https://", "https:///contoso",
		"https://a@b@dev.azure.com/", "https://dev.azure.com@evil.example@x/", `https://dev.azure.com\/x`,
		"https://dev.azure.com%40evil.example/", "https://dev.azure.com%0a/", "https://h/%0d", "https://h/%00", "https://h/%", "https://h/%1", "https://h/%g1",
		"https://h/a\nb", "https://h/a\rb", "https://h/a\x00b", "https://u\n@h/", "https://h:0/", "https://h h/", "git@ssh.dev.azure.com:v3/a/b/c",
		"https://h/" + strings.Repeat("a", 9<<10),
	} {
		if req, err := cred.FromURL(url); !errors.Is(err, cred.ErrMalformed) {
			t.Errorf("%q was read as %+v, %v", url, plainOf(req), err)
		}
	}
}
