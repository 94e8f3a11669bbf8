#!/bin/bash
# Speed, memory and delay, as ratios to a bare libpcap loop over the same file in the same run; so the figures
# mean the same on another machine.  Commands alternate, the smallest of the runs counts.
# PACKETS=2000000 makes it shorter, RUNS=5 steadier, KEEP=1 leaves the captures for the next time.
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
build=${BUILD:-build} damp=${DAMP:-$build/damp} gen=${GEN:-$build/damp-gen}
dir=$build/bench packets=${PACKETS:-10000000} runs=${RUNS:-3}
loop=$dir/pcaploop
mkdir -p "$dir"
failed=0

say() { [ -t 2 ] && printf '%s\n' "$*" >&2; return 0; }
fail() { echo "bench: $*" >&2; exit 1; }

# --- inputs ---

need=$((packets * 530 + packets * 94 + packets / 2 * 190 + 2500000 * 530))
free=$(($(df --output=avail -k "$dir" | tail -n 1) * 1024))
[ "$free" -gt $((need + need / 10)) ] ||
	fail "needs $((need >> 20)) MiB in $dir, $((free >> 20)) are free; try PACKETS=2000000"
cleanup() { [ -n "${KEEP:-}" ] || rm -f "$dir"/*.pcap "$dir"/*.stamp "$dir"/*.labels; rm -f "$dir"/*.tmp; }
trap cleanup EXIT

input() { # input NAME GENERATOR-ARGUMENTS...: made once, unless the generator or the arguments changed
	local name=$1 stamp
	shift
	stamp="$(cksum <"$gen") $*"
	[ -f "$dir/$name.pcap" ] && [ "$(cat "$dir/$name.stamp" 2>/dev/null)" = "$stamp" ] && return
	say "bench: making $name"
	"$gen" --labels "$dir/$name.labels" -o "$dir/$name.pcap" "$@" 2>"$dir/gen.tmp" || fail "$(cat "$dir/gen.tmp")"
	printf '%s' "$stamp" >"$dir/$name.stamp"
}
${CC:-gcc} -O2 -std=c17 -D_DEFAULT_SOURCE -o "$loop" tests/bench/pcaploop.c -lpcap || fail "cannot build the bare loop"
input mixed bulk packets="$packets" size=500 hosts=20000
input spoofed --start 1772366400 spoofed packets="$packets" pps=200000

# --- measuring ---

# measure COLUMN COMMAND-A -- COMMAND-B: smallest of column (1 CPU, 2 wall) for A and B, run alternately
measure() {
	local column=$1 i out
	shift
	local a=() b=() best_a= best_b= rss_a=0 rss_b=0
	while [ "$1" != -- ]; do a+=("$1"); shift; done
	shift
	b=("$@")
	for ((i = 0; i < runs; i++)); do
		out=$(python3 tests/bench/cost.py "${a[@]}" 2>"$dir/run.tmp") || fail "$(cat "$dir/run.tmp")"
		set -- $out
		[ "$4" = 0 ] || fail "${a[*]}: status $4: $(tail -n 3 "$dir/run.tmp")"
		best_a=$(awk -v x="$best_a" -v y="${!column}" 'BEGIN { print (x == "" || y + 0 < x + 0) ? y : x }')
		rss_a=$(awk -v x="$rss_a" -v y="$3" 'BEGIN { print (y + 0 > x + 0) ? y : x }')
		out=$(python3 tests/bench/cost.py "${b[@]}" 2>"$dir/run.tmp") || fail "$(cat "$dir/run.tmp")"
		set -- $out
		[ "$4" = 0 ] || fail "${b[*]}: status $4: $(tail -n 3 "$dir/run.tmp")"
		best_b=$(awk -v x="$best_b" -v y="${!column}" 'BEGIN { print (x == "" || y + 0 < x + 0) ? y : x }')
		rss_b=$(awk -v x="$rss_b" -v y="$3" 'BEGIN { print (y + 0 > x + 0) ? y : x }')
	done
	result=($best_a $best_b $rss_a $rss_b)
}

row() { # row FIGURE MEASURED LIMIT SENSE UNIT DETAIL
	local verdict
	verdict=$(awk -v m="$2" -v t="$3" -v s="$4" 'BEGIN { print (s == "<=" ? m <= t : m >= t) ? "met" : "MISSED" }')
	[ "$verdict" = met ] || failed=1
	printf '%-44s %9s %-2s  %s %-5s %-6s  %s\n' "$1" "$2" "$5" "$4" "$3" "$verdict" "$6"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

replay() { echo "$damp" replay -q --threads "$1" --alerts "$dir/alerts.tmp" --stats "$dir/stats.tmp" "$2"; }

printf "%s packets each, %s runs, the smallest counts; %s, load %s\n" "$packets" "$runs" "$(uname -m), $(nproc) cores" \
	"$(cut -d" " -f1 /proc/loadavg)"
printf '%-44s %9s     %-8s\n' figure measured target

cat "$dir/mixed.pcap" >/dev/null
say "bench: mixed traffic, one thread"
measure 1 $(replay 1 "$dir/mixed.pcap") -- "$loop" "$dir/mixed.pcap"
row "CPU, mixed 500 B, 1 thread / bare loop" "$(ratio "${result[0]}" "${result[1]}")" 1.5 "<=" x "${result[0]} s / ${result[1]} s"
row "peak memory, mixed" "${result[2]}" 512 "<=" M ""
say "bench: mixed traffic, wall, one thread against two"
measure 2 $(replay 1 "$dir/mixed.pcap") -- $(replay 2 "$dir/mixed.pcap")
row "wall, 1 thread / 2 threads" "$(ratio "${result[0]}" "${result[1]}")" 1.6 ">=" x "${result[0]} s / ${result[1]} s"

# All kinds against dns-amplification-abuser alone: the two differ little, so it takes more runs to tell.
all_kinds() { # all_kinds FIGURE CAPTURE
	local runs=$((runs * 2))
	say "bench: $1"
	measure 1 $(replay 1 "$2") -- $(replay 1 "$2") -c "$dir/alone.conf"
	row "$1" "$(ratio "${result[0]}" "${result[1]}")" 1.15 "<=" x "${result[0]} s / ${result[1]} s"
}
{
	echo "detectors:"
	sed -n 's/.*\[KIND_[A-Z_]*\] = "\([a-z-]*\)".*/\1/p' detector/alert.c | grep -vx dns-amplification-abuser |
		sed 's/.*/  &: {enabled: false}/'
} >"$dir/alone.conf"
"$damp" check-config "$dir/alone.conf" >/dev/null || fail "cannot turn the kinds off"
all_kinds "CPU, mixed, all kinds / one" "$dir/mixed.pcap"
input dns bulk packets=$((packets / 2)) size=100 dns=100 hosts=20000
cat "$dir/dns.pcap" >/dev/null
all_kinds "CPU, DNS alone, all kinds / one" "$dir/dns.pcap"
[ -n "${KEEP:-}" ] || rm -f "$dir/dns.pcap"

cat "$dir/spoofed.pcap" >/dev/null
say "bench: spoofed sources, one thread"
measure 1 $(replay 1 "$dir/spoofed.pcap") -- "$loop" "$dir/spoofed.pcap"
row "CPU, spoofed 64 B, 1 thread / bare loop" "$(ratio "${result[0]}" "${result[1]}")" 3 "<=" x "${result[0]} s / ${result[1]} s"
row "peak memory, spoofed (every source new)" "${result[2]}" 512 "<=" M ""
[ -n "${KEEP:-}" ] || rm -f "$dir/mixed.pcap" "$dir/spoofed.pcap"

# --- delay: ten infected hosts in 100 000 packets a second, starting somewhere inside a second ---

say "bench: detection delay"
input delay --duration 20 --pps 100000 --snaplen 200 bulk hosts=20000 \
	+ infected hosts=4 hosts6=1 rate=10 start=5.37 stagger=3 ordinary=0 \
	+ infected first=50 hosts=4 hosts6=1 rate=100 start=6.81 stagger=3 ordinary=0
$(replay 1 "$dir/delay.pcap") >"$dir/run.tmp" 2>&1 || fail "$(tail -n 3 "$dir/run.tmp")"
set -- $(python3 tests/bench/delay.py "$dir/alerts.tmp" "$dir/delay.labels")
[ "$1" = "$2" ] || { failed=1; echo "only $1 of $2 infected hosts were named"; }
row "detection delay, slowest of $2 hosts" "$3" 2 "<=" s "median $4 s"

# --- the flow collector, beside its peers ---

echo
BUILD=$build DAMP=$damp tests/bench/flows.sh || failed=1
exit $failed
