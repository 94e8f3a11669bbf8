#!/bin/bash
# The number of threads must not show: the same key, the same capture, the same bytes.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$damp" keygen -o "$dir/k" >"$dir/log" 2>&1 || { cat "$dir/log"; echo "not ok threads_keygen"; exit 1; }

same() { # same NAME SCENARIO...
	local name=$1
	shift
	"$gen" --seed 3 --duration 40 --snaplen 200 -o "$dir/c.pcap" "$@" 2>"$dir/log" || { cat "$dir/log"; echo "not ok threads_$name"; return; }
	compare "$name" "$dir/c.pcap"
	[ "$name" != names ] || return # records have none
	# the same packets as flow records
	"$damp" flows -q -o csv "$dir/c.pcap" >"$dir/c.csv" 2>"$dir/log" || { cat "$dir/log"; echo "not ok threads_records_$name"; return; }
	compare "records_$name" "$dir/c.csv"
}

compare() { # compare NAME FILE
	local name=$1 n
	for n in 1 2 4; do
		rm -f "$dir/alerts.$n"
		"$damp" replay -q ${conf:+-c "$conf"} --threads $n --key "$dir/k.key" --alerts "$dir/alerts.$n" "$2" >"$dir/log" 2>&1 ||
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
same names benign clients=80 recursion=yes antivirus=2 mail=2 + subdomain rate=60 start=5 + subdomain rate=30 zone=shop.co.uk rcode=2 \
	+ dga clients=4 rate=30 + tunnel rate=2000 clients=3 + strangers + lookalikes
printf 'links: [{name: metro-3, prefixes: [10.64.0.0/23, "2001:db8:64::/64"], down: 5Mbit}]\n' >"$dir/link.conf"
conf=$dir/link.conf same prefixes_and_links benign clients=80 + infected hosts=37 rate=1-7 start=2 \
	+ reflection spread=10.64.4.0/24 rate=300 start=5 move=20 + amp vector=ntp spread=10.64.1.0/24 pps=1000 start=10
