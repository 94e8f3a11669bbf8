#!/bin/bash
# An hour of what people do, with everything in it that looks like abuse to a naive eye: not one alert.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

hour() { # about 2.5 million packets
	"$gen" --seed "$1" --duration 3600 --snaplen 300 -o - benign clients=250 clients6=80 dns=0.15 nocache=8 recursion=yes \
		mail=6 mailrate=8 forwarders=40 cgnat=3 subs=150 validators=4 antivirus=4 authoritative=1 authrate=40 \
		web=0.001 quic=0.0005 calls=20 vpn=20 speedtests=6 transfers=8 2>"$dir/gen.log"
}

quiet() { # quiet NAME SEED ARGUMENTS...
	local name=$1 seed=$2
	shift 2
	hour "$seed" | "$damp" replay -q "$@" --alerts "$dir/alerts" --stats "$dir/stats" - >"$dir/log" 2>&1
	if [ "${PIPESTATUS[1]}" = 0 ] && [ ! -s "$dir/alerts" ] &&
		python3 -c 'import json,sys; s=json.load(open(sys.argv[1])); sys.exit(s["packets"] < 500000 or s["last"] - s["first"] < 3500)' "$dir/stats"
	then echo "ok benign_hour_$name"
	else
		cat "$dir/gen.log" "$dir/log"
		grep -o '"message":"[^"]*"' "$dir/alerts" | head -n 10
		echo "not ok benign_hour_$name"
	fi
}

quiet bare 11
quiet known 11 --networks 10.64.0.0/23,2001:db8:64::/64 --resolvers 10.53.0.53,2001:db8:53::53
quiet another_seed 12
