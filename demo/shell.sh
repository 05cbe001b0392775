#!/usr/bin/env bash
# usage: shell.sh BIN
# Opens a shell in which a person tries everything by hand: Git, patrol and a Chromium, against an Azure DevOps that is played on
# this machine (azdo-emulator), in a home directory that is thrown away. BIN holds the three programs. When the shell ends, so
# does everything else. It touches no configuration, vault or kernel key of yours.
set -u

die() {
	printf 'demo-shell: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}
[ $# = 1 ] || die "one argument is needed: the directory of the programs" "make demo-shell"
unset CDPATH
here=$(cd -- "$(dirname -- "$0")" && pwd)
BIN=$(cd -- "$1" 2>/dev/null && pwd) || die "there is no directory $1" "make demo-shell builds it"
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
	close_browser
	if [ -n "$emulator" ]; then
		kill "$emulator" 2>/dev/null
		wait "$emulator" 2>/dev/null
	fi
	cd / && rm -rf "$world"
}
# In its profile Chromium has two links that keep a second one away: to its process, and to a socket in a directory of $TMPDIR.
# shellcheck disable=SC2317
close_browser() {
	local lock socket pid tries=0
	lock=$(readlink "$world/profile/SingletonLock") || return
	socket=$(readlink "$world/profile/SingletonSocket")
	pid=${lock##*-}
	kill "$pid" 2>/dev/null
	while kill -0 "$pid" 2>/dev/null && [ $((tries += 1)) -le 100 ]; do sleep 0.05; done
	kill -KILL "$pid" 2>/dev/null
	case $socket in */*.??????/SingletonSocket) rm -rf "${socket%/*}" ;; esac
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 141' PIPE
trap 'exit 143' TERM
trap : INT # is for what runs in the shell

base=${TMPDIR:-/tmp}
case $base in *[[:space:]\'\"\$]*) base=/tmp ;; esac # the path becomes a word of $BROWSER, and of a script
umask 077
made=$(mktemp -d "$base/patrol-shell.XXXXXX") || die "cannot make a directory in $base" "set TMPDIR to one of yours"

# Nothing of the person's: no configuration, no proxy, no tokens of the environment.
unset "${!GIT_@}" "${!XDG_CONFIG_@}" "${!XDG_CACHE_@}" "${!XDG_DATA_@}" "${!PATROL_@}" "${!SSH_@}" CI WSL_DISTRO_NAME BASH_ENV ENV ZDOTDIR
# Nor their keyring: a bus that is not there keeps patrol from looking for one.
export HOME="$made/home" GIT_CONFIG_NOSYSTEM=1 DBUS_SESSION_BUS_ADDRESS="unix:path=$made/no-bus"
world=$made
mkdir "$HOME" "$world/bin" && cd "$HOME" || exit 1
git config --global user.name Ada
git config --global user.email ada@contoso.com
git config --global init.defaultBranch main
printf "PS1='demo \\\\w \\\\$ '\n" >.bashrc
printf "PROMPT='demo %%~ %%# '\n" >.zshrc

"$BIN/azdo-emulator" serve --dir "$world/emulator" --env-file "$world/emulator.env" >"$world/emulator.log" 2>&1 &
emulator=$!
tries=0
until [ -e "$world/emulator.env" ] || [ $((tries += 1)) -gt 600 ] || ! kill -0 "$emulator" 2>/dev/null; do sleep 0.05; done
[ -e "$world/emulator.env" ] || die "azdo-emulator does not start: $(cat "$world/emulator.log")" "azdo-emulator serve"
# shellcheck source=/dev/null
. "$world/emulator.env"

# --- the browser ------------------------------------------------------------------------------------------------------------

cat >"$world/bin/xdg-open" <<EOF
#!/bin/sh
exec "$here/chromium.sh" "$HTTPS_PROXY" "$world/emulator/ca.pem" "$world/profile" "\$@" >>"$world/chromium.log" 2>&1
EOF
chmod +x "$world/bin/xdg-open"
export PATH="$world/bin:$BIN:$PATH" BROWSER="$world/bin/xdg-open"

# no_browser says why none would open, or nothing.
no_browser() {
	if [ "$(uname)" != Darwin ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
		echo "there is no display (DISPLAY and WAYLAND_DISPLAY are not set)"
		return
	fi
	command -v openssl >/dev/null || echo "openssl is not in PATH"
	local name
	for name in chromium chromium-browser google-chrome google-chrome-stable; do
		if command -v "$name" >/dev/null; then return; fi
	done
	[ "$(uname)" = Darwin ] || echo "Chromium is not installed"
}

# --- what to do -------------------------------------------------------------------------------------------------------------

cat <<'EOF'
Azure DevOps and Microsoft Entra are played by azdo-emulator on this machine, and your
home directory by a temporary one. Git and patrol are the real ones. When you leave this
shell, everything is gone. Never type a real password here.

Who can sign in, all with the password not-a-real-password:

  ada@contoso.com     contributes to contoso, northwind and wingtip
  adam@contoso.com    administers contoso
  nina@northwind.com  administers northwind, which refuses personal access tokens
  wim@wingtip.com     administers wingtip, which limits tokens to three days

The code that the authenticator app of one of them shows now:

  azdo-emulator totp ada@contoso.com

EOF
reason=$(no_browser)
if [ -z "$reason" ]; then
	cat <<'EOF'
Try, in this order:

  patrol setup                                           # choose a passphrase
  git clone https://dev.azure.com/contoso/shop/_git/web  # sign in with the browser
  patrol status
  xdg-open https://dev.azure.com/contoso/_usersSettings/tokens &
                                                         # see the token that patrol made
  azdo-emulator revoke --all; git -C web fetch           # it is refused, once
  git -C web fetch                                       # patrol makes the next
  git clone https://dev.azure.com/northwind/trade/_git/orders
  patrol logout --all

EOF
else
	cat <<EOF
No browser will open: $reason.
For one, begin anew in a desktop session or with ssh -X, after: tools/need.sh chromium openssl
Without one, bring a token that "the portal" made:

  patrol setup                                           # choose a passphrase
  azdo-emulator mint --user ada@contoso.com --org contoso --scope vso.code_write |
    patrol login --pat contoso --stdin
  git clone https://dev.azure.com/contoso/shop/_git/web
  patrol status

EOF
	unset BROWSER DISPLAY WAYLAND_DISPLAY
fi
echo "azdo-emulator help, patrol --help and the documents know more. exit ends it."
echo

"${SHELL:-/bin/sh}"
exit 0
