package harden

import "testing"

func TestOnShareX10(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		`\\evil.example\share\ca.pem`, `//evil.example/share/ca.pem`, `\/evil.example\share`, `\\evil.example@80\x`, `\\?\UNC\evil.example\x`,
		`\\.\UNC\evil.example\x`, `//?/UNC/evil.example/x`, `\??\UNC\evil.example\x`, `\\.\pipe\x`, `\\127.0.0.1\c$\x`, `\\`,
	} {
		if onShare("windows", path) == nil {
			t.Errorf("%s is opened", path)
		}
		if err := onShare("linux", path); err != nil {
			t.Errorf("%s on Linux: %v", path, err)
		}
	}
	for _, path := range []string{`C:\Users\ada\ca.pem`, `C:/Users/ada`, `\\?\C:\very\long`, `\Users\ada`, `ca.pem`, ``, `C:\a\\b`} {
		if err := onShare("windows", path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
