#!/bin/bash
# Replays with known results: one normalised line for each alert line, compared with committed text.
# UPDATE=1 writes the text anew; look at the difference before committing it.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

normal() {
	python3 - "$1" <<'END'
import json, sys

KEYS = ("query_packets", "query_bytes", "responses", "response_bytes", "baf", "fragment_packets", "any_queries",
        "peers", "matched_share", "repeat_within_ttl")
for line in open(sys.argv[1]):
    a = json.loads(line)
    s = a["damp"]["subject"]
    e = a["damp"].get("evidence", {})
    who = s.get("ip") or s.get("prefix") or s.get("zone") or s.get("link")
    print(a["@timestamp"], a["event"]["action"], a["rule"]["name"], who,
          *("%s=%s" % (k, e[k]) for k in KEYS if k in e))
END
}

# golden NAME CAPTURE ARGS...
golden() {
	local name=$1 capture=$2 want=$here/golden/${1%_bare}.expected # configured or not, the same
	shift 2
	if [ "$name" != "${name%_bare}" ]; then # but for the links, which nobody can know then
		grep -v ' link-saturation ' "$want" >"$dir/bare.expected"
		want=$dir/bare.expected
	fi
	if "$damp" replay -q "$@" --alerts "$dir/alerts" "$capture" >"$dir/log" 2>&1 && normal "$dir/alerts" >"$dir/got" 2>>"$dir/log"; then
		[ -n "${UPDATE:-}" ] && cp "$dir/got" "$want"
		if [ -f "$want" ] && diff -u "$want" "$dir/got" >>"$dir/log"; then echo "ok golden_$name"; return; fi
	fi
	head -40 "$dir/log"
	echo "not ok golden_$name"
}

# made NAME SECONDS SCENARIO...
made() {
	local name=$1 seconds=$2
	shift 2
	"$gen" --seed 11 --start 1775960000 --duration "$seconds" --snaplen 128 -o "$dir/$name.pcap" "$@" 2>"$dir/log" ||
		{ cat "$dir/log"; echo "not ok golden_$name"; return; }
	golden "$name" "$dir/$name.pcap" --networks 10.64.0.0/23,2001:db8:64::/64 --resolvers 10.53.0.53,2001:db8:53::53
}

golden backhaul "$here/golden/backhaul.pcap" -c "$here/golden/backhaul.conf"
golden backhaul_bare "$here/golden/backhaul.pcap"
ordinary="benign clients=30 clients6=5 web=0.001 quic=0.0005"
made infected 40 $ordinary + infected hosts=3 hosts6=1 rate=3 start=5 stop=30
made reflection 20 $ordinary + reflection rate=100 start=5
made reflector 20 $ordinary + reflection two_sided=yes reflectors=3 rate=150 start=5
made ntp 15 $ordinary + amp vector=ntp pps=500 start=5
made fragments 15 $ordinary + fragflood pps=1000 start=5
made query_flood 12 $ordinary + spoofed pps=4000 start=4
made ordinary 20 $ordinary
