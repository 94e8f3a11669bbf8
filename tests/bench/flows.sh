#!/bin/bash
# The flow collector beside nfcapd, sfcapd, nfacctd and nfdump: the same datagrams from the same sender, one receiver
# after the other and by turns, so that ratios mean the same on another machine.  Costs are CPU seconds (user and
# system) per million records; medians of RUNS.
# FLOWS=13000000 makes the file of the top lists as large as a busy day's; RECORDS and RATE: what is sent each time.
set -u
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C.UTF-8
build=${BUILD:-build} damp=${DAMP:-$build/damp} dir=${BUILD:-build}/bench
runs=${RUNS:-3} records=${RECORDS:-1200000} rate=${RATE:-300000} flows=${FLOWS:-}
sender=$dir/records
mkdir -p "$dir"
failed=0 pid=
say() { [ -t 2 ] && printf '%s\n' "$*" >&2; return 0; }
fail() { echo "bench: $*" >&2; exit 1; }
cleanup() { [ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$dir/nfcapd" "$dir/receiver" "$dir"/*.tmp; }
trap cleanup EXIT
${CC:-gcc} -O2 -std=c17 -D_GNU_SOURCE -I. -o "$sender" tests/bench/records.c || fail "cannot build the sender"

# --- the table ---

calc() { awk "BEGIN { printf \"%.$2f\", $1 }"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
row() { # row WHAT DAMP PEER RATIO LIMIT ["of what"]: LIMIT "-" is information only
	local verdict=ok
	[ "$5" = - ] || verdict=$(awk -v m="$4" -v t="$5" 'BEGIN { print m <= t ? "ok" : "MISSED" }')
	[ "$5" = - ] && verdict=
	[ "$verdict" = MISSED ] && failed=1
	printf '%-40s %9s %9s %7s  %6s %-6s  %s\n' "$1" "$2" "$3" "$4" "$5" "$verdict" "${6:-}"
}
has() { command -v "$1" >/dev/null; }
skip() { printf '%-40s skipped: %s\n' "$1" "$2"; }

# --- receivers ---

receiver_damp="$damp run -q --threads 1 --networks 10.0.0.0/8 --resolvers 10.0.0.53 --alerts DIR/alerts --listen 127.0.0.1:PORT"
receiver_nfcapd="nfcapd -b 127.0.0.1 -p PORT -w DIR -B 8000000 -t 3600"
receiver_sfcapd="sfcapd -b 127.0.0.1 -p PORT -w DIR -B 8000000 -t 3600"
receiver_nfacctd="nfacctd -L 127.0.0.1 -l PORT -P print -c src_host,dst_host,src_port,dst_port,proto"

cost() { # cost KIND RECORDS RATE COMMAND...: result=(CPU-seconds-per-million drops RSS-MiB seconds)
	local out
	out=$(python3 tests/bench/flows.py "$sender" "$1" "$2" "$3" "$dir" "${@:4}" 2>"$dir/run.tmp") ||
		fail "$1 ${*:4:2}: $(tail -n 3 "$dir/run.tmp")"
	read -ra result <<<"$out"
}

# compare NAME KIND LIMIT PEER OPTION...: medians of damp, with options, and the peer, by turns
compare() {
	local name=$1 kind=$2 limit=$3 peer=$4 command=receiver_$4 i lost=0
	has "$peer" || { skip "$name" "no $peer here"; return; }
	say "bench: $name beside $peer"
	: >"$dir/damp.tmp"; : >"$dir/peer.tmp"
	for ((i = 0; i < runs; i++)); do
		cost "$kind" "$records" "$rate" $receiver_damp "${@:5}"
		echo "${result[0]}" >>"$dir/damp.tmp"
		lost=$((lost + result[1]))
		cost "$kind" "$records" "$rate" ${!command}
		echo "${result[0]}" >>"$dir/peer.tmp"
		# a peer that loses some did less than it should: its cost is no yardstick
		[ "${result[1]}" = 0 ] || echo "bench: $peer lost ${result[1]} datagrams" >&2
	done
	[ "$lost" = 0 ] || { failed=1; echo "bench: damp lost $lost datagrams of $kind"; }
	local a b
	a=$(median <"$dir/damp.tmp") b=$(median <"$dir/peer.tmp")
	row "$name" "$(calc "$a" 3)" "$(calc "$b" 3)" "$(calc "$a / $b" 2)" "$limit" "$peer, CPU s per million"
}

printf '%s records at %s a second, medians of %s; %s, load %s\n' "$records" "$rate" "$runs" \
	"$(uname -m), $(nproc) cores" "$(cut -d" " -f1 /proc/loadavg)"
printf '%-40s %9s %9s %7s  %6s %-6s  %s\n' what damp peer ratio reach "" "peer and unit"
compare "NetFlow v5, detecting / stored" v5 1 nfcapd
compare "NetFlow v9, detecting / stored" v9 1 nfcapd
compare "IPFIX, detecting / stored" ipfix 1 nfcapd
compare "sFlow, detecting / stored" sflow 0.5 sfcapd
compare "NetFlow v9, detecting, with the archive" v9 - nfcapd --archive DIR

if has nfacctd; then
	say "bench: nfacctd"
	cost v9 $((records / 3)) $((rate / 4)) $receiver_nfacctd
	them=${result[0]} drops=${result[1]}
	cost v9 $((records / 3)) $((rate / 4)) $receiver_damp
	row "NetFlow v9, detecting / accounted" "${result[0]}" "$them" "$(calc "${result[0]} / $them" 2)" 1 \
		"nfacctd (lost $drops datagrams), at a quarter of the rate"
else
	skip "NetFlow v9, detecting / accounted" "no nfacctd here"
fi

say "bench: loss"
for kind in v5 v9; do
	# two cores for sender and receiver: what else runs on them may take one away for longer than the buffer lasts
	for try in 1 2 3; do
		cost "$kind" 6000000 2000000 $receiver_damp
		[ "${result[1]}" != 0 ] || break
		say "bench: attempt $try lost ${result[1]} datagrams"
	done
	row "lost at 2 million records a second, $kind" "${result[1]}" - "${result[1]}" 0 \
		"datagrams; attempt $try, sent in ${result[3]} s, one receiving core"
done

# --- top lists of a file that nfcapd wrote ---

free=$(df --output=avail -k "$dir" | tail -n 1)
[ -n "$flows" ] || { [ "$free" -gt 8000000 ] && flows=8000000 || flows=2000000; }
top_lists() {
	local port=19995 file i
	has nfcapd && has nfdump || { skip "top list of a file" "no nfcapd or nfdump here"; return; }
	[ "$free" -gt $((flows / 6)) ] || { skip "top list of a file" "less than $((flows / 6000)) MB free"; return; }
	say "bench: top list of $flows flows"
	rm -rf "$dir/nfcapd"; mkdir -p "$dir/nfcapd"
	nfcapd -b 127.0.0.1 -p $port -w "$dir/nfcapd" -B 8000000 -t 86400 >"$dir/run.tmp" 2>&1 &
	pid=$!
	sleep 0.5
	"$sender" v5 --to $port --records "$flows" --rate 700000 >"$dir/sent.tmp" || fail "the sender failed"
	sleep 1
	kill "$pid"; wait "$pid"; pid=
	file=$(ls -S "$dir"/nfcapd/nfcapd.2* | head -n 1) # two, when its interval ended meanwhile
	cat "$file" >/dev/null
	: >"$dir/damp.tmp"; : >"$dir/peer.tmp"
	for ((i = 0; i < runs + 2; i++)); do
		python3 tests/bench/cost.py nfdump -r "$file" -s ip/bytes 2>"$dir/top.tmp" | cut -d" " -f1 >>"$dir/peer.tmp"
		python3 tests/bench/cost.py "$damp" flows -s ip/bytes "$file" 2>/dev/null | cut -d" " -f1 >>"$dir/damp.tmp"
	done
	local n a b
	n=$(awk '/^Total flows processed:/ { print $4 + 0 }' "$dir/top.tmp")
	a=$(median <"$dir/damp.tmp") b=$(median <"$dir/peer.tmp")
	row "-s ip/bytes over $n flows" "$a" "$b" "$(calc "$a / $b" 2)" 1 \
		"nfdump, CPU s: $(calc "$n / $b / 1e6" 1) million a second, damp $(calc "$n / $a / 1e6" 1)"
}
top_lists

# --- memory ---

new_hosts() { # an hour in which every record has a host never seen before, and RSS on the way
	say "bench: an hour of new hosts"
	: >"$dir/rss.tmp"
	"$sender" v5 --capture --new --records 10800000 --rate 3000 |
		"$damp" replay -q --threads 1 --input exports --networks 10.0.0.0/8 --alerts "$dir/alerts.tmp" \
			--stats "$dir/stats.tmp" - 2>"$dir/run.tmp" &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$pid/status" 2>/dev/null >>"$dir/rss.tmp"
		sleep 0.05
	done
	wait "$pid" || fail "$(tail -n 3 "$dir/run.tmp")"
	pid=
	# the tables' pages fill in the first half hour; from then on nothing may grow
	set -- $(awk '$1 > 0 { v[++n] = $1 } END { print v[int(n / 2) + 1]; for (i = 1; i <= n; i++) if (v[i] > m) m = v[i]; print m }' \
		"$dir/rss.tmp")
	row "RSS, an hour of 10.8 million new hosts" "$(calc "$2" 0)" "$(calc "$1" 0)" "$(calc "$2 / $1" 2)" 1.02 \
		"MB, the most / after half; evicted $(value evicted), not let in $(value unadmitted_packets) packets"
}
value() { grep -o "\"$1\":[0-9.]*" "$dir/stats.tmp" | tail -n 1 | cut -d: -f2; }  # the sums come last
exporters() { # exporters N: sets peak to the peak RSS in MB
	"$sender" v9 --capture --exporters "$1" --records 750000 --rate 20000 |
		"$damp" replay -q --threads 1 --input exports --networks 10.0.0.0/8 --alerts "$dir/alerts.tmp" \
			--stats "$dir/stats.tmp" - 2>"$dir/run.tmp" || fail "$(tail -n 3 "$dir/run.tmp")"
	peak=$(calc "$(value peak_rss_bytes) / 1000000" 1)
}
new_hosts
say "bench: exporters"
exporters 10
few=$peak
exporters 10000
[ "$(value templates)" = 10000 ] || { failed=1; echo "bench: only $(value templates) of 10000 templates were kept"; }
row "memory of 10,000 exporters' templates" "$peak" "$few" "$(calc "$peak - $few" 1)" 100 "MB, the peak with 10; the difference counts"
exporters 30000
refused=$(value templates_refused)
row "of 30,000 exporters" "$peak" "$few" "$(calc "$peak - $few" 1)" 100 "MB; kept $(value templates), refused and counted $refused"
[ "${refused:-0}" -gt 0 ] || { failed=1; echo "bench: what the bound refused is not in --stats"; }
exit $failed
