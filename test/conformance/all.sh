#!/bin/sh
# usage: all.sh HELPER
# Git's own tests of credential helpers against HELPER (an absolute path): those of git 2.39 with the system's git, and
# the newest with a git of 2.47 or newer, authtype included. Each must run as many tests as it is known to have, pass them
# all, and write nothing to stderr. The gits and tests are got once, into CACHE (default: .cache of the checkout).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${CACHE:-$root/.cache}
failed=0 total=0
die() {
	printf 'all.sh: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}
[ $# = 1 ] || die "one argument is needed" "usage: all.sh HELPER"

# check COUNT TESTS HELPER: the tests in the folder TESTS pass, COUNT of them, and stderr stays silent.
check() {
	name="git $(git version | cut -d' ' -f3) with the tests of $(cat "$2/version")"
	status=0
	"$here/run.sh" "$2" "$3" >"$w/out" 2>"$w/err" || status=$?
	passed=$(grep -c '^ok ' "$w/out") || :
	total=$((total + passed))
	if [ $status = 0 ] && [ "$(tail -n 1 "$w/out")" = "$1 passed, 0 failed" ] && [ "$passed" = "$1" ] && [ ! -s "$w/err" ]; then
		echo "$name: $passed/$1, stderr silent"
		return
	fi
	grep -v '^ok ' "$w/out" || :
	[ ! -s "$w/err" ] || { echo "# stderr:" && sed 's/^/#   /' "$w/err"; }
	echo "$name: $passed/$1, status $status"
	failed=$((failed + ($1 > passed ? $1 - passed : 1)))
}

w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$cache"
"$root/tools/need.sh" git
"$root/tools/git-tests.sh" bookworm "$cache/git-tests-bookworm"
"$root/tools/git-tests.sh" sid "$cache/git-tests-sid"
"$root/tools/newgit.sh" trixie "$cache/git-trixie" >"$w/version"

check 12 "$cache/git-tests-bookworm" "$1"

PATH=$cache/git-trixie/bin:$PATH EXT=1
export PATH EXT
# 29 in git 2.55. A later git may have more; the one for helpers with a timeout is not run.
tests=$(grep -c '^	test_expect_success ' "$cache/git-tests-sid/t/lib-credential.sh") || :
[ "$tests" -ge 30 ] || die "git's newest tests are $tests, not 30 or more" "look at what changed in t/lib-credential.sh"
check $((tests - 1)) "$cache/git-tests-sid" "$1"

echo "$total passed, $failed failed"
[ $failed = 0 ]
