// Command trivial is the least that a Go program can do for Git: it reads the
// request to its end and prints two lines. What a helper costs beyond it is the
// helper's own.
package main

import (
	"io"
	"os"
)

func main() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	_, _ = os.Stdout.WriteString("username=ada\npassword=hunter2\n")
}
