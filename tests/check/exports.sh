#!/bin/bash
# NetFlow with fixed records against decoders of others: tshark on captures of real exporters, and the events that
# the tests of a public collector assert of its datagrams.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build} here=tests/check
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
ok() { echo "ok exports $*"; }
no() { echo "not ok exports $*"; failed=1; }

make -s BUILD="$build" "$build/tools/exportdump" >"$tmp/log" 2>&1 ||
	{ cat "$tmp/log"; echo "not ok exports: building"; exit 1; }
dump=$build/tools/exportdump

# count FILE NAME: a counter of the last line
count() { python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readlines()[-1])[sys.argv[2]])' "$1" "$2"; }

tshark_agrees() { # tshark_agrees CAPTURE PORT
	local name=${1##*/}
	# shellcheck disable=SC2046
	tshark -r "$1" -d "udp.port==$2,cflow" -Y 'cflow.version <= 7' -T fields -E occurrence=a -E aggregator=, \
		$(python3 $here/exports.py fields) >"$tmp/fields" 2>/dev/null
	"$dump" "$1" | grep -E '^\{"(version":[1567]|unknown")[,:]' >"$tmp/flows"
	if python3 $here/exports.py tshark "$tmp/flows" "$tmp/fields"; then ok "tshark $name"; else no "tshark $name"; fi
}

if command -v tshark >/dev/null; then
	tshark_agrees tests/golden/netflow_v1_v5_v7_wire.pcap 15055
	# the comparison must be able to fail
	sed 's/"bytes":150000/"bytes":150001/' "$tmp/flows" >"$tmp/changed"
	if python3 $here/exports.py tshark "$tmp/changed" "$tmp/fields" >/dev/null; then no "sees a wrong counter"
	else ok "sees a wrong counter"; fi
else
	echo "skip exports tshark: not installed"
fi

data=${SHARED_DATA:-}
if [ -z "$data" ]; then
	echo "skip exports of others: no shared data here"
	exit $failed
fi
if command -v tshark >/dev/null; then
	for f in "$data"/netflow/*netflow5.pcap "$data"/netflow/*nprobe-netflow9.pcap; do tshark_agrees "$f" 2055; done
fi
for d in "$data"/netflow/logstash/netflow-5-valid-01 "$data"/netflow/logstash/netflow5-mikrotik; do
	"$dump" "$d"/*.dat >"$tmp/flows"
	if python3 $here/exports.py expected "$tmp/flows" "$d/expected.json"; then ok "expected ${d##*/}"; else no "expected ${d##*/}"; fi
done
# a count of 55582: nothing of it is taken
"$dump" "$data"/netflow/logstash/netflow-5-invalid-01/*.dat >"$tmp/flows"
if [ "$(count "$tmp/flows" corrupt) $(count "$tmp/flows" records)" = "1 0" ]; then ok "invalid refused"; else no "invalid refused"; fi
exit $failed
