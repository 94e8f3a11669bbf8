#!/bin/bash
# The bundled capture: small, reproducible from its committed command line, and damp names exactly the 41 hosts.
set -u
damp=${DAMP:-build/damp} here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export GEN=${GEN:-$PWD/build/damp-gen}

if LABELS=$dir/labels "$here/golden/make.sh" "$dir/made.pcap" 2>"$dir/log" && cmp "$dir/made.pcap" "$here/golden/backhaul.pcap"
then echo "ok golden_capture_reproduces"
else cat "$dir/log"; echo "not ok golden_capture_reproduces"; fi

if [ "$(stat -c %s "$here/golden/backhaul.pcap")" -lt 2000000 ]; then echo "ok golden_capture_small"
else echo "not ok golden_capture_small"; fi

if "$damp" replay -q -c "$here/golden/backhaul.conf" --alerts "$dir/alerts" "$here/golden/backhaul.pcap" >"$dir/log" 2>&1 &&
	[ "$(grep -c '^dns-amplification-abuser' "$dir/labels")" = 41 ] &&
	python3 "$here/check/compare_alerts.py" "$dir/alerts" "$dir/labels" dns-amplification-abuser link-saturation >>"$dir/log"
then echo "ok golden_capture_names_all_41"
else cat "$dir/log"; echo "not ok golden_capture_names_all_41"; fi
