// Package harden keeps what a program knows out of the reach of other programs
// and of the disk: Process for the whole process, Keep for its secrets.
// docs/threat-model.md says what that is worth.
package harden
