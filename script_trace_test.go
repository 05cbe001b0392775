//go:build linux

package patrol_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitpatrol/patrol/internal/emulator"
)

// gitTraces are the variables by which Git writes down what it does. The test
// of a script runs with all of them, each to a file, which is searched for
// secrets as the script's own files are (X11, S12): a trace that one turns on
// to find a fault is sent to others. GIT_CURL_VERBOSE, which is a part of
// GIT_TRACE_CURL on standard error, is in bad-traces.txtar.
// See https://git-scm.com/docs/git#_git_trace and https://git-scm.com/docs/api-trace2.
func gitTraces() []string {
	return []string{
		"GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE_PACKET", "GIT_TRACE_SETUP", "GIT_TRACE_PERFORMANCE", "GIT_TRACE_REFS", "GIT_TRACE_SHALLOW",
		"GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE2_PERF",
	}
}

// traceEnv makes the files of a script's traces and returns the variables.
// Whoever runs Git in the script may write there.
func traceEnv(dir string) ([][2]string, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	env := [][2]string{
		{"GIT_TRACE2_CONFIG_PARAMS", "credential.*,patrol.*,core.*"}, // others may hold what a person put there
		{"GODEBUG", "http2debug=2"}, {"AGEDEBUG", "plugin"},          // what our libraries have of the kind
	}
	for _, name := range gitTraces() {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return nil, err
		}
		if err := os.Chmod(path, 0o666); err != nil {
			return nil, err
		}
		env = append(env, [2]string{name, path})
	}
	return env, os.Chmod(dir, 0o711)
}

// ownTraces are the scripts that send Git's traces to places of their own.
func ownTraces() []string { return []string{"script-bad-traces", "script-trace"} }

// missingTraces says so if Git spoke to the emulator and left no trace of it:
// then the search of the traces was none.
func (s *script) missingTraces() (complaints []string) {
	if s.emulator == nil || slices.Contains(ownTraces(), filepath.Base(s.work)) {
		return nil
	}
	spoke := slices.ContainsFunc(s.emulator.Requests(), func(r emulator.Request) bool { return r.Service != "" && r.Credential != "sshkey" })
	for _, name := range []string{"GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE2_EVENT"} {
		if info, err := os.Stat(filepath.Join(s.traces, name)); spoke && (err != nil || info.Size() == 0) {
			complaints = append(complaints, name+" is empty, though Git was run: "+fmt.Sprint(err))
		}
	}
	return complaints
}

// untraced are the words that run a program without the traces.
func untraced() []string {
	words := []string{"env"}
	for _, name := range gitTraces() {
		words = append(words, "-u", name)
	}
	return words
}
