#!/bin/sh
# usage: chromium.sh PROXY CA PROFILE [URL]
# Opens URL in a Chromium whose Azure DevOps is the azdo-emulator at PROXY; in a tab when one already runs with PROFILE, a directory
# of its own. That browser reaches nothing but the emulator and this machine. It is not told to trust the emulator's certificate
# authority: certificates that come with the key of CA, a PEM file, are excused, and no others. Needs openssl.
set -eu

die() {
	printf 'chromium.sh: %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}
[ $# = 3 ] || [ $# = 4 ] || die "three or four arguments are needed" "chromium.sh PROXY CA PROFILE [URL]"
proxy=$1 ca=$2 profile=$3
shift 3

chromium=''
for name in chromium chromium-browser google-chrome google-chrome-stable \
	'/Applications/Chromium.app/Contents/MacOS/Chromium' '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
	chromium=$(command -v "$name") && break
done
[ -n "$chromium" ] || die "there is no Chromium here" "tools/need.sh chromium, or install it from https://www.chromium.org"
key=$(openssl x509 -in "$ca" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64)
[ -n "$key" ] || die "openssl cannot read $ca" "is openssl installed, and azdo-emulator running?"

# The sandbox does not work for root, who gets here in containers. The rest keeps it from asking Google for anything.
[ "$(id -u)" != 0 ] || set -- --no-sandbox "$@"
exec "$chromium" --user-data-dir="$profile" --proxy-server="$proxy" --ignore-certificate-errors-spki-list="$key" \
	--no-first-run --no-default-browser-check --disable-quic --disable-background-networking --disable-component-update \
	--disable-sync --disable-gpu --password-store=basic --use-mock-keychain "$@"
