#!/bin/sh
# usage: gits.sh [SUITE...]
# The scripts that matter most, with the stock gits of several Debian releases in the place of the system's: the oldest
# that is still in use, one with authtype, the newest. Each git is got once, into CACHE (default: .cache of the checkout).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
. "$here/lib.sh"
cache=${CACHE:-$root/.cache}
scripts='gits-story gits-user clone setup why generic suspect accounts interactive bad-locked many-gets'
[ $# -gt 0 ] || set -- bullseye trixie sid # 2.30, 2.47, the newest

w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$cache"
count=$(echo "$scripts" | wc -w)
pattern="^TestScript$/^in$/^($(echo "$scripts" | tr ' ' '|'))$"
failed=0
cd "$root"
for suite; do
	"$here/newgit.sh" "$suite" "$cache/git-$suite" >"$w/version"
	status=0
	PATH=$cache/git-$suite/bin:$PATH "${GO:-go}" test -count=1 -v -run "$pattern" . >"$w/out" 2>&1 || status=$?
	passed=$(grep -c '^ *--- PASS: TestScript/in/' "$w/out") || :
	# gits-story asks git for its version: it must have run with this one and no other.
	if ! grep -A 1 '> exec git version' "$w/out" | grep -q '\[stdout\]' || ! grep -qxF "$(sed 's/^/        /' "$w/version")" "$w/out"; then
		echo "it did not run with $(cat "$w/version")" >>"$w/out"
		status=1
	fi
	if [ $status = 0 ] && [ "$passed" = "$count" ]; then
		echo "$(cat "$w/version") ($suite): $passed/$count scripts"
		continue
	fi
	grep -v '^ *--- PASS' "$w/out" | tail -n 60
	echo "$(cat "$w/version") ($suite): $passed/$count scripts, status $status"
	failed=$((failed + 1))
done
[ $failed = 0 ]
