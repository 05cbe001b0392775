// Command browser stands in for a person at a browser, in the demo and in
// tests: it opens an address, fills in the real HTML forms it is shown, and
// follows where they lead. It knows people from $HOME/.browser.json:
//
//	{"user": "ada@contoso.com", "password": "...", "totp": "BASE32", "do": "sign in"}
//
// "do" may be "cancel", to press the button or link of that name, or "close", to look
// at the first page and go away. Without "totp" the emulator's control call of
// that name tells the code; "after" is how long the person takes to begin. Each
// address becomes a line of $HOME/.browser.log.
package main

import (
	"errors"
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
	home := os.Getenv("HOME")
	p, err := readPerson(filepath.Join(home, ".browser.json"))
	if err == nil {
		err = note(filepath.Join(home, ".browser.log"), os.Args[1])
	}
	if err == nil {
		err = p.visit(os.Args[1], os.Getenv("AZDO_EMULATOR"), time.Now)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

// note appends a line, whole, to a file.
func note(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
