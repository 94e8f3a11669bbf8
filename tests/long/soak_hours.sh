#!/bin/bash
# Six hours of ordinary traffic, from a quiet night to a busy noon, as six captures of an hour read in one run:
# not one alert.  What would be opened is printed.  Windows that never empty and counters that creep show here.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
hour=3600 start=1700000000

part() { # part NUMBER QUERIES-A-CLIENT MAILS TRANSFERS
	"$gen" --seed $((${SEED:-21} + $1)) --start $((start + $1 * hour)) --duration $hour --snaplen 300 -o - benign clients=120 clients6=40 \
		dns="$2" nocache=4 recursion=yes mail=3 mailrate="$3" forwarders=15 cgnat=2 subs=80 validators=3 antivirus=3 \
		authoritative=1 authrate=15 web=0.0004 quic=0.0002 calls=3 vpn=3 speedtests="$4" transfers="$4" 2>>"$dir/gen.log"
}

soak() { # soak NAME REPLAY-ARGUMENTS...
	local name=$1
	shift
	if "$damp" replay -q "$@" --alerts "$dir/alerts" --stats "$dir/stats" <(part 0 0.01 1 0) <(part 1 0.02 2 1) \
			<(part 2 0.05 4 3) <(part 3 0.1 6 6) <(part 4 0.12 8 8) <(part 5 0.15 6 10) >"$dir/log" 2>&1 &&
		[ ! -s "$dir/alerts" ] && python3 - "$dir/stats" <<'PY'
import json, sys
s = json.load(open(sys.argv[1]))
print("   %d packets in %.1f hours, %d hosts, %d late, %d MB at most" %
      (s["packets"], (s["last"] - s["first"]) / 3600, s["hosts"], s["late"], s["peak_rss_bytes"] >> 20))
sys.exit(s["packets"] < 1000000 or s["last"] - s["first"] < 5.9 * 3600)
PY
	then echo "ok soak_hours_$name"
	else
		cat "$dir/gen.log" "$dir/log"
		grep '"action":"opened"' "$dir/alerts" | grep -o '"message":"[^"]*"' | sort | uniq -c | head -n 20
		echo "not ok soak_hours_$name"
	fi
}

soak bare
soak known --networks 10.64.0.0/23,2001:db8:64::/64 --resolvers 10.53.0.53,2001:db8:53::53
