package main

import (
	"io"
	"os"
	"time"

	"github.com/gitpatrol/patrol/internal/helper"
)

// input returns standard input, and what to call once the request has been
// read: the process ends at end otherwise.
func input(end time.Time) (r io.Reader, heard func()) {
	late := time.AfterFunc(time.Until(end), func() { os.Exit(helper.Failed) })
	return os.Stdin, func() { late.Stop() }
}
