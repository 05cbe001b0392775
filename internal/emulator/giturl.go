package emulator

import (
	"slices"
	"strings"
)

// gitTarget is a Git URL taken apart. Forms:
// https://learn.microsoft.com/en-us/azure/devops/repos/git/clone and, for
// _optimized and _full, the tests of UrlHelper in
// https://github.com/microsoft/azure-devops-intellij.
type gitTarget struct {
	project, repository string
	rest                string // after the repository, such as "info/refs"
}

// isGitPath reports whether a path has the segment that marks Git URLs.
func isGitPath(t target) bool {
	return t.plane == planeCore && slices.ContainsFunc(t.segments, isGitSegment)
}

// isGitSegment is the mark itself, in any case.
func isGitSegment(s string) bool { return strings.EqualFold(s, "_git") }

// parseGit reads {project}/_git/[_optimized|_full/]{repository}/{rest}, or
// without the project where the repository has the project's name.
func parseGit(segments []string) (gitTarget, bool) {
	mark := slices.IndexFunc(segments, isGitSegment)
	after := segments[mark+1:]
	if len(after) > 0 && (strings.EqualFold(after[0], "_optimized") || strings.EqualFold(after[0], "_full")) {
		after = after[1:]
	}
	if mark < 0 || mark > 1 || len(after) == 0 || after[0] == "" {
		return gitTarget{}, false
	}
	t := gitTarget{project: after[0], repository: after[0], rest: strings.Join(after[1:], "/")}
	if mark == 1 {
		t.project = segments[0]
	}
	return t, true
}
