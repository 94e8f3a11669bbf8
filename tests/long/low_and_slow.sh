#!/bin/bash
# Below every rate: hosts that ask for the big answer a few times a minute, all evening long.  They must be named,
# and nobody else, among an hour of ordinary traffic.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

slow() { # slow NAME RATE [SECONDS]
	"$gen" --seed 5 --duration "${3:-3600}" --snaplen 200 --labels "$dir/labels" -o "$dir/c.pcap" \
		benign clients=100 clients6=20 web=0.0005 quic=0.0002 mail=2 \
		+ infected hosts=3 hosts6=1 rate="$2" start=300 arrival=poisson 2>"$dir/log"
	if "$damp" replay -q --alerts "$dir/alerts" "$dir/c.pcap" >>"$dir/log" 2>&1 &&
		python3 "$here/check/compare_alerts.py" "$dir/alerts" "$dir/labels" dns-amplification-abuser - >>"$dir/log"
	then
		echo "ok slow_$1"
		python3 "$here/bench/delay.py" "$dir/alerts" "$dir/labels" |
			awk '{ printf "   named %d of %d, after %.0f s at most, median %.0f s\n", $1, $2, $3, $4 }'
	else
		cat "$dir/log"
		echo "not ok slow_$1"
	fi
}

slow twelve_a_minute 0.2
slow three_a_minute 0.05
slow one_a_minute 0.017 7200
