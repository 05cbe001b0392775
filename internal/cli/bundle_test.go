package cli

import "testing"

func TestHostOf(t *testing.T) {
	t.Parallel()
	for proxy, want := range map[string]string{
		"":                                "",
		"proxy.acme.example":              "proxy.acme.example",
		"proxy.acme.example:3128":         "proxy.acme.example",
		"http://proxy.acme.example":       "proxy.acme.example",
		"socks5h://u:p@[fd00::1]:1080/":   "fd00::1",
		"http://u:p/x@p.acme.example:80/": "p.acme.example",
	} {
		if got := hostOf(proxy); got != want {
			t.Errorf("%s: %q, want %q", proxy, got, want)
		}
	}
}
