#!/bin/bash
# Ten million sources that do not exist must not hide those that do: infected hosts from once in twenty seconds to ten a second, in
# quiet and while spoofed queries reach the same resolvers, from anywhere or from inside our own networks, and while each of those
# is answered: in one piece, or in fragments.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sources=${SOURCES:-10000000}
"$damp" keygen -o "$dir/k" >/dev/null 2>&1

# watch NAME SCENARIO...: the alerts of the infected hosts with that beside them
watch() {
	local name=$1
	shift
	"$gen" --seed 7 --snaplen 96 --duration 600 --labels "$dir/labels.$name" -o - \
		benign clients=200 clients6=40 dns=0.1 web=0.0005 quic=0.0002 mail=1 + infected hosts=3 hosts6=1 rate=0.05 start=20 \
		+ infected first=20 hosts=3 hosts6=1 rate=0.2 start=30 + infected first=40 hosts=3 hosts6=1 rate=1 start=60 \
		+ infected first=60 hosts=3 hosts6=1 rate=10 start=90 "$@" 2>/dev/null |
		"$damp" replay -q --key "$dir/k.key" --networks 10.0.0.0/8,2001:db8::/32 --memory 256MB --alerts "$dir/$name" --stats "$dir/stats" - >"$dir/log" 2>&1
}
flood() { # flood NAME PACKETS SLOWER OPTION...
	local name=$1 packets=$2 slower=$3
	shift 3
	if watch "$name" + spoofed packets="$packets" pps=20000 v6=yes start=5 "$@" &&
		python3 "$here/delays.py" "$dir/labels.$name" "$dir/quiet" "$dir/$name" "$slower" >"$dir/out" &&
		[ "$(grep -oE '"peak_rss_bytes":[0-9]+' "$dir/stats" | cut -d: -f2)" -le 256000000 ]
	then echo "ok spoofed_$name"; cat "$dir/out"
	else cat "$dir/log" "$dir/out" "$dir/stats"; echo "not ok spoofed_$name"; fi
}

watch quiet || { cat "$dir/log"; echo "not ok spoofed_quiet"; exit 1; }
inside="net=10.0.0.0/8 net6=2001:db8::/40"
flood anywhere "$sources" 1
flood inside "$sources" 1 $inside
# what each of them draws once is as much as a slow host draws at a time: that one may take up to two of its own longer
flood answered_anywhere $((sources / 4)) 1.3 name=isc.org answer=1400
flood answered_inside "$sources" 1.3 name=isc.org answer=1400 $inside
flood fragments_inside $((sources / 4)) 1.3 name=isc.org answer=3930 $inside
