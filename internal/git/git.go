// Package git finds the user's git and reads its configuration once, with the
// scope of every value, so that nothing a repository says can steer patrol.
package git
