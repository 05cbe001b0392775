# shellcheck shell=sh
# Stands in for t/test-lib.sh of git's source, as far as t0303-credential-external.sh needs it. Git's test sources it.
# It runs the git on PATH, with a HOME of its own.

# shellcheck disable=SC2046 # lists of names
unset GIT_TRACE $(env | sed -n 's/^\(GIT_TRACE[A-Z0-9_]*\)=.*/\1/p') && unset $(git rev-parse --local-env-vars)
unset GIT_ASKPASS SSH_ASKPASS GIT_EXEC_PATH GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM
HOME=$TEST_DIRECTORY/trash
XDG_CONFIG_HOME=$HOME/.config XDG_CACHE_HOME=$HOME/.cache XDG_STATE_HOME=$HOME/.state XDG_DATA_HOME=$HOME/.data
GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 LC_ALL=C
export HOME XDG_CONFIG_HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_DATA_HOME GIT_CONFIG_NOSYSTEM GIT_TERMINAL_PROMPT LC_ALL
git init -q "$HOME" && cd "$HOME" || exit 1
# patrol takes the kernel's keyring in a container only when told to; other helpers ignore this.
git config --global patrol.keySource "${KEY_SOURCE:-kernel}" || exit 1

# What a helper keeps outside HOME goes with it: patrol's vault key, the daemon of git's cache.
clean_up() {
	patrol=$(dirname "$GIT_TEST_CREDENTIAL_HELPER")/patrol
	test ! -x "$patrol" || "$patrol" lock
	test ! -S "$XDG_CACHE_HOME/git/credential/socket" || git credential-cache exit
} >/dev/null 2>&1 </dev/null
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2034 # used by git's tests
SQ=\'
n=0 bad=0
say() { printf '%s\n' "$*"; }
write_script() { { echo '#!/bin/sh' && cat; } >"$1" && chmod +x "$1"; }
test_config() { git config "$1" "$2" && unconfig="$unconfig $1"; }
test_cmp() { diff -u "$@"; }
test_must_be_empty() { test ! -s "$1"; }
test_expect_success() {
	n=$((n + 1)) unconfig=
	if eval "$2" >.log 2>&1; then
		say "ok $n - $1"
	else
		bad=$((bad + 1))
		say "not ok $n - $1"
		sed 's/^/#   /' .log
	fi
	for key in $unconfig; do git config --unset-all "$key"; done
}
test_done() {
	say "1..$n"
	say "$((n - bad)) passed, $bad failed"
	test $n -gt 0 && test $bad = 0
	exit
}
