package foreign

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// gcmPlaintext is Git Credential Manager's store of the name plaintext: a file
// NAMESPACE/https/HOST/.../ACCOUNT.credential for each credential.
// See https://github.com/git-ecosystem/git-credential-manager/blob/main/docs/credstores.md#plaintext-files and
// https://github.com/git-ecosystem/git-credential-manager/blob/main/src/shared/Core/PlaintextCredentialStore.cs.
func gcmPlaintext() Format {
	return Format{
		Name: "gcm-plaintext", Title: "Git Credential Manager's plaintext store", Limit: small, Alone: true,
		Doc: "https://github.com/git-ecosystem/git-credential-manager/blob/main/docs/credstores.md",
		Files: func(p Places) []Place {
			if p.GCMStore != "" {
				return credentialFiles(p.GCMStore, ".credential", p.GCMStore)
			}
			return credentialFiles(p.home(".gcm", "store"), ".credential", p.Home)
		},
		Parse: func(data []byte) []Entry {
			if e, ok := ParseGCM(data); ok {
				return []Entry{e}
			}
			return nil
		},
	}
}

// GCMFiles lists what is in a store of Git Credential Manager's below root, by
// the ending of its files. It follows no link.
func GCMFiles(root, ending string) []string {
	var paths []string
	for _, p := range credentialFiles(root, ending, root) {
		paths = append(paths, p.Path)
	}
	return paths
}

func credentialFiles(root, ending, home string) []Place {
	const most = 10_000 // files and directories that are looked at
	var places []Place
	seen := 0
	if root == "" {
		return nil
	}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if seen++; err != nil || seen > most {
			return fs.SkipDir
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() && (strings.Count(rel, string(filepath.Separator)) > deep || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		if d.Type().IsRegular() && strings.HasSuffix(d.Name(), ending) {
			places = append(places, Place{path, home})
		}
		return nil
	})
	return places
}

// ParseGCM reads a credential as Git Credential Manager writes it, in clear or
// decrypted: the secret on the first line, then service=URL and account=NAME.
func ParseGCM(data []byte) (e Entry, ok bool) {
	secret, rest, found := bytes.Cut(data, []byte("\n"))
	if !found || len(secret) == 0 {
		return e, false
	}
	e = Entry{value: span{0, len(secret)}, cut: span{0, len(data)}}
	for line := range bytes.Lines(rest) {
		text := strings.TrimRight(string(line), "\r\n")
		if strings.TrimSpace(text) == "" {
			break
		}
		key, value, _ := strings.Cut(text, "=")
		switch cred.Lower(key) {
		case "service":
			e.locate(value)
			ok = e.Host != ""
		case "account":
			e.User, e.HasUser = value, value != ""
		}
	}
	e.Secret = cred.NewSecret(strings.TrimSuffix(string(secret), "\r"))
	return e, ok
}

// GCMService reads the name under which Git Credential Manager keeps a secret in
// a Secret Service: NAMESPACE:URL.
// See https://github.com/git-ecosystem/git-credential-manager/blob/main/src/shared/Core/Interop/Linux/SecretServiceCollection.cs.
func GCMService(service, account string, secret cred.Secret) (e Entry, ok bool) {
	at := strings.Index(service, "://")
	if at < 0 {
		return e, false
	}
	if colon := strings.LastIndexByte(service[:at], ':'); colon >= 0 {
		service = service[colon+1:]
	}
	e.locate(service)
	e.User, e.HasUser, e.Secret = account, account != "", secret
	return e, e.Host != ""
}

// IsRefresh says that the entry is a refresh token, which Git Credential Manager
// keeps beside its credentials under a name of its own, and which is none for
// Git.
// See https://github.com/git-ecosystem/git-credential-manager/blob/main/src/shared/Core/GenericHostProvider.cs,
// and the same of GitLab and Bitbucket.
func (e Entry) IsRefresh() bool {
	return strings.HasPrefix(e.Host, "refresh_token.") || strings.HasPrefix(e.Host, "oauth-refresh-token.") ||
		strings.HasSuffix(e.Path, "/refresh_token") || e.Path == "refresh_token"
}

// IsJWT says that the secret looks like an access token of Microsoft Entra,
// which lives for an hour or so.
func (e Entry) IsJWT() bool {
	s := e.Secret.Reveal()
	return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2
}

// FirstLine is the password of what git-credential-libsecret keeps: since Git
// 2.42 its expiry and a refresh token follow on lines of their own.
// See https://github.com/git/git/blob/master/contrib/credential/libsecret/git-credential-libsecret.c.
func FirstLine(secret cred.Secret) cred.Secret {
	if !secret.IsSet() {
		return secret
	}
	line, _, _ := strings.Cut(secret.Reveal(), "\n")
	return cred.NewSecret(line)
}
