#!/bin/sh
# usage: cross.sh
# Builds the three programs for each system and processor that patrol is meant for, and throws them away: it says whether
# they build, not whether they work there.
set -eu
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
GO=${GO:-go}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

failed=''
for os in linux darwin windows; do
	for arch in amd64 arm64; do
		rm -rf "${out:?}"/*
		if GOOS=$os GOARCH=$arch "$GO" build -trimpath -o "$out/" ./cmd/... && [ "$(find "$out" -type f | wc -l)" = 3 ]; then
			echo "$os/$arch: 3 programs built"
		else
			failed="$failed $os/$arch"
		fi
	done
done
[ -z "$failed" ] || {
	echo "cross.sh: not all programs build for:$failed" >&2
	exit 1
}
