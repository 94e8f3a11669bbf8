#!/bin/bash
# The listener and sFlow against their peers: sfcapd and tshark get the same datagrams, and must see the same flows;
# and a load of NetFlow v5 that one receiver, and two, must take without loss.
# sfcapd counts whole frames, headers of the link included; here bytes are IP's, as in NetFlow: those are
# compared with tshark's ip.len.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
cd "$here" || exit 1
build=${BUILD:-build}
data=${SHARED_DATA:-}
dir=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
status=0
ok() { echo "ok listen: $1"; }
not_ok() { echo "not ok listen: $1"; shift; printf '  %s\n' "$@"; status=1; }

make -s BUILD="$build" "$build/tools/sender" "$build/tools/collect" >/dev/null &&
	cp "$build/tools/sender" "$build/tools/collect" "$dir" || { echo "not ok listen: building"; exit 1; }

# collect NAME OPTIONS...: starts a collector; its output in NAME.out, its port in $port, its pid in
# $collector; over TCP when $scheme says so
collect() {
	local out=$dir/$1.out; shift
	: >"$out"
	"$dir/collect" "$@" "${scheme-}127.0.0.1:0" >"$out" & collector=$!
	pids+=("$collector")
	port=
	for _ in $(seq 200); do
		port=$(awk '/^port /{print $2}' "$out"); [ -n "$port" ] && return 0
		sleep 0.1
	done
	echo "not ok listen: the collector does not start"; exit 1
}
# drained PORT: until what was sent there is read, and worked on
drained() {
	for _ in $(seq 100); do
		sleep 0.2
		[ "$(ss -Hnuta "sport = :$1" | awk '{ n += $3 } END { print n + 0 }')" = 0 ] && return
	done
}
value() { awk -v k="$2" '$1 == k {print $2}' "$dir/$1.out"; }

# --- load: 30,000 records a second would be much for an ISP; this is twenty times that, for a second -----------
load() { # load NAME THREADS
	collect "$1" --threads "$2" --datagrams 20000 --seconds 20
	"$dir/sender" --v5 30 --count 20000 --rate 20000 --sockets 8 127.0.0.1 "$port" >"$dir/sent"
	wait "$collector"
	if [ "$(value "$1" received)" = 20000 ] && [ "$(value "$1" records)" = 600000 ] && [ "$(value "$1" kernel_drops)" = 0 ]; then
		ok "$1"
	else
		not_ok "$1" "$(cat "$dir/sent")" "$(grep -E '^(received|records|kernel_drops|lost|corrupt) ' "$dir/$1.out" | tr '\n' ' ')"
	fi
}
load one_receiver 1
load two_receivers 2

# --- a real exporter, over UDP and TCP: what it says it sent is what arrives -------------------------------------
export_by() { # export_by NAME SCHEME OPTIONS...
	local name=$1 scheme=$2 log=$dir/$1.log; shift 2
	collect "$name" --seconds 30
	softflowd "$@" -d -n "127.0.0.1:$port" -r tests/golden/backhaul.pcap >"$log" 2>&1
	drained "$port"
	kill "$collector"
	wait "$collector"
	local packets records
	packets=$(sed -n 's/^Packets processed: //p' "$log")
	records=$(sed -nE 's/^Flows exported: .*\(([0-9]+) records\).*/\1/p' "$log")
	if [ -n "$packets" ] && [ "$(value "$name" flow_packets)" = "$packets" ] && [ "$(value "$name" records)" = "$records" ] &&
		[ "$(value "$name" corrupt)" = 0 ]; then
		ok "$name: $records records of $packets packets"
	else
		not_ok "$name" "sent: $records records of $packets packets" "$(grep -E '^(received|records|flow_packets|corrupt|no_template|unknown) ' "$dir/$name.out" | tr '\n' ' ')"
	fi
}
if PATH=$PATH:/usr/sbin command -v softflowd >/dev/null; then
	PATH=$PATH:/usr/sbin
	export_by ipfix_tcp tcp:// -v 10 -P tcp
	export_by ipfix_udp "" -v 10
	export_by netflow9 "" -v 9
	export_by netflow5 "" -v 5
else
	echo "skip listen: softflowd: not installed"
fi

# --- the same datagrams to sfcapd ----------------------------------------------------------------------------
# peer NAME FILES...: 5-tuple, packets of each flow, ours and sfcapd's
peer() {
	local name=$1 nf=$dir/nf_$1 sf free; shift
	free=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	mkdir "$nf"
	sfcapd -p "$free" -b 127.0.0.1 -w "$nf" -l "$nf" -t 3600 >"$nf.log" 2>&1 & sf=$!
	pids+=("$sf")
	for _ in $(seq 200); do ss -Hlnu "sport = :$free" 2>/dev/null | grep -q . && break; sleep 0.1; done
	collect "$name" --lines --seconds 10 --datagrams "$("$dir/sender" 127.0.0.1 "$free" "$@" | awk '{print $2}')"
	"$dir/sender" 127.0.0.1 "$port" "$@" >/dev/null
	wait "$collector"
	drained "$free"
	kill "$sf"; wait "$sf" 2>/dev/null
	nfdump -q -N -r "$(echo "$nf"/nfcapd.*)" -6 -o 'fmt:%sa,%da,%sp,%dp,%pkt' 2>/dev/null | tr -d ' ' | grep , | sort >"$nf.flows"
	# a second DNS message in one TCP segment is a flow of no packets
	awk -F, 'NF == 9 && $6 > 0 {print $1 "," $2 "," $3 "," $4 "," $6}' "$dir/$name.out" | sort >"$nf.ours"
	if [ -s "$nf.ours" ] && cmp -s "$nf.flows" "$nf.ours"; then ok "$name: $(wc -l <"$nf.ours") flows as sfcapd sees them"
	else not_ok "$name: flows differ from sfcapd's" "$(diff "$nf.flows" "$nf.ours" | head -n 20)"; fi
}

# what the capture says itself: how many packets were sampled, their IP lengths times the rate, and counter samples
dissected() { # dissected CAPTURE: "flows bytes counters"
	tshark -r "$1" -T fields -e eth.type -e ip.len -e sflow.flow_sample.sampling_rate -e sflow.counters_sample.sequence_number 2>/dev/null |
		awk -F'\t' '{counters += split($4, x, ",")}
		$3 != "" {
			n = split($2, len, ","); split($3, rate, ",")
			outer = $1 ~ /^0x0800/ # the export datagram itself
			for (i = 1 + outer; i <= n; i++) { flows++; bytes += len[i] * rate[i - outer] }
		} END {print flows + 0, bytes + 0, counters + 0}'
}

if command -v sfcapd >/dev/null && command -v nfdump >/dev/null; then
	seeds=tests/fuzz/seeds/sflow
	peer generated "$seeds/dns" "$seeds/tcp" "$seeds/expanded"
	if [ -d "$data/sflow" ]; then
		peer recorded "$data"/sflow/*.dat "$data"/sflow/tcpdump-sflow-print-v6.pcap "$data"/sflow/tcpdump-sflow_expanded.pcap
	else
		echo "skip listen: recorded sFlow: no shared data"
	fi
else
	echo "skip listen: sfcapd: not installed"
fi

if [ -d "$data/sflow" ] && command -v tshark >/dev/null; then
	for f in "$data"/sflow/*.dat "$data"/sflow/tcpdump-sflow-print-v6.pcap "$data"/sflow/tcpdump-sflow_expanded.pcap; do
		name=$(basename "$f")
		capture=$f
		if [ "${f##*.}" = dat ]; then
			capture=$dir/$name.pcap
			od -Ax -tx1 -v "$f" | text2pcap -q -u 6343,6343 - "$capture" 2>/dev/null
		fi
		collect tshark --lines --seconds 10 --datagrams "$(tshark -r "$capture" -Y sflow 2>/dev/null | wc -l)"
		"$dir/sender" 127.0.0.1 "$port" "$f" >/dev/null
		wait "$collector"
		ours="$(awk -F, 'NF == 9 {n++; b += $7} END {print n + 0, b + 0}' "$dir/tshark.out") $(value tshark counters)"
		if [ "$ours" = "$(dissected "$capture")" ] && [ "$(value tshark corrupt)" = 0 ]; then ok "$name: $ours flows, bytes and counter samples as tshark has them"
		else not_ok "$name" "ours: $ours, tshark: $(dissected "$capture")"; fi
	done
else
	echo "skip listen: tshark: no shared data, or not installed"
fi
exit $status
