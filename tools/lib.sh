# shellcheck shell=sh
# Functions for the scripts beside this file, whose folder they have in $here. It does nothing by itself.

# die WHAT NEXT: what happened, and what to do about it.
die() {
	printf '%s: %s\nhint: %s\n' "${0##*/}" "$1" "$2" >&2
	exit 1
}

# The scripts that fill a folder DEST share start and finish: DEST appears whole or not at all,
# concurrent runs wait for each other, and a run that finds it made ends at once.
# The caller defines works, which says whether the files in $dest do their job.

made() { [ "$(cat "$dest/.made" 2>/dev/null)" = "$label" ] && works; }

# start DEST LABEL: leaves an empty folder $tmp to fill. LABEL tells one content of DEST from another.
start() {
	label=$2
	case $1 in
	/*) dest=${1%/} ;;
	*) dest=$PWD/${1%/} ;;
	esac
	if made; then exit 0; fi
	mkdir -p "${dest%/*}" 2>/dev/null || :
	[ -w "${dest%/*}" ] ||
		die "cannot write in ${dest%/*}" "name a folder of your own"
	exec 9>"$dest.lock"
	flock 9
	if made; then exit 0; fi
	rmdir "$dest" 2>/dev/null || :
	[ ! -e "$dest" ] || [ -e "$dest/.made" ] ||
		die "$dest exists and was not made by ${0##*/}" "name another folder, or remove it"
	tmp=$dest.tmp # a killed run's leftovers are ours to remove: we hold the lock
	rm -rf "$tmp"
	mkdir "$tmp"
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

finish() {
	echo "$label" >"$tmp/.made"
	rm -rf "$dest"
	mv "$tmp" "$dest"
	works || {
		rm -rf "$dest"
		die "what was made in $dest does not run here" "see the messages above; run it again to retry"
	}
}

# private_apt FOLDER TYPE SUITE: makes apt_get work on SUITE, of TYPE deb or deb-src, and keep everything in
# FOLDER: the system's own configuration and lists stay as they are. The mirror and key are the machine's own.
private_apt() {
	command -v apt-get >/dev/null ||
		die "there is no apt-get on this machine" "run this on Debian"
	mkdir -p "$1/lists/partial" "$1/archives/partial" "$1/parts"
	debian_source "$2" "$3" >"$1/parts/private.sources"
	[ -s "$1/parts/private.sources" ] ||
		die "apt has no source entry of Debian's main archive" "add one to /etc/apt/sources.list.d"
	: >"$1/status" # an empty list of installed packages: libraries come along
	apt_conf=$1/apt.conf
	cat >"$apt_conf" <<-EOF
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::Etc::SourceList "-"; Dir::Etc::SourceParts "$1/parts";
		Dir::State "$1"; Dir::State::Lists "$1/lists"; Dir::State::status "$1/status";
		Dir::Cache "$1"; Dir::Cache::archives "$1/archives";
		Acquire::Languages "none"; Acquire::Retries "3"; APT::Install-Recommends "false";
		APT::Sandbox::User "root"; APT::Update::Error-Mode "any"; Debug::NoLocking "1";
	EOF
	apt_get update || die "cannot read Debian's list of packages for $3" "check the network and the suite's name"
}

apt_get() { apt-get -qq -c "$apt_conf" "$@" >&2; }

# debian_source TYPE SUITE: the machine's first entry for Debian's main archive, in deb822 form, with
# TYPE and SUITE in place of its own.
debian_source() {
	list='' parts=''
	eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
	{
		[ ! -f "$list" ] || one_line_sources "$list"
		for f in "$parts"*.list; do [ ! -f "$f" ] || one_line_sources "$f"; done
		for f in "$parts"*.sources; do [ ! -f "$f" ] || { cat "$f" && echo; }; done
	} | awk -v RS= -v type="$1" -v suite="$2" -v arch="$(dpkg --print-architecture)" '
		{
			n = split($0, line, "\n"); key = kept = ""; split("", value)
			for (i = 1; i <= n; i++) {
				if (line[i] ~ /^#/) continue
				text = line[i]
				if (text !~ /^[ \t]/) {
					key = tolower(text); sub(/:.*/, "", key); sub(/^[^:]*:/, "", text)
				}
				value[key] = value[key] " " text " "
				if (key !~ /^(types|suites|components|architectures|enabled)$/) kept = kept line[i] "\n"
			}
			if (value["types"] !~ / deb / || value["components"] !~ / main /) next
			if (value["enabled"] ~ /no/ || value["uris"] !~ /\/debian(\.list)?\/? /) next
			if (value["suites"] !~ / [a-z]+ /) next # not bookworm-updates and the like
			printf "Types: %s\nSuites: %s\nComponents: main\nArchitectures: %s\n%s", type, suite, arch, kept
			exit
		}'
}

# one_line_sources FILE: its "deb [options] uri suite components" lines in deb822 form.
one_line_sources() {
	awk '$1 == "deb" {
		sub(/^[ \t]*deb[ \t]+/, ""); sub(/#.*/, "")
		key = ""
		if (sub(/^\[/, "")) {
			options = substr($0, 1, index($0, "]") - 1); $0 = substr($0, index($0, "]") + 1)
			if (match(options, /signed-by=[^ ]+/)) key = "Signed-By: " substr(options, RSTART + 10, RLENGTH - 10) "\n"
			if (options ~ /trusted=yes/) key = key "Trusted: yes\n"
		}
		uri = $1; suite = $2; $1 = $2 = ""
		printf "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n%s\n", uri, suite, $0, key
	}' "$1"
}

# git_source SUITE FOLDER FILE...: the named files of the source of SUITE's git, in FOLDER, and its version in
# FOLDER/version.
git_source() {
	sh "${here:?}/need.sh" xz-utils:xz
	suite=$1 into=$2
	shift 2
	for f; do
		set -- "$@" "*/$f"
		shift
	done
	(
		private_apt "$into/.apt" deb-src "$suite"
		cd "$into/.apt" || exit
		apt_get source --download-only --tar-only git ||
			die "cannot get the source of $suite's git" "check the network"
	)
	tar -xJf "$into"/.apt/git_*.orig.tar.xz -C "$into" --strip-components=1 --wildcards "$@"
	version=$(basename "$into"/.apt/git_*.orig.tar.xz .orig.tar.xz)
	echo "${version#git_}" >"$into/version"
	rm -rf "$into/.apt"
}
