#!/bin/sh
# usage: git-tests.sh SUITE DEST
# Gets the two files of git's own test of credential helpers from the source of Debian SUITE's git (bookworm: 2.39,
# sid: the newest), as DEST/t/... with git's version in DEST/version. They are under the GPL: never commit them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ $# = 2 ] || die "two arguments are needed" "usage: git-tests.sh SUITE DEST"

works() { [ -s "$dest/version" ] && [ -s "$dest/t/lib-credential.sh" ] && [ -s "$dest/t/t0303-credential-external.sh" ]; }
start "$2" "git-tests $1"
git_source "$1" "$tmp" t/lib-credential.sh t/t0303-credential-external.sh
finish
