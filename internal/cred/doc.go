// Package cred is Git's credential-helper wire format: what Git says
// (Request), what we answer (Reply), and the Secret type both carry.
// See https://git-scm.com/docs/git-credential#IOFMT.
package cred
