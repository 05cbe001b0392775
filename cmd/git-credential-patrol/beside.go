package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// besideUs returns the absolute path of a program in our own directory: never
// one that PATH or the working directory could substitute.
func besideUs(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find our own path: %w", err)
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return "", fmt.Errorf("find our own path: %w", err)
	}
	return filepath.Join(filepath.Dir(self), name), nil
}
