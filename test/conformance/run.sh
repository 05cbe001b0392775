#!/bin/sh
# usage: run.sh GIT_SOURCE HELPER [HELPER_WITH_TIMEOUT]
# Runs git's own tests of credential helpers, t0303 in the folder GIT_SOURCE (tools/git-tests.sh gets it), with the git
# on PATH against HELPER: an absolute path without blanks, or a name that git knows. The last line is "N passed, M failed".
# EXT=1         adds the tests of authtype, which git's suite runs for its cache only (2.46 and newer)
# KEY_SOURCE=x  sets patrol.keySource (default: kernel)
set -eu
die() {
	printf 'run.sh: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}
[ $# -ge 2 ] || die "two arguments are needed" "usage: run.sh GIT_SOURCE HELPER [HELPER_WITH_TIMEOUT]"
[ -f "$1/t/t0303-credential-external.sh" ] || die "git's tests are not in $1" "run: tools/git-tests.sh SUITE $1"
case $2 in
*[[:space:]]*) die "git's tests cannot use a path with blanks: $2" "build it elsewhere" ;;
/*) [ -x "$2" ] || die "cannot run $2" "build it first" ;;
*/*) die "$2 is not an absolute path" "run: $0 $1 $PWD/$2" ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp "$1/t/lib-credential.sh" "$1/t/t0303-credential-external.sh" "$here/test-lib.sh" "$w/"
if [ -n "${EXT:-}" ]; then
	# shellcheck disable=SC2016 # for git's script to expand
	sed -i 's/^helper_test_oauth_refresh_token .*/&\nhelper_test_authtype "$GIT_TEST_CREDENTIAL_HELPER"/' \
		"$w/t0303-credential-external.sh"
fi
cd "$w"
TEST_DIRECTORY=$w GIT_TEST_CREDENTIAL_HELPER=$2 GIT_TEST_CREDENTIAL_HELPER_TIMEOUT=${3:-} sh ./t0303-credential-external.sh
