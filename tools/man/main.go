// Command man writes the manual pages of patrol, one for each command, from the
// commands themselves:
//
//	go run ./tools/man docs/man
//
// The page of git-credential-patrol, which has no command line to speak of, is
// written by hand.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitpatrol/patrol/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "man: one argument is needed\nhint: go run ./tools/man docs/man")
		os.Exit(2)
	}
	for name, text := range pages(cli.Root()) {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "man:", err)
			os.Exit(1)
		}
	}
}
