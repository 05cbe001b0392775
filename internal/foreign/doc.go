// Package foreign reads the credentials that other programs keep in files, and
// takes single ones out of them: Git's own helpers, package managers, editors
// and agents. It knows one format per file of this package, listed in Formats.
//
// A file is read only if it is the user's own and regular; nothing waits for a
// FIFO, and every format has a limit of size. A rewrite changes the bytes of
// one entry and no other, keeps mode and owner, and leaves no copy behind.
package foreign

import (
	"strings"

	"github.com/gitpatrol/patrol/internal/cred"
)

// Entry is one credential in a file.
type Entry struct {
	Protocol, Host, Path string // what it is for, as far as the file says
	User                 string
	HasUser              bool
	// Secret is absent where the file holds it encrypted, so that it can be
	// named and no more.
	Secret cred.Secret
	// Token says that the secret is a token of Azure DevOps, by its checksum.
	Token bool
	// Only in files without a syntax of credentials: the organisation is the
	// one that the file speaks of.
	Guessed bool
	Line    int // from 1

	cut   span // what goes when the entry does
	value span // the secret as it is written
}

// span is data[from:to].
type span struct{ from, to int }

// Organisation is the Azure DevOps organisation that the entry is for, in lower
// case; "" for other hosts, and where the file does not say.
// See https://learn.microsoft.com/azure/devops/organizations/settings/security/allowed-ip-address-list-and-urls.
func (e Entry) Organisation() string {
	host := cred.Lower(e.Host)
	org := ""
	switch {
	case host == "dev.azure.com" || host == "pkgs.dev.azure.com" || host == "vssps.dev.azure.com":
		org, _, _ = strings.Cut(strings.TrimLeft(e.Path, "/"), "/")
	case strings.HasSuffix(host, ".visualstudio.com"):
		org, _, _ = strings.Cut(host, ".")
	}
	if strings.Trim(cred.Lower(org), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return ""
	}
	return cred.Lower(org)
}

// Places says where a person's files are looked for.
type Places struct {
	Home   string
	Getenv func(string) string
	Repo   string   // the work tree patrol stands in, "" for none
	Stores []string // files named by "store --file" in Git's configuration
	// GCMStore is where Git Credential Manager's plaintext store was put, "" for
	// its usual place.
	GCMStore string
}

// env is the directory that a variable names, by default one below Home.
func (p Places) env(name string, home ...string) string {
	if dir := p.Getenv(name); strings.HasPrefix(dir, "/") {
		return dir
	}
	return p.home(home...)
}

// Place is where a file may be, and the directory that it must not lead out of.
type Place struct{ Path, Root string }

// Format is a kind of file.
type Format struct {
	Name  string // short, as users type it
	Title string // for people
	// Needs is the program that reads the secret there and stops working
	// without it. Empty where Git asks patrol in its place.
	Needs string
	Doc   string // where the format is described
	Files func(Places) []Place
	Limit int64 // of size, in bytes
	// Alone says that a file holds one credential and goes with it.
	Alone bool
	Parse func([]byte) []Entry
}

// Limits of size. A file of credentials is small; histories and the state of
// agents are not.
const (
	small = 1 << 20
	large = 32 << 20
	deep  = 64 // levels of nesting
)

// Formats lists every format.
func Formats() []Format {
	return []Format{
		gitStore(), netrc(), npmrc(), yarn(), nuget(), pip(), pypirc(), maven(), docker(), cargo(), azureCLI(), gcmPlaintext(), mentions(),
	}
}

// Find returns the format of a name.
func Find(name string) (Format, bool) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}
