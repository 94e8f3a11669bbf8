#!/bin/bash
# The number of threads must not show: the same key, the same capture, the same bytes.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$damp" keygen -o "$dir/k" >"$dir/log" 2>&1 || { cat "$dir/log"; echo "not ok threads_keygen"; exit 1; }

same() { # same NAME SCENARIO...
	local name=$1 n
	shift
	"$gen" --seed 3 --duration 40 --snaplen 200 -o "$dir/c.pcap" "$@" 2>"$dir/log" || { cat "$dir/log"; echo "not ok threads_$name"; return; }
	for n in 1 2 4; do
		"$damp" replay -q ${conf:+-c "$conf"} --threads $n --key "$dir/k.key" --alerts "$dir/alerts.$n" "$dir/c.pcap" >"$dir/log" 2>&1 ||
			{ cat "$dir/log"; echo "not ok threads_$name"; return; }
	done
	if [ -s "$dir/alerts.1" ] && cmp "$dir/alerts.1" "$dir/alerts.2" && cmp "$dir/alerts.1" "$dir/alerts.4"; then
		echo "ok threads_$name"
	else
		echo "not ok threads_$name"
	fi
}

same incident benign clients=80 + infected hosts=20 hosts6=4 rate=1-7 start=5
same many_kinds benign clients=80 + infected hosts=5 rate=3 start=5 + reflection rate=100 start=8 + amp vector=ntp start=10 \
	+ spoofed pps=3000 start=15 + bulk pps=2000 hosts=500
printf 'links: [{name: metro-3, prefixes: [10.64.0.0/23, "2001:db8:64::/64"], down: 5Mbit}]\n' >"$dir/link.conf"
conf=$dir/link.conf same prefixes_and_links benign clients=80 + infected hosts=37 rate=1-7 start=2 \
	+ reflection spread=10.64.4.0/24 rate=300 start=5 move=20 + amp vector=ntp spread=10.64.1.0/24 pps=1000 start=10
