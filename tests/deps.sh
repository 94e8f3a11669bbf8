#!/bin/sh
# Installs what is missing, through apt; quiet when everything is there.
# usage: deps.sh build|check
set -eu

build="gcc libc6-dev pkg-config libpcap-dev libmaxminddb-dev libsodium-dev libyaml-dev libjansson-dev libxxhash-dev
	zlib1g-dev libzstd-dev liblz4-dev liblzo2-dev libbz2-dev libhiredis-dev publicsuffix"
check="$build clang libclang-rt-14-dev libcmocka-dev libpsl-dev bind9-utils iptables nftables iproute2 ethtool unbound rsyslog tcpdump openssl python3 mandoc procps
	nfdump nfdump-sflow softflowd fprobe pmacct argus-client argus-server redis-server zstd"
nice="chromium fonts-dejavu-core tshark"   # wanted, not needed: what uses them says when it is skipped

want=$build
[ "${1:-build}" = check ] && want=$check

missing() {
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
	done
}

if ! command -v dpkg-query >/dev/null 2>&1; then
	pkg-config --exists libpcap libmaxminddb libsodium yaml-0.1 jansson libxxhash ||
		echo "damp: not a Debian system; please install: $want" >&2
	[ -r /usr/share/publicsuffix/public_suffix_list.dat ] ||
		echo "damp: no public suffix list: zones will be the last two labels, unless public-suffixes names a file" >&2
	exit 0
fi

todo=$(missing $want)
[ -z "$todo" ] && { [ "${1:-build}" != check ] || todo=$(missing $nice); }
[ -z "$todo" ] && exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null 2>&1 || { echo "damp: as root, please: apt-get install $todo" >&2; exit 1; }
fi
echo "damp: installing $todo" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A test machine must not start the daemons that come with the packages.
install() {
	$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "$@" >>"$log" 2>&1
}
install $todo || { $sudo apt-get update -q >>"$log" 2>&1 && install $todo; } || {
	# one package that cannot be had must not cost the others
	for p in $todo; do install "$p" || echo "damp: could not install $p" >&2; done
}
left=$(missing $want)
[ -z "$left" ] || { tail -n 5 "$log" >&2; echo "damp: still missing: $left" >&2; exit 1; }
