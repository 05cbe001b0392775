// Command browser stands in for a person at a browser, in the demo and in
// tests: it opens an address, fills in the real HTML forms it is shown, and
// follows where they lead. It knows people from $HOME/.browser.json:
//
//	{"user": "ada@contoso.com", "password": "...", "totp": "BASE32", "do": "sign in"}
//
// "do" may be "cancel", to press the button or link of that name, or "close", to look
// at the first page and go away.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: browser URL")
		os.Exit(2)
	}
	p, err := readPerson(filepath.Join(os.Getenv("HOME"), ".browser.json"))
	if err == nil {
		err = p.visit(os.Args[1], os.Getenv("AZDO_EMULATOR"), time.Now)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}
