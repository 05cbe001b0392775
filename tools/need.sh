#!/bin/sh
# usage: need.sh PACKAGE[:COMMAND]...
# Sees to it that Debian packages are there: installs them for root, names what is missing to others.
# One counts as present when the package is installed, or COMMAND (PACKAGE's own name by default) is found.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

missing() {
	for arg; do
		command -v "${arg#*:}" >/dev/null ||
			[ "$(dpkg-query -W -f='${db:Status-Status}' "${arg%%:*}" 2>/dev/null)" = installed ] ||
			printf ' %s' "${arg%%:*}"
	done
}

# 9<&- keeps the lock below from the services that a package may start
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null 9<&-; }
# shellcheck disable=SC2086 # $names is a list of words
install() { apt install -y --no-install-recommends $names; }

names=$(missing "$@")
[ -n "$names" ] || exit 0
command -v apt-get >/dev/null ||
	die "missing:$names (Debian's names), and there is no apt-get" "install them with this system's package manager"
[ "$(id -u)" = 0 ] ||
	die "missing:$names" "run: sudo apt-get install --no-install-recommends$names"

exec 9<"$0"
flock 9 # two targets of one make
names=$(missing "$@")
[ -n "$names" ] || exit 0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install >"$log" 2>&1 || { apt update && install; } >"$log" 2>&1 || {
	cat "$log" >&2
	die "cannot install$names" "see apt's words above; check the network and /etc/apt"
}
