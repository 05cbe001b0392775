#!/bin/sh
# usage: with-keyring.sh COMMAND [ARG]...
# Runs COMMAND in a D-Bus session of its own with an unlocked gnome-keyring, and with a HOME and XDG_RUNTIME_DIR that are
# thrown away afterwards; nothing of it keeps running. Needs no display. Exits with COMMAND's status.
# shellcheck disable=SC2317 # functions called by trap and by name
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ $# -gt 0 ] || die "a command is needed" "usage: with-keyring.sh COMMAND [ARG]..."
"$here/need.sh" gnome-keyring:gnome-keyring-daemon dbus:dbus-daemon

t=$(mktemp -d) bus='' keyring=''
clean_up() {
	for pid in $keyring $bus; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	rm -rf "$t"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if command -v go >/dev/null; then # or COMMAND would build all from nothing, into the HOME below
	GOENV=$(go env GOENV) GOPATH=$(go env GOPATH) GOCACHE=$(go env GOCACHE)
	export GOENV GOPATH GOCACHE
fi
unset DISPLAY WAYLAND_DISPLAY XDG_CONFIG_HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_DATA_HOME GNOME_KEYRING_CONTROL
HOME=$t/home XDG_RUNTIME_DIR=$t/run DBUS_SESSION_BUS_ADDRESS=unix:path=$t/run/bus
export HOME XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
mkdir -p "$HOME/.config/go/telemetry" # go's counters: a process that outlives COMMAND and writes there
echo off >"$HOME/.config/go/telemetry/mode"

# No service folders: nothing else can be started through this bus.
cat >"$t/bus.conf" <<EOF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>$DBUS_SESSION_BUS_ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
EOF

# until_true COMMAND...: waits for it, 10 seconds at most.
until_true() {
	tries=0
	until "$@" >"$t/log" 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.05
	done
}
keyring_answers() {
	dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
		org.freedesktop.Secret.Service.ReadAlias string:default | grep -q /org/freedesktop/secrets/collection/
}

# Should this script be killed, the bus goes with it, and the keyring with the bus.
setpriv --pdeathsig TERM dbus-daemon --nofork --config-file="$t/bus.conf" >"$t/bus.log" 2>&1 &
bus=$!
until_true test -S "$t/run/bus" || {
	cat "$t/bus.log" >&2
	die "dbus-daemon does not start" "see its words above"
}
echo password >"$t/password"
gnome-keyring-daemon --foreground --unlock --components=secrets <"$t/password" >"$t/keyring.log" 2>&1 &
keyring=$!
until_true keyring_answers || {
	cat "$t/keyring.log" >&2
	die "gnome-keyring-daemon does not start" "see its words above"
}

status=0
"$@" || status=$?
exit $status
