#!/bin/bash
# NetFlow v9 and IPFIX against what others say of the same datagrams, and from a real exporter on loopback.
set -u
build=${BUILD:-build} data=${SHARED_DATA:-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
make -s BUILD="$build" "$build/tools/flowlines" >/dev/null || { echo "not ok templates: flowlines does not build"; exit 1; }
flowlines=$build/tools/flowlines

if [ -z "$data" ] || [ ! -d "$data/netflow/logstash" ]; then
	echo "skip templates_peers: no folder of real datagrams (SHARED_DATA)"
else
	for d in "$data"/netflow/logstash/*9* "$data"/ipfix/logstash/*; do
		name=$(basename "$d" | tr -c 'a-z0-9\n' _)
		"$flowlines" "$d"/*.dat >"$dir/lines"
		if [ ! -f "$d/expected.json" ]; then
			# nothing is asserted of it but that it does no harm
			if grep -q '"datagrams":1,' "$dir/lines"; then echo "ok peers_$name"; else echo "not ok peers_$name"; fi
		elif python3 tests/check/compare_flows.py "$d/expected.json" <"$dir/lines" >"$dir/log"; then
			echo "ok peers_$name"
		else
			cat "$dir/log"
			echo "not ok peers_$name"
		fi
	done
fi

# IPFIX files: as many flows and octets as tshark finds
if [ -z "$data" ] || [ ! -d "$data/ipfix" ] || ! command -v tshark >/dev/null; then
	echo "skip templates_files: no folder of IPFIX files (SHARED_DATA), or no tshark"
else
	bad=0
	for f in "$data"/ipfix/ipfixcol-0*.ipfix; do
		theirs=$(tshark -r "$f" -T fields -e cflow.octets 2>/dev/null | tr ',' '\n' | awk 'NF { n++; s += $1 } END { print n, s }')
		ours=$("$flowlines" -f "$f" | grep -o '"octetDeltaCount":[0-9]*' | awk -F: '{ n++; s += $2 } END { print n, s }')
		[ -n "$ours" ] && [ "$ours" = "$theirs" ] && continue
		echo "${f##*/}: $ours, tshark $theirs"
		bad=1
	done
	if [ $bad = 0 ]; then echo "ok templates_files"; else echo "not ok templates_files"; fi
fi

# sums FIELD FILTER...: of the flows in $dir/lines
sums() {
	python3 - "$dir/lines" "$@" <<'PY'
import json, sys
flows = [f for f in map(json.loads, open(sys.argv[1])) if 'protocolIdentifier' in f]
want = dict(a.split('=') for a in sys.argv[3:])
print(sum(f[sys.argv[2]] for f in flows if all(str(f[k]) == v for k, v in want.items())))
PY
}

# A capture of 100 queries and 100 fragmented answers through softflowd.
exported() { # exported NAME VERSION CAPTURE QUERY-BYTES ANSWER-BYTES LATER-BYTES
	local listener port
	port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	"$flowlines" -u "$port" 4 >"$dir/lines" & listener=$!
	for _ in {1..100}; do ss -Hlnu "sport = :$port" | grep -q . && break; sleep 0.02; done
	timeout 20 softflowd -d -v "$2" -r "$3" -n "127.0.0.1:$port" -p "$dir/pid" -c none >"$dir/log" 2>&1
	wait $listener
	if [ "$(sums octetDeltaCount destinationTransportPort=53)" = "$4" ] &&
		[ "$(sums octetDeltaCount sourceTransportPort=53)" = "$5" ] &&
		[ "$(sums octetDeltaCount fragment=1)" = "$6" ] &&
		[ "$(sums packetDeltaCount destinationTransportPort=53)" = 100 ] &&
		[ "$(sums packetDeltaCount fragment=1)" = 200 ] && grep -q '"corrupt":0,' "$dir/lines" &&
		grep -q '"lost":0,' "$dir/lines"; then
		echo "ok templates_$1"
	else
		cat "$dir/log" "$dir/lines"
		echo "not ok templates_$1"
	fi
}
capture=tests/golden/any_amp_100.pcap
if ! command -v softflowd >/dev/null; then
	echo "skip templates_softflowd: softflowd is not installed"
else
	exported softflowd_v9 9 "$capture" 6500 150000 265700
	exported softflowd_v10 10 "$capture" 6500 150000 265700
fi
