#!/bin/sh
# usage: newgit.sh SUITE DEST
# Puts Debian SUITE's git beside the system's, as DEST/bin/git, with the libraries it needs: no root, no compiler.
# (bullseye: 2.30, trixie: 2.47, sid: the newest.) Prints its version.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ $# = 2 ] || die "two arguments are needed" "usage: newgit.sh SUITE DEST"

works() { "$dest/bin/git" --version; }
start "$2" "newgit $1"
private_apt "$tmp/.apt" deb "$1"
apt_get install -y --download-only git patchelf || die "cannot get $1's git" "check the network"

r=$tmp/root
mkdir -p "$tmp/bin" "$r/usr/bin" "$r/usr/sbin" "$r/usr/lib" "$r/usr/lib64"
for d in bin sbin lib lib64; do ln -s "usr/$d" "$r/$d"; done
for d in "$tmp"/.apt/archives/*.deb; do # older suites have files in /lib: keep it a link
	dpkg-deb --fsys-tarfile "$d" | tar -x --keep-directory-symlink -C "$r"
done
rm -rf "$tmp/.apt" "$r/usr/share/doc" "$r/usr/share/man" "$r/usr/share/locale"

# The programs get SUITE's loader and libraries, by the path they will have in the end. patchelf itself runs by them.
libs=$(echo "$r"/usr/lib/*-linux-gnu)
set -- "$libs"/ld-*.so*
ld=$1
final=$dest/root${libs#"$r"}
find "$r/usr/bin/git" "$r/usr/lib/git-core" -type f | while read -r f; do
	[ "$(head -c 4 "$f" | od -An -c | tr -d ' ')" = 177ELF ] || continue
	"$ld" --library-path "$libs" "$r/usr/bin/patchelf" \
		--set-interpreter "$final/${ld##*/}" --force-rpath --set-rpath "$final" "$f"
done

cat >"$tmp/bin/git" <<EOF
#!/bin/sh
export GIT_EXEC_PATH='$dest/root/usr/lib/git-core' GIT_TEMPLATE_DIR='$dest/root/usr/share/git-core/templates'
exec '$dest/root/usr/bin/git' "\$@"
EOF
chmod +x "$tmp/bin/git"
finish
