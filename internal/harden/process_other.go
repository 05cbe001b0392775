//go:build unix && !linux && !darwin

package harden

// Process keeps the kernel from writing a core of this process. It is the first
// thing that a program does, and no error if it fails.
func Process() { noCore() }
