#!/bin/sh
# usage: lint.sh
# Checks the whole checkout: gofmt, go vet for each system that patrol builds for, staticcheck, shellcheck, and govulncheck
# where its database can be reached. Names everything it finds before it ends with 1. The tools' versions are in lint.mod.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.." || exit 1
export CGO_ENABLED=0 # as the programs are built
GO=${GO:-go}
systems='linux darwin windows'
failed=''
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check NAME COMMAND [ARG]...: says that there is nothing, or what there is. A COMMAND that cannot check ends with 3 and says why.
check() {
	name=$1 status=0
	shift
	found=$("$@" 2>&1) || status=$?
	case $status in
	0) echo "$name: nothing found" ;;
	3) echo "$name: not checked: $found" ;;
	*)
		printf '%s:\n%s\n' "$name" "$found" | sed '2,$s/^/  /'
		failed="$failed, $name"
		;;
	esac
}

# files PATTERN...: those of the checkout, also the ones not yet added.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

formatted() {
	files '*.go' | xargs gofmt -l >"$work/gofmt" 2>&1 && [ ! -s "$work/gofmt" ] || ! cat "$work/gofmt"
}

tool() { "$GO" tool -modfile=tools/lint.mod -n "$1"; } # builds it, and prints where it is

# static looks at the code as built here; go vet looks at it for the other systems too.
static() {
	[ -x "$staticcheck" ] || { echo "it cannot be built" && return 1; }
	"$staticcheck" ./... || return 1
}

shell_files() {
	files | while read -r file; do
		case $(head -n 1 "$file" | tr -d '\0') in '#!'*sh | '# shellcheck shell='*) echo "$file" ;; esac
	done
}
shell_checked() {
	command -v shellcheck >/dev/null || tools/need.sh shellcheck >/dev/null || return 3
	shell_files | xargs shellcheck --external-sources --source-path=SCRIPTDIR --format=gcc || return 1
}

# vulnerable finds known holes that our code reaches.
vulnerable() {
	vulns=$(timeout 180 "$govulncheck" ./... 2>&1) && return
	case $?$vulns in
	124* | *'fetching vulnerabilities'*) echo "its database cannot be reached" && return 3 ;;
	*) echo "$vulns" && return 1 ;;
	esac
}

check gofmt formatted
for os in $systems; do check "go vet for $os" env GOOS="$os" "$GO" vet ./...; done
staticcheck=$(tool staticcheck) govulncheck=$(tool govulncheck) # not in check: go says here what it downloads
check staticcheck static
check shellcheck shell_checked
check govulncheck vulnerable

[ -z "$failed" ] || {
	echo "lint.sh: found something: ${failed#, }" >&2
	exit 1
}
