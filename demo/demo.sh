#!/usr/bin/env bash
# usage: demo.sh BIN
# Tells what patrol does, against an Azure DevOps and a Microsoft Entra that are played on this machine (azdo-emulator), in a home
# directory that is thrown away. BIN holds the three programs, and in demo/xdg-open the stand-in for a person at a browser. Each
# step is checked: it ends with 0 only when every one did what it says. Needs git. It touches no configuration, vault or kernel
# key of yours, and asks nothing.
# shellcheck disable=SC2016 # commands are shown as typed, and expanded when they run
set -u

die() {
	printf 'demo: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}
[ $# = 1 ] || die "one argument is needed: the directory of the programs" "make demo"
unset CDPATH
BIN=$(cd -- "$1" 2>/dev/null && pwd) || die "there is no directory $1" "make demo builds it"
for program in patrol git-credential-patrol azdo-emulator demo/xdg-open; do
	[ -x "$BIN/$program" ] || die "$BIN has no $program" "make build"
done
command -v git >/dev/null || die "git is not in PATH" "install git"
command -v ssh-agent >/dev/null || die "ssh-agent is not in PATH" "install the OpenSSH client"

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
	[ -z "${SSH_AGENT_PID:-}" ] || kill "$SSH_AGENT_PID" 2>/dev/null
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
made=$(mktemp -d "$base/patrol-demo.XXXXXX") || die "cannot make a directory in $base" "set TMPDIR to one of yours" # and the one from the portal

# Nothing of the person's: no configuration, no proxy, no tokens of the environment, no input, no browser, no keyring. A desktop is what
# patrol opens a browser on; the browser is the stand-in.
exec </dev/null
unset "${!GIT_@}" "${!XDG_@}" "${!DBUS_@}" "${!PATROL_@}" "${!SSH_@}" CI LANGUAGE WAYLAND_DISPLAY WSL_DISTRO_NAME
export HOME="$made/home" PATH="$BIN:$BIN/demo:$PATH" LC_ALL=C GIT_CONFIG_NOSYSTEM=1 DISPLAY=:99 BROWSER="$BIN/demo/xdg-open"
world=$made
# Git would ask for a password through this program. It never does, which is checked.
printf '#!/bin/sh\n: >"%s/was-asked"\necho nobody\n' "$world" >"$world/askpass"
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

# run COMMAND: shows it as typed, does it, and shows what it says. Paths are shortened to ~ and .../bin, and the address to sign
# in at to its beginning.
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
	[ -z "$shown" ] || sed 's/\(authorize?\).*/\1.../; s/[[:blank:]]*$//' <<<"$shown"
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
# sits_down ACCOUNT: whose name, password and authenticator app the stand-in has.
sits_down() { printf '{"user": "%s", "password": "not-a-real-password"}\n' "$1" >"$HOME/.browser.json"; }
# opened N: so often a browser was opened since the beginning.
opened() {
	local times=0
	[ ! -e "$HOME/.browser.log" ] || times=$(grep -c . "$HOME/.browser.log")
	[ "$times" = "$1" ] || failed "a browser was opened $times times, not $1"
}
# once PATTERN: exactly one line of the output is like it.
once() {
	local times
	times=$(grep -cE -- "$1" <<<"$out")
	[ "$times" = 1 ] || failed "$times lines are like \"$1\", not one"
}
# revoked NAME: the one token of that name is revoked on the server.
revoked() {
	local token
	token=$(azdo-emulator state | awk '/^ *\{$/ { object = "" } { object = object $0 } /^ *\},?$/ { print object; object = "" }' | grep -F "\"name\": \"$1\"")
	[ "$(grep -c '"revoked": ' <<<"$token")" = 1 ] && [ "$(grep -c . <<<"$token")" = 1 ] && return
	failed "the token $1 was not revoked"
}
# forget_requests empties the service's log and tells whether there was a request like $1 in it.
forget_requests() {
	azdo-emulator log --clear >"$world/requests"
	grep -q -- "$1" "$world/requests"
}

# --- the story --------------------------------------------------------------------------------------------------------------

say "Azure DevOps and Microsoft Entra are played by azdo-emulator on this machine, and your" \
	"home directory by a temporary one (~). Git and patrol are the real ones."

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
keyring=yes many=16
if ! patrol unlock >/dev/null 2>&1; then
	keyring=no many=4
	also "(Programs may not use the kernel keyring here, so the passphrase is asked for each" \
		"time, and what takes milliseconds elsewhere takes a second.)"
fi

step "Clone, and sign in"
say "Plain git, plain URL. Nothing is known of this organisation yet, so a browser opens." \
	"A small program stands in for you there, as Ada: it fills in the HTML forms that" \
	"Entra's sign-in page shows, first her password, then the six digits that her" \
	"authenticator app shows at this moment."
sits_down ada@contoso.com
forget_requests .
run 'git clone https://dev.azure.com/contoso/shop/_git/web'
works
opened 1
[ -s web/README.md ] || failed "there is no README.md in the clone"
also "What the browser and patrol asked for meanwhile:"
run "azdo-emulator log | sed 's/^[^ ]* //' | grep -E 'microsoftonline|_apis'"
works
[ "$(grep -c 'POST .*/login ' <<<"$out")" -ge 3 ] || failed "the forms were not sent"
once '/authorize '
once 'POST .*/oauth2/v2.0/token '
once 'POST .*/_apis/tokens/pats '

step "See what was made"
say "A personal access token for Ada: in this organisation, for code alone (read & write)," \
	"for seven days. Its id is the one under which the server knows it."
run 'patrol token list'
works
shows 'contoso' 'ada@contoso.com' 'vso.code_write' '(6 days)'
id=$(awk 'END { print $NF }' <<<"$out")
azdo-emulator state | grep -qF "\"id\": \"$id\"" || failed "the server has no token with this id"
also "The token itself is sealed in the vault. No file holds it in clear:"
azdo-emulator token | grep -qE "$like_a_token" || failed "tokens do not look as expected"
run "grep -rE '$like_a_token' ~ || echo found nothing"
works
shows 'found nothing'

step "Clone again, and ask nobody"
say "The vault knows the token, so patrol asks neither Entra nor Azure DevOps. Their own" \
	"log has Git's requests and no other."
forget_requests .
run 'git clone https://dev.azure.com/contoso/shop/_git/web second'
works
run "azdo-emulator log | sed 's/^[^ ]* //; s/ pat=.*//'"
works
shows 'service=git-upload-pack credential=pat'
shows_not _apis login.microsoftonline.com
opened 1

step "Commit and push"
say "As ever. The same token may write."
run 'cd web'
works
run 'echo "Sold out? We order more." >>README.md'
works
run 'git commit --quiet --all --message "readme: say what happens when we sell out"'
works
run 'git push'
works
shows 'main -> main'
run 'cd ..'
works

step "A password alone opens nothing"
say "A password is one factor of two, so Azure Repos does not take it from Git, not even" \
	"the right one."
run 'git clone https://ada%40contoso.com:not-a-real-password@dev.azure.com/contoso/shop/_git/web third'
refused
shows 'Authentication failed'
nobody_was_asked

step "An organisation that gives out no tokens"
say "Northwind has forbidden personal access tokens. Ada is a guest there: another tenant," \
	"so she signs in once more (a minute later, for a code is good once). Git gets the" \
	"access token of Entra itself, and you read why."
run 'azdo-emulator clock +1m'
works
run 'git clone https://dev.azure.com/northwind/trade/_git/orders'
works
shows 'northwind gives out no personal access token' 'a policy of the organisation'
opened 2
run 'patrol token list'
works
once '^northwind +ada@contoso.com +entra +valid'
once '^contoso +ada@contoso.com +pat +valid'

step "Bring a token of your own"
say "Where patrol can make none, here for an organisation of personal Microsoft accounts, it" \
	"keeps one from the portal. You would paste it, unseen; here it comes through a pipe." \
	"Azure DevOps is asked whose it is first."
run 'patrol login ada-at-home'
refused
shows 'patrol: ada-at-home is backed by personal Microsoft accounts' 'hint: patrol login --pat ada-at-home'
forget_requests .
run 'azdo-emulator mint --user ada@contoso.com --org ada-at-home --scope vso.code_write |
    patrol login --pat ada-at-home --stdin --expires 7d'
works
shows 'Signed in to ada-at-home as ada@contoso.com'
forget_requests '_apis/connectionData credential=pat' || failed "the service was not asked"
run 'git clone --quiet https://dev.azure.com/ada-at-home/notes/_git/notes'
works
run 'git -C notes push --quiet origin HEAD:topic'
works

step "See what there is, and why"
say "What is kept and until when, whether Git asks for it, and what would answer for a URL." \
	"Never the token itself."
run 'patrol status'
works
shows 'https://dev.azure.com asks patrol'
if [ $keyring = yes ]; then shows 'Vault: open' 'Sign-in: ada@contoso.com' 'No PAT:  northwind'; fi
run 'patrol why https://dev.azure.com/contoso/shop/_git/web'
works
shows "asks $helper" 'the record of the organisation contoso'
if [ $keyring = yes ]; then shows 'of ada@contoso.com, which expires'; fi

step "doctor finds a token in a URL, and moves it out"
say "Somebody once put a token into the URL of a remote. It lies in clear in .git/config."
run 'token=$(azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code_write --name from-the-portal)'
works
run 'git -C web remote set-url origin "https://ada:$token@dev.azure.com/contoso/shop/_git/web"'
works
run 'patrol doctor --only remote-token web'
[ "$status" = 3 ] || failed "doctor ended with $status, not with 3 for findings"
shows 'remote.origin.url: an Azure DevOps token of contoso (its checksum is right)'
also "doctor knows it by its checksum. With --fix it asks contoso whose it is. It would keep it" \
	"in the vault if that had none of hers; as it has, the token is taken out of the URL and," \
	"her sign-in being kept, revoked. You would say yes to each change."
run 'patrol doctor --fix --yes --only remote-token web'
works
shows 'Fixed 1 of 1 finding.' 'revoke on the server the token from-the-portal'
unset token
run 'git -C web remote get-url origin'
works
shows 'https://dev.azure.com/contoso/shop/_git/web'
shows_not ada
revoked from-the-portal
if grep -rqE "$like_a_token" "$HOME"; then failed "a token is left in clear"; fi

step "A week later"
say "Eight days pass on the service's clock; this machine's stays. The token has ended, and" \
	"Git is refused:"
run 'azdo-emulator clock +8d'
works
run 'git -C web fetch'
refused
shows 'patrol: Azure DevOps refused the token for contoso'
also "The next one gets a new token, from the sign-in that patrol keeps. No browser opens." \
	"(Where both clocks agree, patrol sees the end by itself, and no fetch fails.)"
forget_requests .
run 'git -C web fetch'
works
opened 2
nobody_was_asked
forget_requests 'POST .*/tokens/pats ' || failed "no token was made"

step "Another token now, and kill -9 in the middle"
say "By itself patrol renews a token in the background, with a quarter of its life left. Where" \
	"one may have been seen, you do not wait for that:"
run 'patrol token rotate contoso'
works
shows 'Rotated: the token of ada@contoso.com for contoso' 'is revoked.'
run 'git -C web fetch'
works
also "Now the service is slow to verify the new token, and patrol is killed while it waits."
azdo-emulator fault add slow --path '*/contoso/_apis/connectionData' --skip 1 --count 1 --delay 1m >/dev/null
run 'patrol token rotate contoso &
    while kill -0 $! && ! patrol token list | grep "not verified yet"; do :; done
    kill -9 $!; wait $! 2>/dev/null'
refused
azdo-emulator fault clear >/dev/null
also "Git goes on with the present one. The next run takes up what is left: it verifies the new one," \
	"and revokes the present one. No token is lost."
run 'git -C web fetch'
works
forget_requests .
run 'patrol token rotate contoso'
works
shows 'is revoked.'
if forget_requests 'POST .*/tokens/pats '; then failed "another token was made"; fi

step "Revoke what nobody needs"
say "Ada once made a token on the portal that may do all that she may, for a year. patrol shows" \
	"what she has on the server, whoever made it, with what is wrong with it, and revokes it." \
	"You would be asked."
azdo-emulator mint --user ada@contoso.com --org contoso --scope app_token --life 365d --name deploy >/dev/null 2>&1
run 'patrol token revoke --broad --org contoso --dry-run'
works
shows 'deploy' 'app_token' '1 token would be revoked.'
run 'patrol token revoke --broad --org contoso --yes'
works
shows 'Revoked: deploy'
revoked deploy
run 'git -C web fetch'
works
opened 2

step "Many at once, one sign-in"
say "An editor opens, and fetches start together. To have nothing ready for them, they are" \
	"Ben's: the URL names him. One of them opens the browser and makes a token; the others" \
	"wait for it."
sits_down ben@contoso.com
forget_requests .
run "for i in {1..$many}; do
    git ls-remote https://ben%40contoso.com@dev.azure.com/contoso/shop/_git/web main &
done | cut -f 2 | sort | uniq -c"
works
once "^ *$many refs/heads/main\$"
run "azdo-emulator log | sed 's/^[^ ]* //' | grep -E '/authorize |/tokens/pats '"
works
once '/authorize '
once 'POST .*/tokens/pats '
opened 3

step "An SSH key, rotated"
say "Some clone over SSH. There patrol keeps a key: its file is sealed, the passphrase is in the" \
	"vault, and ssh gets it by ssh-agent. Of the ways to have it added, this one needs no page:" \
	"a call of the portal that Microsoft does not document. (You need not set a host key: the" \
	"published one is pinned. The emulator has one of its own, and a configuration leads there.)"
mkdir -p "$HOME/.ssh"
printf 'Include %s\n' "$AZDO_EMULATOR_SSH_CONFIG" >"$HOME/.ssh/config"
git config --global patrol.sshHostKey "$(cut -d ' ' -f 2,3 "$world/emulator/ssh_known_hosts")"
export GIT_SSH_COMMAND="ssh -F $HOME/.ssh/config"
eval "$(ssh-agent)" >/dev/null
run 'patrol ssh create --experimental contoso'
works
run 'git clone --quiet git@ssh.dev.azure.com:v3/contoso/shop/web over-ssh'
works
also "A year is the life of a key at the service. The next one is tried before ssh is told of" \
	"it, and the old one is gone only after that: on the server, and here."
run 'patrol ssh rotate --experimental contoso'
works
run 'git -C over-ssh fetch'
works
run 'azdo-emulator sshkey list'
works
once '^deleted ' && once '^active '
run 'patrol ssh status'
works
once '/patrol_contoso_.* in use\* +RSA 4096'
shows 'patrol_known_hosts: right'
nobody_was_asked

step "Leave"
say "patrol forgets everything, and revokes on the server what it made there. The token from" \
	"the portal is yours to revoke; it says where."
forget_requests .
run 'patrol logout --all'
works
shows 'Revoked and forgotten: token of ada@contoso.com for contoso.'
shows 'Revoked and forgotten: token of ben@contoso.com for contoso.'
shows 'Forgotten: access token of ada@contoso.com for northwind.' 'https://dev.azure.com/ada-at-home/_usersSettings/tokens'
run "azdo-emulator log | sed 's/^[^ ]* //' | grep DELETE"
works
state=$(azdo-emulator state)
made=$(grep -c '"name": "patrol ' <<<"$state") revoked=$(grep -c '"revoked": ' <<<"$state") # and two of the portal's
[ "$made $((revoked - 2))" = '5 5' ] || failed "of $made tokens that patrol made $((revoked - 2)) were revoked"
also "Nothing signs in again behind your back:"
run 'git -C web fetch'
refused
shows 'patrol: you are signed out of contoso' 'hint: patrol login contoso'
opened 3
nobody_was_asked

printf '\nAll %d steps did what they say.\n' "$number"
