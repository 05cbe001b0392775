#!/bin/sh
# usage: peers.sh DEST
# Gets the credential helpers that benchmarks compare patrol with, as DEST/bin/git-credential-*: libsecret, built from the
# contrib folder of Debian's newest git; oauth and azure from Debian's packages. Git itself has store and cache. Also installs
# what libsecret needs to run, for tools/with-keyring.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ $# = 1 ] || die "one argument is needed" "usage: peers.sh DEST"

works() {
	for peer in libsecret oauth azure; do
		# All of them end in silence when they don't know the operation.
		"$dest/bin/git-credential-$peer" none </dev/null >/dev/null 2>&1 || return 1
	done
}
"$here/need.sh" gnome-keyring:gnome-keyring-daemon libsecret-tools:secret-tool dbus:dbus-daemon \
	libsecret-1-dev gcc libc6-dev pkg-config
start "$1" "peers"
mkdir "$tmp/bin"

git_source sid "$tmp" contrib/credential/libsecret/git-credential-libsecret.c
# shellcheck disable=SC2046 # lists of flags
cc -O2 $(pkg-config --cflags libsecret-1) -o "$tmp/bin/git-credential-libsecret" \
	"$tmp/contrib/credential/libsecret/git-credential-libsecret.c" $(pkg-config --libs libsecret-1) >&2 ||
	die "cannot build git-credential-libsecret" "see the compiler's words above"

private_apt "$tmp/.apt" deb sid
(cd "$tmp/.apt" && apt_get download git-credential-oauth git-credential-azure) ||
	die "cannot get the packages of git-credential-oauth and -azure" "check the network"
for d in "$tmp"/.apt/*.deb; do dpkg-deb -x "$d" "$tmp/.apt/root"; done
find "$tmp/.apt/root" -type f -name 'git-credential-*' -perm -100 -exec mv {} "$tmp/bin/" ';'
rm -rf "$tmp/.apt"
finish
