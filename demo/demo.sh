#!/usr/bin/env bash
# usage: demo.sh BIN
# Tells what patrol does, against an Azure DevOps that is played on this machine (azdo-emulator), in a home directory that is
# thrown away. BIN holds the three programs. Each step is checked: it ends with 0 only when every one did what it says.
# Needs git. It touches no configuration, vault or kernel key of yours, and asks nothing.
# shellcheck disable=SC2016 # commands are shown as typed, and expanded when they run
set -u

die() {
	printf 'demo: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}
[ $# = 1 ] || die "one argument is needed: the directory of the programs" "make demo"
unset CDPATH
BIN=$(cd -- "$1" 2>/dev/null && pwd) || die "there is no directory $1" "make demo builds it"
for program in patrol git-credential-patrol azdo-emulator; do
	[ -x "$BIN/$program" ] || die "$BIN has no $program" "make build"
done
command -v git >/dev/null || die "git is not in PATH" "install git"

# --- a world of its own, gone afterwards ------------------------------------------------------------------------------------

world='' emulator=''
# shellcheck disable=SC2317 # called by trap
clean_up() {
	trap '' HUP INT PIPE TERM
	[ -n "$world" ] || return
	"$BIN/patrol" lock >/dev/null 2>&1 # takes the vault's key out of the kernel keyring
	if [ -n "$emulator" ]; then
		kill "$emulator" 2>/dev/null
		wait "$emulator" 2>/dev/null
	fi
	cd / && rm -rf "$world"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

base=${TMPDIR:-/tmp}
case $base in *[[:space:]]*) base=/tmp ;; esac # the path becomes a word of patrol.passphraseCommand
umask 077
made=$(mktemp -d "$base/patrol-demo.XXXXXX") || die "cannot make a directory in $base" "set TMPDIR to one of yours"

# Nothing of the person's: no configuration, no proxy, no tokens of the environment, no input; CI keeps the browser closed.
exec </dev/null
unset "${!GIT_@}" "${!XDG_@}" "${!PATROL_@}" SSH_ASKPASS LANGUAGE
export HOME="$made/home" PATH="$BIN:$PATH" LC_ALL=C CI=true GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
world=$made
# Git would ask for a password through this program. It never does, which is checked.
printf '#!/bin/sh\n: >"%s/was-asked"\nexit 1\n' "$world" >"$world/askpass"
chmod +x "$world/askpass"
export GIT_ASKPASS=$world/askpass
mkdir "$HOME" && cd "$HOME" || exit 1
git config --global user.name Ada
git config --global user.email ada@contoso.com

azdo-emulator serve --dir "$world/emulator" --env-file "$world/emulator.env" >"$world/emulator.log" 2>&1 &
emulator=$!
tries=0
until [ -e "$world/emulator.env" ] || [ $((tries += 1)) -gt 1200 ] || ! kill -0 "$emulator" 2>/dev/null; do sleep 0.05; done
[ -e "$world/emulator.env" ] || die "azdo-emulator does not start: $(cat "$world/emulator.log")" "azdo-emulator serve"
# shellcheck source=/dev/null
. "$world/emulator.env"

# --- telling and checking ---------------------------------------------------------------------------------------------------

bold='' cyan='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$'\033[1m' cyan=$'\033[36m' plain=$'\033[0m'
fi
number=0 title='' out='' status=0 helper=$BIN/git-credential-patrol

step() {
	number=$((number + 1)) title=$1
	printf '\n%s== %d. %s%s\n\n' "$bold" "$number" "$title" "$plain"
}
say() { printf '%s\n' "$@"; }
also() { printf '\n' && say "$@"; }

# run COMMAND: shows it as typed, does it, and shows what it says. Paths are shortened to ~ and .../bin.
run() {
	printf '\n%s$ %s%s\n' "$cyan" "$1" "$plain"
	eval "$1" >"$world/out" 2>&1
	status=$?
	out=$(<"$world/out")
	local tilde='~' shown=$out
	shown=${shown//"${helper%/*}"/.../bin} # as Git's configuration has it
	shown=${shown//"$BIN"/.../bin}
	shown=${shown//"$HOME"/$tilde}
	# shellcheck disable=SC2001 # of each line
	[ -z "$shown" ] || sed 's/[[:blank:]]*$//' <<<"$shown"
	if grep -qE "$like_a_token" <<<"$out"; then failed "it shows a token"; fi
}
like_a_token='[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}' # since July 2024

failed() {
	printf '\ndemo: step %d (%s) did not do what it says: %s\n' "$number" "$title" "$1" >&2
	exit 1
}
works() { [ "$status" = 0 ] || failed "the last command ended with $status"; }
refused() { [ "$status" != 0 ] || failed "the last command was not refused"; }
shows() {
	local text
	for text; do
		grep -qF -- "$text" <<<"$out" || failed "\"$text\" is not in the output"
	done
}
shows_not() {
	local text
	for text; do
		if grep -qF -- "$text" <<<"$out"; then failed "\"$text\" is in the output"; fi
	done
}
nobody_was_asked() {
	if [ -e "$world/was-asked" ]; then failed "Git asked for a password"; fi
}
# forget_requests empties the service's log and tells whether there was a request like $1 in it.
forget_requests() {
	azdo-emulator log --clear >"$world/requests"
	grep -q -- "$1" "$world/requests"
}

# --- the story --------------------------------------------------------------------------------------------------------------

say "Azure DevOps is played by azdo-emulator on this machine, and your home directory" \
	"by a temporary one (~). Git and patrol are the real ones."

step "Tell Git to ask patrol"
say "You would choose a passphrase for the vault now. Nobody is at the keyboard, so a" \
	"file stands in for you."
printf 'correct horse battery staple\n' >"$HOME/passphrase"
run 'git config --global patrol.passphraseCommand "cat $HOME/passphrase"'
works
run 'patrol setup'
works
helper=$(git config --get-all credential.https://dev.azure.com.helper | tail -n 1)
shows 'Changed in' "credential.https://dev.azure.com.helper = $helper"
keyring=yes
if ! patrol unlock >/dev/null 2>&1; then
	keyring=no
	also "(Programs may not use the kernel keyring here, so the passphrase is asked for each" \
		"time, and what takes milliseconds elsewhere takes a second.)"
fi

step "A password alone opens nothing"
say "A password is one factor of two, so Azure Repos does not take it."
run 'git clone https://ada%40contoso.com:hunter2@dev.azure.com/contoso/shop/_git/web'
refused
shows 'Authentication failed'
also "Git would ask for one all the same, and people would type it. patrol stops Git" \
	"and says what helps."
run 'git clone https://dev.azure.com/contoso/shop/_git/web'
refused
shows 'patrol: no token for contoso' 'hint: patrol login'

step "Keep a token that the portal made"
say "It opens code and nothing else, and only for seven days. You would paste it," \
	"unseen; here it comes through a pipe. patrol asks the service whose it is before" \
	"it keeps it. (Without --pat, a browser opens, and patrol makes the token.)"
forget_requests .
login='azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code_write |
    patrol login --pat contoso --stdin --expires 7d'
run "$login"
works
shows 'Signed in to contoso as ada@contoso.com'
forget_requests '_apis/connectionData credential=pat' || failed "the service was not asked"
also "It is sealed in the vault now. No file holds it in clear:"
azdo-emulator token | grep -qE "$like_a_token" || failed "tokens do not look as expected"
run "grep -rE '$like_a_token' ~ || echo found nothing"
works
shows 'found nothing'

step "Clone"
say "Plain git, plain URL. Git asks patrol, and patrol answers from the vault."
run 'git clone https://dev.azure.com/contoso/shop/_git/web'
works
[ -s web/README.md ] || failed "there is no README.md in the clone"

step "Commit"
say "As ever: what needs no token does not involve patrol."
run 'cd web'
works
run 'echo "Sold out? We order more." >>README.md'
works
run 'git commit --quiet --all --message "readme: say what happens when we sell out"'
works

step "Push"
say "The same token may write: its scope is Code (read & write)."
run 'git push'
works
shows 'main -> main'
run 'cd ..'
works

step "Clone again, and ask nobody"
say "The vault knows the token, so patrol asks the service nothing about it. The" \
	"service's own log has Git's requests and no other."
forget_requests .
run 'git clone https://dev.azure.com/contoso/shop/_git/web second'
works
grep -q 'Sold out' second/README.md || failed "the second clone lacks what was pushed"
run "azdo-emulator log | sed 's/^[^ ]* //; s/ pat=.*//'"
works
shows 'service=git-upload-pack credential=pat'
shows_not _apis

step "See what there is"
say "What is kept and until when, and whether Git asks for it. Never the token itself."
run 'patrol status'
works
shows 'https://dev.azure.com asks patrol'
if [ $keyring = yes ]; then shows 'Vault: open' 'ada@contoso.com' '(6 days)'; fi

step "Ask why"
say "Which rule, which token and which key would answer for a URL."
run 'patrol why https://dev.azure.com/contoso/shop/_git/web'
works
shows "asks $helper" 'the record of the organisation contoso'
if [ $keyring = yes ]; then shows 'of ada@contoso.com, which expires'; fi

step "The token expires"
say "Eight days pass on the service's clock; this machine's stays."
run 'azdo-emulator clock +8d'
works
run 'git -C web fetch'
refused
also "Git knows no more than that. Asked again, it is stopped at once: nobody is asked" \
	"for a password."
run 'git -C web fetch'
refused
shows 'patrol: ' 'token for contoso' 'hint: patrol login'
nobody_was_asked
also "So log in again, with a new token:"
run "$login"
works
run 'git -C web fetch'
works

step "Leave"
say "patrol forgets the token, and says where to revoke it."
run 'patrol logout contoso'
works
shows 'Forgotten: token of ada@contoso.com for contoso.' 'https://dev.azure.com/contoso/_usersSettings/tokens'
run 'git -C web fetch'
refused
shows 'patrol: no token for contoso'
nobody_was_asked

printf '\nAll %d steps did what they say.\n' "$number"
