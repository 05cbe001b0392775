package sshkey

import "io/fs"

// mine is the business of access lists here.
func mine(string, fs.FileInfo) error { return nil }
