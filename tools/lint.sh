#!/bin/sh
# usage: lint.sh
# Checks the whole checkout: gofmt, go vet and staticcheck for each system that patrol builds for, shellcheck, and govulncheck
# where its database can be reached. Names everything it finds before it ends with 1. The tools' versions are in lint.mod.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.." || exit 1
export CGO_ENABLED=0 # as the programs are built
GO=${GO:-go}
failed=''

# check NAME COMMAND [ARG]...: says that it is right, or what it says.
check() {
	name=$1
	shift
	if found=$("$@" 2>&1) && [ -z "$found" ]; then
		echo "$name: nothing found"
		return
	fi
	printf '%s:\n%s\n' "$name" "$found" | sed '2,$s/^/  /'
	failed="$failed $name"
}

# files PATTERN...: those of the checkout, also the ones not yet added.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}
formatted() { files '*.go' | xargs gofmt -l; }
tool() { "$GO" tool -modfile=tools/lint.mod -n "$1"; } # builds it, and prints where it is

check gofmt formatted
staticcheck=$(tool staticcheck) || failed="$failed staticcheck"
for os in linux darwin windows; do
	check "go vet $os" env GOOS=$os "$GO" vet ./...
	[ -z "$staticcheck" ] || check "staticcheck $os" env GOOS=$os "$staticcheck" ./...
done

shell_files() {
	files | while read -r file; do
		case $(head -n 1 "$file" | tr -d '\0') in '#!'*sh | '# shellcheck shell='*) echo "$file" ;; esac
	done
}
shell_checked() { shell_files | xargs shellcheck --external-sources --source-path=SCRIPTDIR --format=gcc; }
if command -v shellcheck >/dev/null || tools/need.sh shellcheck >/dev/null 2>&1; then
	check shellcheck shell_checked
else
	echo "shellcheck: not checked: install shellcheck"
fi

# govulncheck ends with 0 where no known hole can be reached from our code.
if vulns=$(timeout 180 "$GO" tool -modfile=tools/lint.mod govulncheck ./... 2>&1); then
	echo "govulncheck: nothing found"
elif echo "$vulns" | grep -q 'fetching vulnerabilities'; then
	echo "govulncheck: not checked: its database cannot be reached"
else
	check govulncheck echo "$vulns"
fi

[ -z "$failed" ] || {
	echo "lint.sh: found something:$failed" >&2
	exit 1
}
